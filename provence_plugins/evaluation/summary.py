"""The figures of one method, worked out from what was measured; tables, pictures and result files show them."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial

from provence_plugins.evaluation.judging import QualityReport
from provence_plugins.evaluation.measure import COMPARED_AT, Measured
from provence_plugins.evaluation.metrics.answers import (
    Interval,
    ScoredExample,
    SentenceQuality,
    ThresholdRow,
    average_precision,
    by_source,
    kept_at_removal,
    kept_by,
    mean_at_threshold,
    mean_over_sources,
    sentence_quality,
    threshold_at_removal,
)
from provence_plugins.evaluation.metrics.bootstrap import Statistic, curve_area, kept_share, mean_of, middle, resample
from provence_plugins.evaluation.metrics.curves import (
    CurvePoint,
    ReliabilityBin,
    area_under_curve,
    count_map,
    pareto_curve,
    reliability,
    sentence_counts,
)
from provence_plugins.evaluation.metrics.question_kinds import evidence_place, question_word
from provence_plugins.evaluation.metrics.ranking import Ranked, mean_reciprocal_rank
from provence_plugins.evaluation.metrics.significance import Comparison, compare
from provence_plugins.evaluation.probes.lengths import LengthRow
from provence_plugins.evaluation.probes.needles import NeedleRow

KINDS: dict[str, Callable[[ScoredExample], str]] = {
    "question word": question_word,
    "place of the answer": evidence_place,
}

_AVERAGE_PRECISION: Statistic[ScoredExample] = mean_of(lambda example: average_precision([example]))
_RECIPROCAL_RANK: Statistic[Ranked] = mean_of(lambda question: mean_reciprocal_rank([question]))

_CURVE_AT = tuple(share / 20 for share in range(20))

_THRESHOLDS = (0.01, 0.02, 0.05, 0.1, 0.2, 0.3, 0.5, 0.7, 0.9)

# Few passages have more relevant sentences, or more sentences that a threshold for comparison lets stay.
_MOST_COUNTED = 10


@dataclass(frozen=True, slots=True)
class Intervals:
    """In which range each figure lies when the questions of each source are drawn anew, 95 of 100 times."""

    kept: tuple[Interval, ...]
    area: Interval
    average_precision: Interval
    reciprocal_rank: Interval | None


@dataclass(frozen=True, slots=True)
class Summary:
    """All figures of one method; means over sources where nothing else is said.

    Attributes:
        name: What the method is called.
        questions: How many questions with sentence labels were judged.
        report: Answers kept at fixed shares removed, average precision, ranking.
        area: Under the curve of answers kept against text removed.
        intervals: Of the figures above.
        curve: Answers kept against text removed.
        threshold: The method's default, or that which removes `COMPARED_AT` of all text.
        has_default: Which of the two.
        at_threshold: What it does.
        thresholds: What others do; only for probabilities.
        sentences_at_removal: Sentence precision, recall and F2 at `COMPARED_AT` removed, source by source.
        sentences_at_threshold: The same at the threshold.
        calibration_error: Of probabilities; None for other scores.
        reliability: What it comes from.
        by_source: Answers kept at `COMPARED_AT` removed of each source.
        by_kind: For each way to sort questions, their number and the share that keeps its answer, at the threshold that
            removes `COMPARED_AT` of all text.
        counts: Passages by relevant and kept sentences at the threshold; row 0 are unrelated passages.
        unrelated_removed: Share of the characters of unrelated passages that goes; None when there are none.
        needles: The needle test.
        lengths: The test of passage lengths.
    """

    name: str
    questions: int
    report: QualityReport
    area: float
    intervals: Intervals
    curve: Sequence[CurvePoint]
    threshold: float
    has_default: bool
    at_threshold: ThresholdRow
    thresholds: Sequence[ThresholdRow]
    sentences_at_removal: SentenceQuality
    sentences_at_threshold: SentenceQuality
    calibration_error: float | None
    reliability: Sequence[ReliabilityBin]
    by_source: dict[str, float]
    by_kind: dict[str, dict[str, tuple[int, float]]]
    counts: Sequence[Sequence[int]]
    unrelated_removed: float | None
    needles: Sequence[NeedleRow]
    lengths: Sequence[LengthRow]


@dataclass(frozen=True, slots=True)
class NamedComparison:
    """Two methods, and how far the first is ahead of the second in one figure."""

    first: str
    second: str
    figure: str
    comparison: Comparison


def summarise(measured: Measured, *, rounds: int = 2000) -> Summary:
    """Work out all figures.

    Args:
        measured: One method.
        rounds: How often the questions are drawn anew.
    """
    scored = measured.judged.scored
    report = measured.judged.report()
    at_removal = threshold_at_removal(scored, COMPARED_AT)
    probabilities = scored if measured.probabilities else []
    return Summary(
        name=measured.name,
        questions=len(scored),
        report=report,
        area=mean_over_sources(scored, area_under_curve),
        intervals=_intervals(measured, rounds),
        curve=pareto_curve(scored, _CURVE_AT),
        threshold=measured.threshold,
        has_default=measured.has_default,
        at_threshold=mean_at_threshold(scored, measured.threshold),
        thresholds=[mean_at_threshold(scored, threshold) for threshold in _THRESHOLDS] if probabilities else [],
        sentences_at_removal=_mean_sentences(scored, _quality_at_removal),
        sentences_at_threshold=_mean_sentences(scored, partial(sentence_quality, threshold=measured.threshold)),
        calibration_error=report.calibration_error if probabilities else None,
        reliability=reliability(probabilities) if probabilities else [],
        by_source=by_source(scored, partial(kept_at_removal, removed=COMPARED_AT)),
        by_kind={title: kept_by(scored, at_removal, kind) for title, kind in KINDS.items()},
        counts=_counts(measured),
        unrelated_removed=_unrelated_removed(measured),
        needles=measured.needles,
        lengths=measured.lengths,
    )


def compare_methods(first: Measured, second: Measured, *, rounds: int = 2000, seed: int = 0) -> list[NamedComparison]:
    """How far the first method is ahead of the second in answers kept, area, average precision and reciprocal rank.

    Raises:
        InvalidInputError: They did not judge the same questions.
    """
    own, other = first.judged, second.judged
    figures: dict[str, Statistic[ScoredExample]] = {
        f"answers kept at {COMPARED_AT:.0%} removed".replace("%", " %"): kept_share(COMPARED_AT),
        "area under the curve": curve_area,
        "average precision": _AVERAGE_PRECISION,
    }
    found = {
        figure: compare(own.scored, other.scored, statistic, rounds=rounds, seed=seed)
        for figure, statistic in figures.items()
    }
    if own.ranked:
        found["MRR"] = compare(own.ranked, other.ranked, _RECIPROCAL_RANK, rounds=rounds, seed=seed)
    return [NamedComparison(first.name, second.name, figure, comparison) for figure, comparison in found.items()]


def _intervals(measured: Measured, rounds: int) -> Intervals:
    scored, ranked = measured.judged.scored, measured.judged.ranked
    return Intervals(
        kept=measured.judged.intervals(rounds=rounds),
        area=middle(resample(scored, curve_area, rounds=rounds)),
        average_precision=middle(resample(scored, _AVERAGE_PRECISION, rounds=rounds)),
        reciprocal_rank=middle(resample(ranked, _RECIPROCAL_RANK, rounds=rounds)) if ranked else None,
    )


def _quality_at_removal(examples: Sequence[ScoredExample]) -> SentenceQuality:
    return sentence_quality(examples, threshold_at_removal(examples, COMPARED_AT))


def _mean_sentences(
    examples: Sequence[ScoredExample], quality: Callable[[Sequence[ScoredExample]], SentenceQuality]
) -> SentenceQuality:
    return SentenceQuality(
        precision=mean_over_sources(examples, lambda group: quality(group).precision),
        recall=mean_over_sources(examples, lambda group: quality(group).recall),
        f2=mean_over_sources(examples, lambda group: quality(group).f2),
    )


def _counts(measured: Measured) -> list[list[int]]:
    pairs = sentence_counts(measured.judged.scored, measured.threshold)
    pairs += [(0, passage.kept) for passage in measured.unrelated]
    counts: list[list[int]] = count_map(pairs, most=_MOST_COUNTED).tolist()
    return counts


def _unrelated_removed(measured: Measured) -> float | None:
    characters = sum(passage.characters for passage in measured.unrelated)
    return sum(passage.removed for passage in measured.unrelated) / characters if characters else None
