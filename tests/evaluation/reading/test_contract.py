from dataclasses import replace

import pytest

from provence_plugins import Passage, Pruner, Span
from provence_plugins.data.examples import Example
from provence_plugins.engine.policy import PruningPolicy
from provence_plugins.evaluation.reading.arms import FULL, GOLD, NO_CONTEXT
from provence_plugins.evaluation.reading.contract import Contract, find_kept_answers, judge_contract
from provence_plugins.evaluation.reading.outcome import ReadingOutcome
from provence_plugins.evaluation.reading.questions import QuestionOptions, ReadingQuestion, make_questions


def repeated(outcome: ReadingOutcome, *, times: int, pruned_like: str) -> ReadingOutcome:
    """Return the answers several times, with those of another arm in place of the pruned one."""
    answers = {arm: [*given] * times for arm, given in outcome.answerable.items()}
    answers[outcome.reference] = answers[pruned_like]
    return replace(outcome, answerable=answers)


def kept_clauses(contract: Contract) -> list[bool]:
    return [clause.is_kept for clause in contract.clauses]


def test_a_contract_whose_every_clause_is_shown_is_kept(outcome: ReadingOutcome) -> None:
    contract = judge_contract(repeated(outcome, times=15, pruned_like=GOLD), [True] * 120, least_kept=0.9)
    assert kept_clauses(contract) == [True] * 5
    assert contract.is_kept
    assert "The contract is kept." in contract.to_table().note


def test_a_reader_that_loses_its_answers_breaks_it(outcome: ReadingOutcome) -> None:
    contract = judge_contract(repeated(outcome, times=15, pruned_like=NO_CONTEXT), [True] * 120, least_kept=0.9)
    assert kept_clauses(contract) == [True, True, True, False, False]
    assert not contract.is_kept
    assert "not shown to be kept" in contract.to_table().note


@pytest.mark.parametrize(
    ("kept", "is_kept"), [([True] * 30, False), ([True] * 60, True), ([True] * 90 + [False] * 10, False), ([], False)]
)
def test_the_whole_interval_of_the_kept_share_must_reach_the_promise(
    outcome: ReadingOutcome, kept: list[bool], is_kept: bool
) -> None:
    contract = judge_contract(repeated(outcome, times=15, pruned_like=GOLD), kept, least_kept=0.9)
    assert kept_clauses(contract) == [True, is_kept, True, True, True]


def test_a_reader_that_never_answers_proves_nothing(outcome: ReadingOutcome) -> None:
    large = repeated(outcome, times=15, pruned_like=NO_CONTEXT)
    silent = replace(large, answerable={**large.answerable, FULL: large.answerable[NO_CONTEXT]})
    contract = judge_contract(silent, [True] * 120, least_kept=0.9)
    assert kept_clauses(contract) == [True, True, False, True, True]
    assert not contract.is_kept


def test_few_questions_show_nothing(outcome: ReadingOutcome) -> None:
    contract = judge_contract(repeated(outcome, times=1, pruned_like=GOLD), [True] * 120, least_kept=0.9)
    assert kept_clauses(contract)[0] is False


def test_an_answer_is_kept_when_one_of_its_sentences_is(questions: list[ReadingQuestion], pruner: Pruner) -> None:
    answerable = [question for question in questions if question.is_answerable]
    assert all(find_kept_answers(questions, pruner, PruningPolicy(threshold=0.0)))
    assert len(list(find_kept_answers(questions, pruner, PruningPolicy(threshold=0.0)))) == len(answerable)
    assert not any(find_kept_answers(questions, pruner, PruningPolicy(threshold=1.0)))


@pytest.mark.parametrize("between", ["", "It is old. "])
def test_a_paragraph_break_that_stays_keeps_no_answer(between: str, pruner: Pruner) -> None:
    text = f"The castle stands. Seven men live in it.\n\n{between}The castle has towers."
    start, end = text.index("Seven"), text.index("\n\n")
    example = Example("a", "s", "How many live in it?", Passage(text), (Span(start, end),), True, answers=("Seven",))
    questions = make_questions([example], QuestionOptions(passages=1, splitter="regex"))
    policy = PruningPolicy(threshold=1.0, pins="castle")
    assert "\n\n" in pruner.prune("How many live in it?", [text], policy).text
    assert list(find_kept_answers(questions, pruner, policy)) == [False]
