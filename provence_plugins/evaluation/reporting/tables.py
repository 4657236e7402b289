"""The tables of an evaluation, from the figures of its methods."""

from collections.abc import Sequence

from provence_plugins.evaluation.judging import REMOVED_SHARES
from provence_plugins.evaluation.measure import COMPARED_AT
from provence_plugins.evaluation.metrics.answers import Interval
from provence_plugins.evaluation.reporting.result_files import Cell, Table
from provence_plugins.evaluation.summary import KINDS, NamedComparison, Summary

_AT = f"{COMPARED_AT:.0%}".replace("%", " %")

_NOTHING = "–"


def make_tables(summaries: Sequence[Summary], comparisons: Sequence[NamedComparison]) -> list[Table]:
    """All tables for which there is something to show, the most important first."""
    tables = [
        _kept(summaries),
        _sentences(summaries),
        _thresholds(summaries),
        _comparisons(comparisons),
        _other_thresholds(summaries),
        _by_source(summaries),
        *(_by_kind(summaries, title) for title in KINDS),
        _counts(summaries),
        _needles(summaries),
        _lengths(summaries),
    ]
    return [table for table in tables if table.rows]


def _kept(summaries: Sequence[Summary]) -> Table:
    shares = [f"{share:.0%}".replace("%", " %") for share in REMOVED_SHARES]
    columns = [
        "method",
        *(f"kept at {share} removed" for share in shares),
        f"95 % interval at {_AT}",
        "within passages, " + " / ".join(share.removesuffix(" %") for share in shares) + " %",
        "average precision",
        "MRR",
        "nDCG@10",
    ]
    rows: list[list[Cell]] = []
    for summary in summaries:
        report = summary.report
        interval = summary.intervals.kept[REMOVED_SHARES.index(COMPARED_AT)]
        rows.append(
            [
                summary.name,
                *map(_percent, report.kept),
                f"{_percent(interval.low)} to {_percent(interval.high)}",
                " / ".join(map(_percent, report.kept_within)),
                f"{report.average_precision:.3f}",
                f"{report.reciprocal_rank:.3f}",
                f"{report.ndcg:.3f}",
            ]
        )
    note = (
        f"{summaries[0].questions:,} questions with marked sentences from {len(summaries[0].by_source)} sources, each "
        "with its passage and its negatives; every figure is a mean over sources. Answers kept in per cent."
    )
    return Table("Answers kept", columns, rows, note)


def _sentences(summaries: Sequence[Summary]) -> Table:
    columns = [
        "method",
        "area under the curve",
        "95 % interval",
        f"precision at {_AT} removed",
        "recall",
        "F2",
        "average precision, 95 % interval",
        "MRR, 95 % interval",
    ]
    rows = [
        [
            summary.name,
            f"{summary.area:.3f}",
            _interval(summary.intervals.area),
            f"{summary.sentences_at_removal.precision:.3f}",
            f"{summary.sentences_at_removal.recall:.3f}",
            f"{summary.sentences_at_removal.f2:.3f}",
            _interval(summary.intervals.average_precision),
            _interval(summary.intervals.reciprocal_rank) if summary.intervals.reciprocal_rank else _NOTHING,
        ]
        for summary in summaries
    ]
    return Table("Curve and sentences", columns, rows)


def _thresholds(summaries: Sequence[Summary]) -> Table:
    columns = [
        "method",
        "threshold",
        "answers kept",
        "text removed",
        "unrelated text removed",
        "sentence precision",
        "recall",
        "F2",
        "calibration error",
    ]
    rows = [
        [
            summary.name,
            f"{summary.threshold:.4g}" if summary.has_default else f"{summary.threshold:.4g} *",
            _percent(summary.at_threshold.kept),
            _percent(summary.at_threshold.removed),
            _NOTHING if summary.unrelated_removed is None else _percent(summary.unrelated_removed),
            f"{summary.sentences_at_threshold.precision:.3f}",
            f"{summary.sentences_at_threshold.recall:.3f}",
            f"{summary.sentences_at_threshold.f2:.3f}",
            _NOTHING if summary.calibration_error is None else f"{summary.calibration_error:.3f}",
        ]
        for summary in summaries
    ]
    note = (
        f"\\* has no threshold of its own; this one removes {_AT} of all text together. Kept and removed in per cent. "
        "*Unrelated* are passages that answer a question of another source."
    )
    return Table("At one threshold", columns, rows, note)


def _comparisons(comparisons: Sequence[NamedComparison]) -> Table:
    columns = ["method", "against", "figure", "difference", "95 % interval", "p"]
    rows = []
    for row in comparisons:
        found = row.comparison
        shown = f"{found.interval.low:+.3f} to {found.interval.high:+.3f}"
        rows.append([row.first, row.second, row.figure, f"{found.difference:+.3f}", shown, f"{found.p_value:.3g}"])
    note = (
        "Paired bootstrap over questions, stratified by source: the same questions are drawn for both methods; p is "
        "two-sided. Shares, not per cent."
    )
    return Table("Differences", columns, rows, note)


def _other_thresholds(summaries: Sequence[Summary]) -> Table:
    shown = [summary for summary in summaries if summary.thresholds]
    columns = ["threshold", *(f"{summary.name}: {what}" for summary in shown for what in ("kept", "removed"))]
    rows: list[list[Cell]] = [
        [f"{rows[0].threshold:g}", *(_percent(share) for row in rows for share in (row.kept, row.removed))]
        for rows in zip(*(summary.thresholds for summary in shown), strict=True)
    ]
    return Table("At other thresholds", columns, rows, "Answers kept and text removed in per cent, negatives included.")


def _by_source(summaries: Sequence[Summary]) -> Table:
    rows = [
        [source, *(_percent(summary.by_source[source]) for summary in summaries)] for source in summaries[0].by_source
    ]
    note = f"Answers kept in per cent at {_AT} removed, with a threshold for each source."
    return Table("By source", ["source", *(summary.name for summary in summaries)], rows, note)


def _by_kind(summaries: Sequence[Summary], title: str) -> Table:
    rows = [
        [f"{kind} ({count})", *(_percent(summary.by_kind[title][kind][1]) for summary in summaries)]
        for kind, (count, _) in summaries[0].by_kind[title].items()
    ]
    note = f"Answers kept in per cent at {_AT} removed, with one threshold for all; in brackets how many questions."
    return Table(f"By {title}", [title, *(summary.name for summary in summaries)], rows, note)


def _counts(summaries: Sequence[Summary]) -> Table:
    relevant = [number for number, row in enumerate(summaries[0].counts) if sum(row)]
    last = len(summaries[0].counts) - 1
    rows = [
        [
            f"{number}{' or more' if number == last else ''} ({sum(summaries[0].counts[number])})",
            *(f"{_mean_place(summary.counts[number]):.1f}" for summary in summaries),
        ]
        for number in relevant
    ]
    note = (
        "Mean number of sentences kept at the threshold above; in brackets how many passages. 0 relevant sentences: "
        f"unrelated passages. More than {last} count as {last}."
    )
    return Table("Sentences kept", ["relevant sentences", *(summary.name for summary in summaries)], rows, note)


def _needles(summaries: Sequence[Summary]) -> Table:
    places = sorted({row.place for summary in summaries for row in summary.needles})
    rows = []
    for summary in summaries:
        for size in sorted({row.size for row in summary.needles}):
            own = {row.place: row for row in summary.needles if row.size == size}
            shown = [own[place] for place in places if place in own]
            whole = f"{shown[0].needles} of {size} sentence{'s' if size > 1 else ''}"
            rows.append([summary.name, whole, "kept", *(_percent(row.kept) for row in shown)])
            if size > 1:
                rows.append([summary.name, whole, "kept whole", *(_percent(row.whole) for row in shown)])
            rows.append([summary.name, whole, "sentences kept", *(f"{row.sentences:.1f}" for row in shown)])
    note = (
        "Answers put among sentences that have nothing to do with them; the columns say how many of these stand before "
        "them. Kept in per cent at the threshold above; sentences kept, those of the needle included."
    )
    return Table("Needles", ["method", "needles", "figure", *map(str, places)], rows, note)


def _lengths(summaries: Sequence[Summary]) -> Table:
    rows = [
        [summary.name, row.length, f"{row.sentences:.1f}", _percent(row.kept), _percent(row.removed)]
        for summary in summaries
        for row in summary.lengths
    ]
    count = next((row.passages for summary in summaries for row in summary.lengths), 0)
    note = (
        f"The same {count} passages with an answer, cut around it or with other text around them. Answers kept and "
        "text removed in per cent at the threshold above."
    )
    return Table("Passage length", ["method", "length", "sentences", "answers kept", "text removed"], rows, note)


def _mean_place(counts: Sequence[int]) -> float:
    return sum(number * count for number, count in enumerate(counts)) / sum(counts)


def _percent(share: float) -> str:
    return f"{100 * share:.1f}"


def _interval(interval: Interval) -> str:
    return f"{interval.low:.3f} to {interval.high:.3f}"
