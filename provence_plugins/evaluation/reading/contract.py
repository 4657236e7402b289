"""The contract: whether pruning keeps answers and a reader still gives them, on own questions."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import compress

from provence_plugins.data.examples import label_sentences
from provence_plugins.engine.passages import PrunedPassage
from provence_plugins.engine.policy import PruningPolicy
from provence_plugins.engine.pruner import Pruner
from provence_plugins.evaluation.metrics.proportions import wilson
from provence_plugins.evaluation.reading.arms import FULL
from provence_plugins.evaluation.reading.measures import (
    LOG_PROBABILITY,
    RIGHT_ANSWERS,
    VERDICTS,
    ReadingMeasure,
    is_right,
)
from provence_plugins.evaluation.reading.outcome import (
    FEWEST_OF_A_SOURCE,
    FEWEST_QUESTIONS,
    ReadingOutcome,
)
from provence_plugins.evaluation.reading.questions import ReadingQuestion
from provence_plugins.evaluation.reporting.result_files import Cell, Table
from provence_plugins.types import Span

FEWEST_RIGHT = 10
"""With fewer right answers from the full context a reader has hardly any to lose, and equal answers
prove nothing."""


@dataclass(frozen=True, slots=True)
class Clause:
    """One promise of the contract, what was measured, and whether that shows it to be kept."""

    promise: str
    measured: str
    is_kept: bool


@dataclass(frozen=True, slots=True)
class Contract:
    """All clauses; the contract is kept when each of them is."""

    clauses: Sequence[Clause]

    @property
    def is_kept(self) -> bool:
        """Whether all clauses are shown to be kept."""
        return all(clause.is_kept for clause in self.clauses)

    def to_table(self) -> Table:
        """Return the clauses as a table, with the verdict as its note."""
        rows: list[list[Cell]] = []
        for clause in self.clauses:
            rows.append([clause.promise, clause.measured, VERDICTS[clause.is_kept]])
        verdict = "**The contract is kept.**"
        if not self.is_kept:
            verdict = (
                "**The contract is not shown to be kept.** More questions make the intervals "
                "narrower; a lower threshold keeps more."
            )
        note = (
            f"{verdict} A clause is kept when the whole 95 % interval is on the right side. The "
            f"interval of a share is Wilson's, that of a difference the paired bootstrap's, for "
            f"right answers at least as wide as Newcombe's."
        )
        return Table("Clauses", ["promise", "measured", "kept"], rows, note)


def judge_contract(outcome: ReadingOutcome, kept: Sequence[bool], *, least_kept: float) -> Contract:
    """Compare what was measured with what is promised.

    Args:
        outcome: The answers of a reader with the full context and with the pruned one.
        kept: For each question with annotated sentences, whether one of them is kept.
        least_kept: The share of answers that must be kept.
    """
    clauses = [
        _enough_questions(outcome),
        _answers_stay(kept, least_kept),
        _reader_has_answers(outcome),
        _not_inferior(RIGHT_ANSWERS, outcome),
    ]
    if outcome.with_probability[FULL]:
        clauses.append(_not_inferior(LOG_PROBABILITY, outcome))
    return Contract(clauses)


def find_kept_answers(
    questions: Sequence[ReadingQuestion],
    pruner: Pruner,
    policy: PruningPolicy,
) -> Iterator[bool]:
    """Yield for each annotated question whether the pruner keeps a part of its answer."""
    for question in questions:
        passages = [each.example.passage for each in question.passages]
        result = pruner.prune(question.question, passages, policy)
        # Not `kept_spans`, which also hold line breaks of removed sentences.
        kept = {each.index: list(_kept_parts(each)) for each in result.passages}
        answers: list[bool] = []  # for each sentence of the answer, whether a part of it is kept
        for place, each in enumerate(question.passages):
            if each.example.question_id != question.id:
                continue
            labels = label_sentences(each.example, each.sentences)
            for sentence in compress(each.sentences, labels):
                answers.append(any(span.overlaps(sentence) for span in kept.get(place, ())))
        if answers:
            yield any(answers)


def _kept_parts(passage: PrunedPassage) -> Iterator[Span]:
    """Yield the kept sentences of a passage, or what is kept of them."""
    for sentence in passage.sentences:
        if sentence.kept:
            yield sentence.part or sentence


def _enough_questions(outcome: ReadingOutcome) -> Clause:
    number = len(outcome.answerable[FULL])
    promise = f"at least {FEWEST_QUESTIONS} questions, and {FEWEST_OF_A_SOURCE} of each source"
    return Clause(promise, f"{number:,} questions", not outcome.is_too_small)


def _answers_stay(kept: Sequence[bool], least: float) -> Clause:
    promise = f"a sentence of the answer stays for at least {100 * least:g} % of the questions"
    if not kept:
        return Clause(promise, "not measured: the data have no annotated sentences", False)
    interval = wilson(sum(kept), len(kept))
    ends = f"[{100 * interval.low:.1f}, {100 * interval.high:.1f}]"
    return Clause(promise, f"{100 * sum(kept) / len(kept):.1f} % {ends} of {len(kept):,}", interval.low >= least)


def _reader_has_answers(outcome: ReadingOutcome) -> Clause:
    right = sum(map(is_right, outcome.answerable[FULL]))
    promise = f"the reader has answers to lose: at least {FEWEST_RIGHT} right ones with the full context"
    return Clause(promise, f"{right:,} right", right >= FEWEST_RIGHT)


def _not_inferior(measure: ReadingMeasure, outcome: ReadingOutcome) -> Clause:
    answers = outcome.answers_for(measure)
    found = measure.difference(answers[outcome.reference], answers[FULL])
    margin = outcome.margin_of(measure)
    unit = " points" if measure.is_share else ""
    return Clause(
        f"pruned minus full context, {measure.heading}: not below -{measure.show(margin)}{unit}",
        measure.show_difference(found),
        found.interval.low >= -margin,
    )
