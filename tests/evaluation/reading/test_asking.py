from pathlib import Path
from typing import Any

import pytest

from provence_plugins import Pruner
from provence_plugins.errors import PromptTooLongError, ReaderError, ReaderTimeoutError, UnreadableAnswerError
from provence_plugins.evaluation.methods.baselines import lead
from provence_plugins.evaluation.methods.catalogue import LoadedMethod
from provence_plugins.evaluation.reading.arms import FULL, GOLD, NO_CONTEXT, method_arms, pruned_arms
from provence_plugins.evaluation.reading.asking import ArmAnswer, Interviewer, ask_all
from provence_plugins.evaluation.reading.contexts import ContextMaker
from provence_plugins.evaluation.reading.prompts import make_prompt
from provence_plugins.evaluation.reading.questions import ReadingQuestion
from provence_plugins.evaluation.reading.record import open_record

# Any: the class LookingReader of conftest.py, which tests cannot import.
MakeReader = Any


@pytest.fixture
def contexts(pruner: Pruner) -> ContextMaker:
    pruned = pruned_arms(pruner, [0.5], [])
    return ContextMaker(pruner, pruned, method_arms({"lead": LoadedMethod(lead())}, pruned))


def ask(reader: Any, path: Path, questions: list[ReadingQuestion], contexts: ContextMaker) -> list[ArmAnswer]:
    with open_record(path, "a reader") as record:
        return ask_all(questions, contexts, Interviewer(reader, record, max_tokens=8))


def test_every_question_is_asked_in_every_arm(
    questions: list[ReadingQuestion], contexts: ContextMaker, make_reader: MakeReader, tmp_path: Path
) -> None:
    answers = ask(make_reader(), tmp_path / "answers.jsonl", questions, contexts)
    assert {(each.identity, each.arm) for each in answers} == {
        ((question.source, question.id), arm) for question in questions for arm in contexts.arms
    }
    assert len(answers) == len(questions) * len(contexts.arms)
    for each in answers:
        if each.question.is_answerable and each.arm in (FULL, GOLD):
            assert (each.answer.text, each.answer.log_probability) == (each.question.answers[0], -0.5)
        if each.arm == NO_CONTEXT:
            assert each.answer.text == "Unanswerable."
        if each.arm in (NO_CONTEXT, FULL, GOLD):
            assert each.is_shown == (each.question.is_answerable and each.arm != NO_CONTEXT)
        if not each.question.is_answerable:
            assert each.answer.log_probability is None


def test_the_arms_of_a_question_are_neighbours_in_a_changing_order(
    questions: list[ReadingQuestion], contexts: ContextMaker, make_reader: MakeReader, tmp_path: Path
) -> None:
    answers = ask(make_reader(), tmp_path / "answers.jsonl", questions, contexts)
    arms = len(contexts.arms)
    rows = [answers[first : first + arms] for first in range(0, len(answers), arms)]
    assert all(len({each.identity for each in row}) == 1 for row in rows)
    assert len({tuple(each.arm for each in row) for row in rows}) > 1


def test_a_run_that_was_stopped_goes_on_and_asks_nothing_twice(
    questions: list[ReadingQuestion], contexts: ContextMaker, make_reader: MakeReader, tmp_path: Path
) -> None:
    path = tmp_path / "answers.jsonl"
    whole = ask(make_reader(), tmp_path / "other.jsonl", questions, contexts)
    asked: list[str] = []

    def stop_after_ten(prompt: str) -> ReaderError | None:
        asked.append(prompt)
        return ReaderError("The plug is out.") if len(asked) > 10 else None

    with pytest.raises(ReaderError, match="plug"):
        ask(make_reader(fail=stop_after_ten), path, questions, contexts)
    again = make_reader()
    resumed = ask(again, path, questions, contexts)
    assert [(each.arm, each.answer.text) for each in resumed] == [(each.arm, each.answer.text) for each in whole]
    assert not set(again.prompts) & set(asked[:10])
    last = make_reader()
    ask(last, path, questions, contexts)
    assert last.prompts == []


def test_all_times_of_an_answer_are_those_of_the_session_that_asked(
    questions: list[ReadingQuestion], contexts: ContextMaker, make_reader: MakeReader, tmp_path: Path
) -> None:
    path = tmp_path / "answers.jsonl"
    first = ask(make_reader(), path, questions, contexts)
    again = ask(make_reader(), path, questions, contexts)
    own = [place for place, each in enumerate(first) if each.answer.arm == each.arm]
    assert len(own) > len(questions)
    for place in own:
        assert again[place].choosing_seconds == first[place].choosing_seconds


@pytest.mark.parametrize(
    ("error", "reason"),
    [
        (PromptTooLongError("long"), "prompt too long"),
        (ReaderTimeoutError("slow"), "timeout"),
        (UnreadableAnswerError("page"), "not an answer"),
    ],
)
def test_a_failure_is_a_row_that_is_counted(
    error: ReaderError,
    reason: str,
    questions: list[ReadingQuestion],
    contexts: ContextMaker,
    make_reader: MakeReader,
    tmp_path: Path,
) -> None:
    longest = max(len(passage.example.passage.text) for passage in questions[0].passages)

    def fail(prompt: str) -> ReaderError | None:
        return error if len(prompt) > 2 * longest else None

    answers = ask(make_reader(fail=fail), tmp_path / "answers.jsonl", questions, contexts)
    assert {each.answer.failure for each in answers if each.arm == FULL} == {reason}
    assert {each.answer.failure for each in answers if each.arm == NO_CONTEXT} == {""}


def test_a_reader_that_always_fails_counts_as_down(
    questions: list[ReadingQuestion], contexts: ContextMaker, make_reader: MakeReader, tmp_path: Path
) -> None:
    reader = make_reader(fail=lambda prompt: ReaderTimeoutError("slow"))
    with pytest.raises(ReaderError, match="5 requests in a row failed"):
        ask(reader, tmp_path / "answers.jsonl", questions, contexts)


def test_prompts_that_are_too_long_never_make_a_reader_count_as_down(
    questions: list[ReadingQuestion], contexts: ContextMaker, make_reader: MakeReader, tmp_path: Path
) -> None:
    reader = make_reader(fail=lambda prompt: PromptTooLongError("long"))
    answers = ask(reader, tmp_path / "answers.jsonl", questions, contexts)
    assert {each.answer.failure for each in answers} == {"prompt too long"}


def test_the_prompt_is_the_same_for_all_arms_but_for_its_context() -> None:
    system, asked = make_prompt("Who?", ["One.", "Two."])
    assert asked.content == "Context:\nOne.\n\nTwo.\n\nQuestion: Who?\nAnswer:"
    assert make_prompt("Who?", [])[0] == system
    assert "(no text)" in make_prompt("Who?", [])[1].content
