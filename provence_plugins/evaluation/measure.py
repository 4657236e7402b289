"""Score one method on a data set and on the probes made from it, each passage once."""

import warnings
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from fnmatch import fnmatchcase
from itertools import compress
from typing import Protocol, TypeVar

from provence_plugins.data.examples import Example
from provence_plugins.engine.pooling import PassageScores
from provence_plugins.errors import InvalidInputError
from provence_plugins.evaluation.judging import judge
from provence_plugins.evaluation.methods.catalogue import LoadedMethod
from provence_plugins.evaluation.methods.method import SplitPassage, compare_by_question, score_all, split
from provence_plugins.evaluation.methods.predictions import FixedOutput
from provence_plugins.evaluation.metrics.answers import threshold_at_removal
from provence_plugins.evaluation.metrics.breakdown import Breakdown
from provence_plugins.evaluation.metrics.catalogue import COMPARED_AT
from provence_plugins.evaluation.metrics.scored_examples import (
    JudgedExamples,
    WordOverlap,
    require_examples,
)
from provence_plugins.evaluation.metrics.words import count_words
from provence_plugins.evaluation.probes.lengths import (
    LengthRow,
    ResizedPassage,
    judge_lengths,
    resize_passages,
)
from provence_plugins.evaluation.probes.needles import (
    Needle,
    NeedleRow,
    judge_needles,
    plant_needles,
)
from provence_plugins.evaluation.probes.unrelated import (
    UnrelatedRow,
    judge_unrelated,
    pair_unrelated,
)
from provence_plugins.text.sentences import SplitterName

T = TypeVar("T")


class Progress(Protocol):
    """Shows the progress of a method."""

    def __call__(self, items: Sequence[T], what: str, /) -> Iterable[T]:
        """Return the items themselves, and count them as they are taken."""
        ...


def show_nothing(items: Sequence[T], what: str, /) -> Iterable[T]:
    """Return the items unchanged, without showing progress."""
    return items


@dataclass(frozen=True, slots=True)
class Dataset:
    """What methods are judged on.

    Attributes:
        passages: Labelled passages with their sentences, positives and negatives.
        unrelated: The questions, each with a passage that answers another one.
        needles: Answers among sentences that have nothing to do with them.
        resized: Answers in passages of several lengths.
        groups: Sources that are reported by themselves too, by the name of their group.
        breakdowns: What the questions are grouped by in tables of their own.
    """

    passages: Sequence[SplitPassage]
    unrelated: Sequence[SplitPassage] = ()
    needles: Sequence[Needle] = ()
    resized: Sequence[ResizedPassage] = ()
    groups: Mapping[str, frozenset[str]] = field(default_factory=dict)
    breakdowns: Sequence[Breakdown] = ()


@dataclass(frozen=True, slots=True)
class Measurement:
    """One method on the whole data set.

    Attributes:
        name: Its name in tables.
        threshold: The method's own default, or the threshold that removes `COMPARED_AT` of all
            characters.
        has_default: Whether it is the method's own.
        judged: The examples with the method's scores.
        unrelated: Unrelated passages at the threshold.
        needles: Needles at the threshold.
        lengths: Resized passages at the threshold.
    """

    name: str
    threshold: float
    has_default: bool
    judged: JudgedExamples
    unrelated: Sequence[UnrelatedRow]
    needles: Sequence[NeedleRow]
    lengths: Sequence[LengthRow]


def prepare(
    examples: Sequence[Example],
    splitter: SplitterName,
    *,
    needles: int,
    seed: int = 0,
    groups: Mapping[str, Sequence[str]] | None = None,
    breakdowns: Sequence[Breakdown] = (),
) -> Dataset:
    """Split the passages, and make the probes.

    Args:
        examples: Labelled examples.
        splitter: How passages are split into sentences.
        needles: Number of needles of each size, and of passages that are shown at several lengths;
            0 leaves both probes out.
        seed: Seed of everything random.
        groups: Patterns of source names (`*` and `?` stand for anything) by the name of the group
            that they make.
        breakdowns: What the questions are grouped by in tables of their own.

    Raises:
        InvalidInputError: A pattern matches no source.
    """
    passages = list(split(examples, splitter))
    unrelated = list(split(pair_unrelated(examples), splitter))
    planted: list[Needle] = []
    resized: list[ResizedPassage] = []
    if needles:
        planted = plant_needles(passages, needles, seed=seed)
        resized = resize_passages(passages, needles, seed=seed)
    sources = sorted({example.source for example in examples})
    of_group: dict[str, frozenset[str]] = {}
    for name, patterns in (groups or {}).items():
        of_group[name] = _matching(sources, patterns, name)
    return Dataset(passages, unrelated, planted, resized, of_group, tuple(dict.fromkeys(breakdowns)))


def gather(
    examples: Sequence[Example],
    splitter: SplitterName,
    *,
    most: int,
    seed: int = 0,
) -> Dataset:
    """Call `prepare` by its former name."""
    warnings.warn("gather is deprecated. Use prepare, and needles instead of most.", DeprecationWarning, stacklevel=2)
    return prepare(examples, splitter, needles=most, seed=seed)


def measure(
    name: str,
    method: LoadedMethod,
    dataset: Dataset,
    progress: Progress = show_nothing,
) -> Measurement:
    """Score one method on the whole data set.

    The probes are skipped for a method with fixed outputs, which has no output for them.

    Raises:
        InvalidInputError: There is nothing to measure, or a fixed output is missing.
    """

    def score(passages: Sequence[SplitPassage], what: str) -> list[PassageScores]:
        return score_all(method.score, progress(passages, what))

    scores = compare_by_question(dataset.passages, score(dataset.passages, name), method.passage_comparison)
    is_fixed = method.output is not None
    judged = judge(dataset.passages, scores, probabilities=method.probabilities, fixed=is_fixed)
    require_examples(judged.scored)
    threshold = method.threshold
    if threshold is None:
        threshold = threshold_at_removal(judged.scored, COMPARED_AT)
    if is_fixed:
        dataset = Dataset(dataset.passages)
    unrelated = score(dataset.unrelated, f"{name}, unrelated")
    needles = score([needle.passage for needle in dataset.needles], f"{name}, needles")
    resized = score([resized.passage for resized in dataset.resized], f"{name}, lengths")
    return Measurement(
        name=name,
        threshold=threshold,
        has_default=method.threshold is not None,
        judged=replace(judged, words=_words(method, dataset.passages, scores, threshold)),
        unrelated=judge_unrelated(dataset.unrelated, unrelated, threshold),
        needles=judge_needles(dataset.needles, needles, threshold),
        lengths=judge_lengths(dataset.resized, resized, threshold),
    )


def _words(
    method: LoadedMethod,
    passages: Sequence[SplitPassage],
    scores: Sequence[PassageScores],
    threshold: float,
) -> list[WordOverlap]:
    """Compare the kept words of each question with the annotated ones, where these are known."""
    overlaps: dict[tuple[str, str], WordOverlap] = {}
    for passage, passage_scores in zip(passages, scores, strict=True):
        if not passage.example.has_sentence_labels:
            continue
        if method.output is not None:
            output = method.output(passage)
        else:
            is_kept = passage_scores.reach(threshold)
            output = FixedOutput(list(compress(passage.sentences, is_kept)))
        overlap = count_words(passage.example, output.spans, foreign=output.foreign_words)
        # The bootstrap draws questions, so the passages of a question have to stay together.
        key = overlap.source, overlap.question
        if key in overlaps:
            overlap = overlaps[key].plus(overlap)
        overlaps[key] = overlap
    return list(overlaps.values())


def _matching(sources: Sequence[str], patterns: Sequence[str], group: str) -> frozenset[str]:
    found: set[str] = set()
    for pattern in patterns:
        matches = [source for source in sources if fnmatchcase(source, pattern)]
        if not matches:
            raise InvalidInputError(
                f"The pattern {pattern!r} of the group {group!r} matches no source. The sources "
                f"are {', '.join(sources) or 'none'}."
            )
        found.update(matches)
    return frozenset(found)
