from dataclasses import replace

import pytest

from provence_plugins.evaluation.reading.arms import FULL, NO_CONTEXT
from provence_plugins.evaluation.reading.costs import make_cost_tables
from provence_plugins.evaluation.reading.outcome import Prices, ReadingOutcome
from provence_plugins.evaluation.reporting.result_files import Table


def table(tables: list[Table], title: str) -> Table:
    [found] = [each for each in tables if each.title == title]
    assert all(len(row) == len(found.columns) for row in found.rows)
    return found


def test_costs_are_shares_of_the_full_context(outcome: ReadingOutcome) -> None:
    costs = table(make_cost_tables(outcome), "Cost against the full context")
    rows = {row[0]: dict(zip(costs.columns, row, strict=True)) for row in costs.rows}
    full, none = (outcome.answerable[arm] for arm in (FULL, NO_CONTEXT))
    share = sum(each.answer.seconds for each in none) / sum(each.answer.seconds for each in full)
    assert str(rows[NO_CONTEXT]["whole answer"]).startswith(f"{100 * share:.0f} [")
    assert str(rows[NO_CONTEXT]["first token"]).startswith(f"{100 * share:.0f} [")
    assert FULL not in rows


def test_the_seconds_until_the_first_token_count_the_choosing_too(outcome: ReadingOutcome) -> None:
    shown = table(make_cost_tables(outcome), "Seconds")
    rows = {row[0]: dict(zip(shown.columns, row, strict=True)) for row in shown.rows}
    pruned = outcome.answerable["pruned at 0.5"]
    waited = sum((each.answer.prefill_seconds or 0) + each.choosing_seconds for each in pruned) / len(pruned)
    assert rows["pruned at 0.5"]["first token, with choosing"] == f"{waited:.2f}"


def test_money_counts_prompts_and_answers_at_their_prices(outcome: ReadingOutcome) -> None:
    rows = {row[0]: row for row in table(make_cost_tables(outcome), "Money").rows}
    full = outcome.answerable[FULL]
    prompts = sum(each.answer.prompt_tokens or 0 for each in full) / len(full)
    assert rows[FULL] == [FULL, f"{(prompts * 2.0 + 1 * 10.0) / 1000:.2f}", "0.00"]
    saved = float(str(rows[NO_CONTEXT][2]))
    assert saved == pytest.approx(float(str(rows[FULL][1])) - float(str(rows[NO_CONTEXT][1])), abs=0.011)


def test_without_prices_there_is_no_money(outcome: ReadingOutcome) -> None:
    tables = make_cost_tables(replace(outcome, prices=Prices()))
    assert table(tables, "Money").rows == []


def test_a_reader_that_does_not_count_its_answers_has_no_price_for_them(outcome: ReadingOutcome) -> None:
    silent = {
        arm: [replace(each, answer=replace(each.answer, answer_tokens=None)) for each in answers]
        for arm, answers in outcome.answerable.items()
    }
    rows = table(make_cost_tables(replace(outcome, answerable=silent)), "Money").rows
    assert {tuple(row[1:]) for row in rows} == {("–", "–")}
    free = replace(outcome, answerable=silent, prices=Prices(prompts=2.0, answers=0.0))
    assert "–" not in {cell for row in table(make_cost_tables(free), "Money").rows for cell in row}


def test_one_answer_of_unknown_length_takes_only_its_question_out_of_the_money(outcome: ReadingOutcome) -> None:
    first, *others = outcome.answerable[NO_CONTEXT]
    unknown = replace(first, answer=replace(first.answer, answer_tokens=None))
    found = table(
        make_cost_tables(replace(outcome, answerable={**outcome.answerable, NO_CONTEXT: [unknown, *others]})), "Money"
    )
    assert "–" not in {cell for row in found.rows for cell in row}
    assert "the 7 questions whose tokens the reader told in all contexts" in found.note
