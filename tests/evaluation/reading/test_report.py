from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from provence_plugins import Pruner
from provence_plugins.errors import InvalidInputError, PromptTooLongError, ReaderError
from provence_plugins.evaluation.experiment import FigureOptions
from provence_plugins.evaluation.methods.baselines import lead
from provence_plugins.evaluation.methods.catalogue import LoadedMethod
from provence_plugins.evaluation.reading.asking import Interviewer, ask_all
from provence_plugins.evaluation.reading.contexts import FULL, GOLD, NO_CONTEXT, ContextMaker, pruned_arms
from provence_plugins.evaluation.reading.outcome import ReadingOutcome, arrange
from provence_plugins.evaluation.reading.questions import ReadingQuestion
from provence_plugins.evaluation.reading.record import open_record
from provence_plugins.evaluation.reading.report import draw_pareto, make_reading_tables, raw_data
from provence_plugins.evaluation.reporting.result_files import Table


def run(reader: Any, questions: list[ReadingQuestion], pruner: Pruner, path: Path) -> ReadingOutcome:
    contexts = ContextMaker(pruner, pruned_arms(pruner, [0.5], []), {"lead": LoadedMethod(lead())})
    with open_record(path, "a reader") as record:
        answers = ask_all(questions, contexts, Interviewer(reader, record, max_tokens=8))
    return arrange(answers, reader="looking", arms=contexts.arms, reference=contexts.reference, price=2.0)


@pytest.fixture
def outcome(questions: list[ReadingQuestion], pruner: Pruner, make_reader: Any, tmp_path: Path) -> ReadingOutcome:
    return run(make_reader(), questions, pruner, tmp_path / "answers.jsonl")


@pytest.fixture
def large_outcome(outcome: ReadingOutcome) -> ReadingOutcome:
    """The same answers five times, as if there were forty questions."""
    repeated = {arm: [*answers] * 5 for arm, answers in outcome.answerable.items()}
    return replace(outcome, answerable=repeated)


def table(tables: list[Table], title: str) -> Table:
    [found] = [each for each in tables if each.title == title]
    assert all(len(row) == len(found.columns) for row in found.rows)
    return found


def test_the_tables_say_what_the_reader_did(outcome: ReadingOutcome) -> None:
    tables = make_reading_tables(outcome)
    rows = {row[0]: row for row in table(tables, "Answers").rows}
    assert list(rows) == list(outcome.arms)
    assert rows[FULL][1] == "0.0"
    assert rows[NO_CONTEXT][1] == "100.0"
    assert rows[FULL][3:5] == ["-0.50 [-0.50, -0.50]", "100.0 [100.0, 100.0]"]
    assert rows[NO_CONTEXT][3:5] == ["-3.00 [-3.00, -3.00]", "0.0 [0.0, 0.0]"]
    lost = {row[0]: row[1:] for row in table(tables, "Answers lost and won").rows}
    assert lost[NO_CONTEXT] == ["100 [100, 100] (8)", "–"]
    assert lost[GOLD] == ["0 [0, 0] (8)", "–"]
    abstention = {row[0]: row[1:] for row in table(tables, "Abstention").rows}
    assert abstention[NO_CONTEXT] == ["100 [100, 100] (1)", "100 [100, 100] (8)"]
    assert abstention[FULL] == ["100 [100, 100] (1)", "0 [0, 0] (8)"]
    assert "Failures" not in {each.title for each in tables}


def test_an_arm_is_not_inferior_when_its_whole_interval_is_within_the_margin(large_outcome: ReadingOutcome) -> None:
    rows = table(make_reading_tables(large_outcome), "Differences from the full context").rows
    verdicts = {(row[0], row[1]): row[3:] for row in rows}
    assert verdicts[GOLD, "right answers"] == ["yes (margin 5.0)", "1.000"]
    assert verdicts[NO_CONTEXT, "right answers"] == ["not shown (margin 5.0)", "0.001"]
    assert FULL not in {row[0] for row in rows}


def test_few_questions_allow_no_verdict(outcome: ReadingOutcome) -> None:
    found = table(make_reading_tables(outcome), "Differences from the full context")
    assert {(str(row[3]).split(" (")[0], row[4]) for row in found.rows} == {("not shown", "–")}
    assert "Too few questions" in found.note


def test_costs_are_shares_of_the_full_context(outcome: ReadingOutcome) -> None:
    costs = table(make_reading_tables(outcome), "Cost against the full context")
    rows = {row[0]: row for row in costs.rows}
    full, none = (outcome.answerable[arm] for arm in (FULL, NO_CONTEXT))
    share = sum(each.answer.seconds for each in none) / sum(each.answer.seconds for each in full)
    assert str(rows[NO_CONTEXT][3]).startswith(f"{100 * share:.0f} [")
    tokens = [sum(each.answer.prompt_tokens or 0 for each in arm) for arm in (full, none)]
    assert costs.columns[-1] == "money saved"
    assert rows[NO_CONTEXT][-1] == f"{(tokens[0] - tokens[1]) / 8 * 2.0 / 1000:.2f}"


def test_times_of_different_sessions_are_not_compared(
    questions: list[ReadingQuestion], pruner: Pruner, make_reader: Any, tmp_path: Path
) -> None:
    path = tmp_path / "answers.jsonl"
    asked: list[str] = []

    def stop(prompt: str) -> ReaderError | None:
        asked.append(prompt)
        return ReaderError("down") if len(asked) > 7 else None

    with pytest.raises(ReaderError):
        run(make_reader(fail=stop), questions, pruner, path)
    resumed = run(make_reader(), questions, pruner, path)
    whole = len(resumed.answerable[FULL])
    assert 0 < len(resumed.of_one_session[FULL]) < whole


def test_a_question_that_one_arm_failed_is_left_out_of_all_and_counted(
    questions: list[ReadingQuestion], pruner: Pruner, make_reader: Any, tmp_path: Path
) -> None:
    def fail(prompt: str) -> ReaderError | None:
        is_full_two = "Country 2 is a country" in prompt and "capital of country 2?" in prompt
        return PromptTooLongError("long") if is_full_two else None

    outcome = run(make_reader(fail=fail), questions, pruner, tmp_path / "answers.jsonl")
    failed = table(make_reading_tables(outcome), "Failures").rows
    assert [FULL, "prompt too long", 2] in failed
    assert GOLD not in {row[0] for row in failed}
    assert {len(answers) for answers in outcome.answerable.values()} == {6}


def test_without_a_complete_question_there_is_an_error_with_the_reasons(
    questions: list[ReadingQuestion], pruner: Pruner, make_reader: Any, tmp_path: Path
) -> None:
    reader = make_reader(fail=lambda prompt: PromptTooLongError("long"))
    with pytest.raises(InvalidInputError, match=r"nothing to compare.*'prompt too long': 9"):
        run(reader, questions, pruner, tmp_path / "answers.jsonl")


def test_a_reader_that_tells_no_probability_is_judged_by_its_answers(
    questions: list[ReadingQuestion], pruner: Pruner, make_reader: Any, tmp_path: Path
) -> None:
    reader = make_reader()
    reader.score = lambda messages, answer: None
    outcome = run(reader, questions, pruner, tmp_path / "answers.jsonl")
    assert table(make_reading_tables(outcome), "Answers").columns[3:] == ["right answers", "token F1"]


def test_the_plot_and_the_raw_numbers_are_there(outcome: ReadingOutcome, tmp_path: Path) -> None:
    [figure] = draw_pareto(outcome, FigureOptions(tmp_path, "reader"))
    picture = (tmp_path / figure.file).read_text()
    assert all(arm in picture for arm in outcome.arms)
    rows = raw_data(outcome)["answers"]
    assert isinstance(rows, list)
    assert len(rows) == 9 * len(outcome.arms)
