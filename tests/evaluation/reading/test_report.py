from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from provence_plugins.errors import InvalidInputError, PromptTooLongError, ReaderError
from provence_plugins.evaluation.experiment import FigureOptions
from provence_plugins.evaluation.reading.arms import FULL, GOLD, NO_CONTEXT
from provence_plugins.evaluation.reading.outcome import ReadingOutcome
from provence_plugins.evaluation.reading.questions import ReadingQuestion
from provence_plugins.evaluation.reading.report import draw_pareto, make_reading_tables, raw_data
from provence_plugins.evaluation.reporting.result_files import Table


@pytest.fixture
def large_outcome(outcome: ReadingOutcome) -> ReadingOutcome:
    """The same answers fifteen times, as if there were 120 questions."""
    repeated = {arm: [*answers] * 15 for arm, answers in outcome.answerable.items()}
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
    assert rows[FULL][3:5] == ["-0.50 [-0.50, -0.50]", "100.0 [67.6, 100.0]"]
    assert rows[NO_CONTEXT][3:5] == ["-3.00 [-3.00, -3.00]", "0.0 [0.0, 32.4]"]
    lost = {row[0]: row[1:] for row in table(tables, "Answers lost and won").rows}
    assert lost[NO_CONTEXT] == ["0 [0, 32] (8)", "100 [68, 100] (8)", "0 of 8", "–"]
    assert lost[GOLD] == ["100 [68, 100] (8)", "0 [0, 32] (8)", "0 of 0", "–"]
    abstention = {row[0]: row[1:] for row in table(tables, "Abstention").rows}
    assert abstention[NO_CONTEXT] == ["100 [21, 100] (1)", "100 [68, 100] (8)"]
    assert abstention[FULL] == ["100 [21, 100] (1)", "0 [0, 32] (8)"]
    assert "Failures" not in {each.title for each in tables}


def test_the_sizes_of_equal_contexts_are_shown(outcome: ReadingOutcome) -> None:
    [row] = table(make_reading_tables(outcome), "Contexts of equal size").rows
    sizes = {arm: [each.size for each in outcome.answerable[arm]] for arm in ("pruned at 0.5", "lead")}
    short = [one - other for one, other in zip(*sizes.values(), strict=True)]
    assert row[:2] == ["lead", "pruned at 0.5"]
    assert row[2:5] == [f"{sum(sizes['lead']) / 8:.0f}", f"{sum(short) / 8:.1f}", max(short)]


def test_one_unknown_probability_takes_only_its_question_away(outcome: ReadingOutcome) -> None:
    first, *others = outcome.answerable[GOLD]
    unknown = replace(first, answer=replace(first.answer, log_probability=None))
    changed = replace(outcome, answerable={**outcome.answerable, GOLD: [unknown, *others]})
    answers = table(make_reading_tables(changed), "Answers")
    assert answers.rows[1][3:5] == ["-0.50 [-0.50, -0.50]", "100.0 [67.6, 100.0]"]
    assert "The log-probability is known for 7 of the questions" in answers.note


def test_an_arm_is_not_inferior_when_its_whole_interval_is_within_the_margin(large_outcome: ReadingOutcome) -> None:
    rows = table(make_reading_tables(large_outcome), "Differences from the full context").rows
    verdicts = {(row[0], row[1]): row[3:] for row in rows}
    assert verdicts[GOLD, "right answers"] == ["yes (margin 5.0)", "1.000"]
    assert verdicts[NO_CONTEXT, "right answers"] == ["not shown (margin 5.0)", "0.001"]
    assert FULL not in {row[0] for row in rows}


def test_forty_answers_that_are_all_right_do_not_show_a_margin_of_five_points(outcome: ReadingOutcome) -> None:
    repeated = {arm: [*answers] * 5 for arm, answers in outcome.answerable.items()}
    rows = table(make_reading_tables(replace(outcome, answerable=repeated)), "Differences from the full context").rows
    [verdict] = [row[3] for row in rows if row[:2] == [GOLD, "right answers"]]
    assert verdict == "not shown (margin 5.0)"


def test_few_questions_allow_no_verdict(outcome: ReadingOutcome) -> None:
    found = table(make_reading_tables(outcome), "Differences from the full context")
    assert {(str(row[3]).split(" (")[0], row[4]) for row in found.rows} == {("not shown", "–")}
    assert "Too few questions" in found.note


def test_times_of_different_sessions_are_not_compared(
    questions: list[ReadingQuestion], interview: Any, make_reader: Any, tmp_path: Path
) -> None:
    path = tmp_path / "answers.jsonl"
    asked: list[str] = []

    def stop(prompt: str) -> ReaderError | None:
        asked.append(prompt)
        return ReaderError("down") if len(asked) > 7 else None

    with pytest.raises(ReaderError):
        interview(make_reader(fail=stop), questions, path)
    resumed = interview(make_reader(), questions, path)
    whole = len(resumed.answerable[FULL])
    assert 0 < len(resumed.of_one_session[FULL]) < whole


def test_a_question_that_one_arm_failed_is_left_out_of_all_and_counted(
    questions: list[ReadingQuestion], interview: Any, make_reader: Any, tmp_path: Path
) -> None:
    def fail(prompt: str) -> ReaderError | None:
        is_full_two = "Country 2 is a country" in prompt and "capital of country 2?" in prompt
        return PromptTooLongError("long") if is_full_two else None

    outcome = interview(make_reader(fail=fail), questions, tmp_path / "answers.jsonl")
    failed = table(make_reading_tables(outcome), "Failures").rows
    assert [FULL, "prompt too long", 2] in failed
    assert GOLD not in {row[0] for row in failed}
    assert {len(answers) for answers in outcome.answerable.values()} == {6}


def test_without_a_complete_question_there_is_an_error_with_the_reasons(
    questions: list[ReadingQuestion], interview: Any, make_reader: Any, tmp_path: Path
) -> None:
    reader = make_reader(fail=lambda prompt: PromptTooLongError("long"))
    with pytest.raises(InvalidInputError, match=r"nothing to compare.*'prompt too long': 9"):
        interview(reader, questions, tmp_path / "answers.jsonl")


def test_a_reader_that_tells_no_probability_is_judged_by_its_answers(
    questions: list[ReadingQuestion], interview: Any, make_reader: Any, tmp_path: Path
) -> None:
    reader = make_reader()
    reader.score = lambda messages, answer: None
    outcome = interview(reader, questions, tmp_path / "answers.jsonl")
    assert table(make_reading_tables(outcome), "Answers").columns[3:] == ["right answers", "token F1"]


def test_the_plot_and_the_raw_numbers_are_there(outcome: ReadingOutcome, tmp_path: Path) -> None:
    [figure] = draw_pareto(outcome, FigureOptions(tmp_path, "reader"))
    picture = (tmp_path / figure.file).read_text()
    assert all(arm in picture for arm in outcome.arms)
    rows = raw_data(outcome)["answers"]
    assert isinstance(rows, list)
    assert len(rows) == 9 * len(outcome.arms)
