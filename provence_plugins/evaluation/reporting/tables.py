"""The tables of an evaluation, made from the summaries of its methods."""

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import partial
from typing import Any, TypeVar

from provence_plugins.evaluation.metrics.breakdown import Breakdown
from provence_plugins.evaluation.metrics.catalogue import COMPARED_AT, METRICS, Metric, MetricValue
from provence_plugins.evaluation.metrics.question_kinds import QUESTION_KINDS
from provence_plugins.evaluation.metrics.sentences import SentenceQuality
from provence_plugins.evaluation.probes.needles import NeedleRow
from provence_plugins.evaluation.reporting.result_files import Cell, Table
from provence_plugins.evaluation.summary import NamedComparison, Summary

T = TypeVar("T")

_AT = f"{100 * COMPARED_AT:.0f} %"

_NOTHING = "–"

_BREAKDOWN_TITLES: dict[Breakdown, str] = {
    "source": "source",
    "kind": "kind of text",
    "question-type": "type of question",
}

_METRIC_NOTES = {
    "Answers kept": "One threshold for a source, negatives included. Answers kept in per cent.",
    "Inside passages that hold the answer": (
        "Without the negatives, whose text is easy to remove. In per cent; one threshold for a "
        "source, or, where *pooled* is said, one for all sources together."
    ),
    "Sentences and ranking": (
        "Average precision ranks the sentences of the passage that holds the answer; MRR and nDCG "
        "rank that passage among the negatives of its question."
    ),
    "Words at one threshold": (
        "Words that are kept against words that people annotated, in all passages, at the threshold below. In per cent."
    ),
}


def make_tables(
    summaries: Sequence[Summary],
    comparisons: Sequence[NamedComparison],
) -> list[Table]:
    """Return all tables that have rows, the most important first."""
    tables = [
        *_metrics(summaries),
        _thresholds(summaries),
        _comparisons(comparisons),
        *_groups(summaries),
        _sentences_at_removal(summaries),
        _other_thresholds(summaries),
        *(_breakdown(summaries, by) for by in summaries[0].breakdowns),
        _by_source(summaries),
        *(_by_kind(summaries, title) for title in QUESTION_KINDS),
        _counts(summaries),
        *_needles(summaries),
        _lengths(summaries),
    ]
    return [table for table in tables if table.rows]


def _metrics(summaries: Sequence[Summary]) -> list[Table]:
    """Return the tables of metrics, one row for each metric and one column for each method."""
    # Said once, above the first table.
    data = (
        f"{summaries[0].questions:,} questions with annotated sentences from "
        f"{_plural(summaries[0].sources, 'source')}, each with its passage and its negatives. "
        "A metric is a mean over sources, with its 95 % interval. "
    )
    columns = _columns("metric", summaries)
    tables: list[Table] = []
    for title, note in _METRIC_NOTES.items():
        rows = _metric_rows([summary.metrics for summary in summaries], title)
        if rows:
            tables.append(Table(title, columns, rows, data + note))
            data = ""
    return tables


def _groups(summaries: Sequence[Summary]) -> list[Table]:
    """Return a table of all metrics for each group of sources."""
    tables: list[Table] = []
    for group in summaries[0].groups:
        rows = _metric_rows([summary.groups[group] for summary in summaries], None)
        tables.append(Table(f"Sources: {group}", _columns("metric", summaries), rows))
    return tables


def _metric_rows(
    measured: Sequence[Mapping[str, MetricValue]],
    table: str | None,
) -> list[list[Cell]]:
    """Return a row for each metric of a table, or of all, that some method has."""
    rows: list[list[Cell]] = []
    for metric in METRICS:
        values = [metrics.get(metric.name) for metrics in measured]
        if any(values) and table in (None, metric.table):
            rows.append(_row(metric.heading, values, partial(_measured, metric)))
    return rows


# Any: metrics are computed from different kinds of questions.
def _measured(metric: Metric[Any], value: MetricValue | None) -> str:
    if value is None:
        return _NOTHING
    return metric.show_measured(value)


def _thresholds(summaries: Sequence[Summary]) -> Table:
    qualities = [_quality(summary.sentences_at_threshold) for summary in summaries]
    rows: list[list[Cell]] = [
        _row("threshold", summaries, _threshold),
        _row("answers kept", summaries, lambda summary: _percent(summary.at_threshold.kept)),
        _row("text removed", summaries, lambda summary: _percent(summary.at_threshold.removed)),
        _row("unrelated text removed", summaries, lambda summary: _share(summary.unrelated_removed)),
    ]
    for name, cells in zip(("precision", "recall", "F2"), zip(*qualities, strict=True), strict=True):
        rows.append([f"sentence {name}", *cells])
    note = (
        f"\\* The method has no threshold of its own; this one removes {_AT} of all text together. "
        f"Kept and removed in per cent. *Unrelated* passages answer a question of another source."
    )
    return Table("At one threshold", _columns("metric", summaries), rows, note)


def _comparisons(comparisons: Sequence[NamedComparison]) -> Table:
    columns = ["method", "against", "metric", "difference", "95 % interval", "p"]
    rows: list[list[Cell]] = []
    for row in comparisons:
        comparison = row.comparison
        interval = f"{comparison.interval.low:+.3f} to {comparison.interval.high:+.3f}"
        rows.append(
            [row.first, row.second, row.metric, f"{comparison.difference:+.3f}", interval, f"{comparison.p_value:.3g}"]
        )
    note = (
        "Paired bootstrap over questions, stratified by source: the same questions are drawn for "
        "both methods; p is two-sided. Shares, not per cent."
    )
    return Table("Differences", columns, rows, note)


def _sentences_at_removal(summaries: Sequence[Summary]) -> Table:
    rows: list[list[Cell]] = []
    for summary in summaries:
        if summary.sentences_at_removal is not None:
            rows.append([summary.name, *_quality(summary.sentences_at_removal)])
    note = "A threshold for each source; sentences of negatives included."
    return Table(f"Sentences at {_AT} removed", ["method", "precision", "recall", "F2"], rows, note)


def _other_thresholds(summaries: Sequence[Summary]) -> Table:
    shown = [summary for summary in summaries if summary.thresholds]
    columns = ["threshold"]
    for summary in shown:
        columns += [f"{summary.name}: kept", f"{summary.name}: removed"]
    rows: list[list[Cell]] = []
    for at_one in zip(*(summary.thresholds for summary in shown), strict=True):
        cells: list[Cell] = [f"{at_one[0].threshold:g}"]
        for row in at_one:
            cells += [_percent(row.kept), _percent(row.removed)]
        rows.append(cells)
    return Table("At other thresholds", columns, rows, "Answers kept and text removed in per cent, negatives included.")


def _breakdown(summaries: Sequence[Summary], by: Breakdown) -> Table:
    columns = [_BREAKDOWN_TITLES[by], "questions"]
    for summary in summaries:
        columns += [f"{summary.name}: kept", f"{summary.name}: all of it", f"{summary.name}: removed"]
    rows: list[list[Cell]] = []
    for of_group in zip(*(summary.breakdowns[by] for summary in summaries), strict=True):
        cells: list[Cell] = [of_group[0].group, of_group[0].questions]
        for row in of_group:
            cells += [_percent(row.kept), _percent(row.whole), _percent(row.removed)]
        rows.append(cells)
    note = (
        "In per cent, at the threshold above: questions for which a relevant sentence is kept, questions for which all "
        "relevant sentences are kept, and characters removed, negatives included."
    )
    return Table(f"At the threshold, by {_BREAKDOWN_TITLES[by]}", columns, rows, note)


def _by_source(summaries: Sequence[Summary]) -> Table:
    sources = next((summary.by_source for summary in summaries if summary.by_source), {})
    rows: list[list[Cell]] = []
    for source in sources:
        rows.append([source, *(_share(summary.by_source.get(source)) for summary in summaries)])
    note = f"Answers kept in per cent at {_AT} removed, with a threshold for each source."
    return Table("By source", _columns("source", summaries), rows, note)


def _by_kind(summaries: Sequence[Summary], title: str) -> Table:
    shown = [summary for summary in summaries if summary.by_kind]
    rows: list[list[Cell]] = []
    kinds = shown[0].by_kind[title] if shown else {}
    for kind, (count, _) in kinds.items():
        rows.append([f"{kind} ({count})", *(_percent(summary.by_kind[title][kind][1]) for summary in shown)])
    note = (
        f"Answers kept in per cent at {_AT} removed, with one threshold for all; in brackets the number of questions."
    )
    return Table(f"By {title}", _columns(title, shown), rows, note)


def _counts(summaries: Sequence[Summary]) -> Table:
    last = len(summaries[0].counts) - 1
    rows: list[list[Cell]] = []
    for number, row in enumerate(summaries[0].counts):
        if sum(row):
            more = " or more" if number == last else ""
            means = [_mean_kept(summary.counts[number]) for summary in summaries]
            rows.append([f"{number}{more} ({sum(row)})", *means])
    note = (
        f"Mean number of sentences kept at the threshold above; the number of passages in "
        f"brackets. 0 relevant sentences: unrelated passages. More than {last} count as {last}."
    )
    return Table("Sentences kept", _columns("relevant sentences", summaries), rows, note)


def _needles(summaries: Sequence[Summary]) -> list[Table]:
    """Return a table for each size of needles: places in rows, methods in columns."""
    by_size: dict[int, list[NeedleRow]] = defaultdict(list)
    for summary in summaries:
        for row in summary.needles:
            by_size[row.size].append(row)
    tables: list[Table] = []
    for size, found in sorted(by_size.items()):
        count = found[0].needles
        rows: list[list[Cell]] = []
        for place in sorted({row.place for row in found}):
            rows.append([str(place), *(_needle_cell(summary, size, place) for summary in summaries)])
        whole = "; after the slash those of which all sentences are kept" if size > 1 else ""
        note = (
            f"{_plural(count, 'answer')} among sentences that have nothing to do with them; a row "
            f"says how many of these come first. Answers kept in per cent at the threshold "
            f"above{whole}; in brackets the mean number of all sentences kept."
        )
        title = f"Needles of {_plural(size, 'sentence')}"
        tables.append(Table(title, _columns("sentences before", summaries), rows, note))
    return tables


def _needle_cell(summary: Summary, size: int, place: int) -> str:
    for row in summary.needles:
        if (row.size, row.place) == (size, place):
            whole = f" / {_percent(row.whole)}" if size > 1 else ""
            return f"{_percent(row.kept)}{whole} ({row.sentences:.1f})"
    return _NOTHING


def _lengths(summaries: Sequence[Summary]) -> Table:
    rows: list[list[Cell]] = []
    passages = 0
    for summary in summaries:
        for row in summary.lengths:
            passages = row.passages
            cells = [row.length, f"{row.sentences:.1f}", _percent(row.kept), _percent(row.removed)]
            rows.append([summary.name, *cells])
    note = (
        f"The same {_plural(passages, 'passage')} with an answer, cut around it or with other text "
        f"around it. Answers kept and text removed in per cent at the threshold above."
    )
    return Table("Passage length", ["method", "length", "sentences", "answers kept", "text removed"], rows, note)


def _row(heading: str, items: Iterable[T], show: Callable[[T], str]) -> list[Cell]:
    """Return a row of a table: its heading, then a cell for each method."""
    return [heading, *map(show, items)]


def _columns(first: str, summaries: Sequence[Summary]) -> list[str]:
    return [first, *(summary.name for summary in summaries)]


def _mean_kept(counts: Sequence[int]) -> str:
    """Return the mean number of kept sentences, from the passages by that number."""
    passages = sum(counts)
    if not passages:
        return _NOTHING
    return f"{sum(number * count for number, count in enumerate(counts)) / passages:.1f}"


def _threshold(summary: Summary) -> str:
    if summary.fixed:
        return "fixed output"
    mark = "" if summary.has_default else " *"
    return f"{summary.threshold:.4g}{mark}"


def _quality(quality: SentenceQuality) -> list[str]:
    return [f"{quality.precision:.3f}", f"{quality.recall:.3f}", f"{quality.f2:.3f}"]


def _share(share: float | None) -> str:
    if share is None:
        return _NOTHING
    return _percent(share)


def _percent(share: float) -> str:
    return f"{100 * share:.1f}"


def _plural(count: int, noun: str) -> str:
    return f"{count:,} {noun}" if count == 1 else f"{count:,} {noun}s"
