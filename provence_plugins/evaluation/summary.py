"""The numbers of one method, which tables, plots and result files show."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from statistics import fmean

from provence_plugins.evaluation.measure import Measurement
from provence_plugins.evaluation.metrics.answers import (
    CurvePoint,
    ThresholdRow,
    answers_kept_by_kind,
    kept_at_removal,
    mean_at_threshold,
    pareto_curve,
    threshold_at_removal,
)
from provence_plugins.evaluation.metrics.bootstrap import ROUNDS
from provence_plugins.evaluation.metrics.breakdown import Breakdown, BreakdownRow, break_down
from provence_plugins.evaluation.metrics.catalogue import (
    COMPARED_AT,
    METRICS,
    MetricValue,
    measure_metrics,
)
from provence_plugins.evaluation.metrics.question_kinds import QUESTION_KINDS
from provence_plugins.evaluation.metrics.scored_examples import (
    JudgedExamples,
    ScoredExample,
    group_by_source,
)
from provence_plugins.evaluation.metrics.sentences import (
    ReliabilityBin,
    SentenceQuality,
    count_map,
    reliability,
    sentence_counts,
    sentence_quality,
)
from provence_plugins.evaluation.metrics.significance import Comparison
from provence_plugins.evaluation.metrics.statistics import compute
from provence_plugins.evaluation.probes.lengths import LengthRow
from provence_plugins.evaluation.probes.needles import NeedleRow
from provence_plugins.evaluation.probes.unrelated import UnrelatedRow

_CURVE_AT = tuple(share / 20 for share in range(20))

_THRESHOLDS = (0.01, 0.02, 0.05, 0.1, 0.2, 0.3, 0.5, 0.7, 0.9)

# Few passages have more relevant sentences, or more sentences that a threshold for comparison
# keeps.
_MOST_SENTENCES = 10


@dataclass(frozen=True, slots=True)
class Summary:
    """The numbers of one method; means over sources unless said otherwise.

    Attributes:
        name: The name of the method.
        questions: Number of questions with annotated sentences.
        sources: Number of sources that they come from.
        metrics: The value and the interval of each metric in `metrics.catalogue`, by its name.
        groups: The same for groups of sources, by the name of the group.
        curve: Answers kept against text removed.
        threshold: The method's default, or the threshold that removes `COMPARED_AT` of all text.
        has_default: Whether it is the method's default.
        fixed: Whether the method gives one output, so that the threshold has no other meaning.
        at_threshold: Answers kept and text removed at the threshold.
        thresholds: The same at others; only for probabilities.
        sentences_at_removal: Sentence precision, recall and F2 at `COMPARED_AT` removed, source by
            source; None for a method with fixed outputs.
        sentences_at_threshold: The same at the threshold.
        reliability: Bins of probabilities; only for probabilities.
        by_source: Answers kept at `COMPARED_AT` removed of each source.
        by_kind: For each way to sort questions, their number and the share that keeps its answer,
            at the threshold that removes `COMPARED_AT` of all text.
        breakdowns: Answers kept and text removed at the threshold of each group of questions, by
            what they are grouped by.
        counts: Passages by relevant and kept sentences at the threshold; row 0 are unrelated
            passages.
        unrelated_removed: Share of the characters of unrelated passages that is removed; None when
            there are none.
        needles: The needle probe.
        lengths: The probe of passage lengths.
    """

    name: str
    questions: int
    sources: int
    metrics: Mapping[str, MetricValue]
    groups: Mapping[str, Mapping[str, MetricValue]]
    threshold: float
    has_default: bool
    fixed: bool
    at_threshold: ThresholdRow
    sentences_at_threshold: SentenceQuality
    counts: Sequence[Sequence[int]]
    unrelated_removed: float | None
    needles: Sequence[NeedleRow]
    lengths: Sequence[LengthRow]
    curve: Sequence[CurvePoint] = field(default_factory=list)
    thresholds: Sequence[ThresholdRow] = field(default_factory=list)
    sentences_at_removal: SentenceQuality | None = None
    reliability: Sequence[ReliabilityBin] = field(default_factory=list)
    by_source: Mapping[str, float] = field(default_factory=dict)
    by_kind: Mapping[str, Mapping[str, tuple[int, float]]] = field(default_factory=dict)
    breakdowns: Mapping[Breakdown, Sequence[BreakdownRow]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class NamedComparison:
    """Two methods, and how far the first is ahead of the second in one metric."""

    first: str
    second: str
    metric: str
    comparison: Comparison


def summarise(
    measurement: Measurement,
    groups: Mapping[str, frozenset[str]] | None = None,
    breakdowns: Sequence[Breakdown] = (),
    *,
    rounds: int = ROUNDS,
) -> Summary:
    """Compute all numbers of one method.

    Args:
        measurement: The method on the data set.
        groups: Sources that are summarised by themselves too, by the name of their group.
        breakdowns: What the questions are grouped by in tables of their own.
        rounds: Draws of the bootstrap.
    """
    judged = measurement.judged
    of_groups = {}
    for name, sources in (groups or {}).items():
        of_groups[name] = measure_metrics(judged.of_sources(sources), rounds=rounds)
    at_threshold = partial(sentence_quality, threshold=measurement.threshold)
    summary = Summary(
        name=measurement.name,
        questions=len(judged.scored),
        sources=len(group_by_source(judged.scored)),
        metrics=measure_metrics(judged, rounds=rounds),
        groups=of_groups,
        threshold=measurement.threshold,
        has_default=measurement.has_default,
        fixed=judged.fixed,
        at_threshold=mean_at_threshold(judged.scored, measurement.threshold),
        sentences_at_threshold=_mean_quality(judged.scored, at_threshold),
        counts=_count_sentences(judged, measurement.unrelated, measurement.threshold),
        unrelated_removed=_share_removed(measurement.unrelated),
        needles=measurement.needles,
        lengths=measurement.lengths,
        breakdowns={by: break_down(judged.scored, by, measurement.threshold) for by in breakdowns},
    )
    if judged.scored and not judged.fixed:
        summary = _with_varied_threshold(summary, judged.scored)
    if judged.scored and judged.probabilities:
        thresholds = [mean_at_threshold(judged.scored, threshold) for threshold in _THRESHOLDS]
        summary = replace(summary, thresholds=thresholds, reliability=reliability(judged.scored))
    return summary


def _with_varied_threshold(summary: Summary, examples: Sequence[ScoredExample]) -> Summary:
    """Return a summary with the numbers that mean nothing for a method with fixed outputs."""
    return replace(
        summary,
        curve=pareto_curve(examples, _CURVE_AT),
        sentences_at_removal=_mean_quality(examples, _quality_at_removal),
        by_source=_kept_by_source(examples),
        by_kind=_kept_by_kind(examples),
    )


def compare_methods(
    first: Measurement, second: Measurement, *, rounds: int = ROUNDS, seed: int = 0
) -> list[NamedComparison]:
    """Test for a difference between two methods in every metric that is compared.

    Raises:
        InvalidInputError: They did not judge the same questions.
    """
    rows: list[NamedComparison] = []
    for metric in METRICS:
        if metric.compared:
            comparison = metric.compare(first.judged, second.judged, rounds=rounds, seed=seed)
            if comparison is not None:
                rows.append(NamedComparison(first.name, second.name, metric.heading, comparison))
    return rows


def _kept_by_source(examples: Sequence[ScoredExample]) -> dict[str, float]:
    statistic = kept_at_removal(COMPARED_AT)
    return {group[0].source: compute(statistic, group) for group in group_by_source(examples)}


def _kept_by_kind(examples: Sequence[ScoredExample]) -> dict[str, dict[str, tuple[int, float]]]:
    threshold = threshold_at_removal(examples, COMPARED_AT)
    return {title: answers_kept_by_kind(examples, threshold, kind) for title, kind in QUESTION_KINDS.items()}


def _quality_at_removal(examples: Sequence[ScoredExample]) -> SentenceQuality:
    return sentence_quality(examples, threshold_at_removal(examples, COMPARED_AT))


def _mean_quality(
    examples: Sequence[ScoredExample], quality: Callable[[Sequence[ScoredExample]], SentenceQuality]
) -> SentenceQuality:
    """Average a quality over sources."""
    qualities = [quality(group) for group in group_by_source(examples)]
    return SentenceQuality(
        precision=fmean(each.precision for each in qualities),
        recall=fmean(each.recall for each in qualities),
        f2=fmean(each.f2 for each in qualities),
    )


def _count_sentences(
    judged: JudgedExamples,
    unrelated: Sequence[UnrelatedRow],
    threshold: float,
) -> list[list[int]]:
    pairs = sentence_counts(judged.scored, threshold)
    pairs += [(0, row.kept) for row in unrelated]
    counts: list[list[int]] = count_map(pairs, highest=_MOST_SENTENCES).tolist()
    return counts


def _share_removed(unrelated: Sequence[UnrelatedRow]) -> float | None:
    characters = sum(row.characters for row in unrelated)
    if not characters:
        return None
    return sum(row.removed for row in unrelated) / characters
