"""What answers cost: tokens, seconds until the first token and in all, and money."""

import math
from collections.abc import Sequence
from statistics import fmean

from provence_plugins.evaluation.reading.arms import FULL
from provence_plugins.evaluation.reading.asking import ArmAnswer
from provence_plugins.evaluation.reading.measures import (
    AnswerPair,
    MeasuredValue,
    Value,
    number_or_nan,
    pair,
    ratio,
)
from provence_plugins.evaluation.reading.outcome import Prices, ReadingOutcome
from provence_plugins.evaluation.reporting.result_files import Cell, Table

NOTHING = "–"
"""Shown in a table in place of an unknown value."""

# Questions that prices are shown for.
_THOUSAND = 1000


def make_cost_tables(outcome: ReadingOutcome) -> list[Table]:
    """Return the tables of costs, of the questions that one session asked in all arms."""
    return [_shares(outcome), _seconds(outcome), _money(outcome)]


def prompt_tokens(answer: ArmAnswer) -> float:
    """Return the tokens of a prompt; NaN where the reader does not tell."""
    return number_or_nan(answer.answer.prompt_tokens)


def show_ratio(pairs: Sequence[AnswerPair], cost: Value) -> str:
    """Return the cost of an arm in per cent of the full context's, if the reader tells it."""
    for both in pairs:
        if math.isnan(cost(both.full)) or math.isnan(cost(both.other)):
            return NOTHING
    return show_share(ratio(pairs, cost))


def show_share(found: MeasuredValue | None) -> str:
    """Return a share in per cent with its interval and the number of questions, for a table."""
    if found is None:
        return NOTHING
    value, low, high = (100 * each for each in (found.value, found.interval.low, found.interval.high))
    return f"{value:.0f} [{low:.0f}, {high:.0f}] ({found.questions})"


def _first_token(answer: ArmAnswer) -> float:
    return number_or_nan(answer.answer.prefill_seconds)


def _first_token_with_choosing(answer: ArmAnswer) -> float:
    return _first_token(answer) + answer.choosing_seconds


def _total(answer: ArmAnswer) -> float:
    return answer.answer.seconds


def _total_with_choosing(answer: ArmAnswer) -> float:
    return _total(answer) + answer.choosing_seconds


def _answer_tokens(answer: ArmAnswer) -> float:
    return number_or_nan(answer.answer.answer_tokens)


_COLUMNS_OF_MONEY = ["context", "cost", "saved"]

_TIMES: dict[str, Value] = {
    "first token": _first_token,
    "first token, with choosing": _first_token_with_choosing,
    "whole answer": _total,
    "whole answer, with choosing": _total_with_choosing,
}


def _shares(outcome: ReadingOutcome) -> Table:
    costs = {"tokens of the prompt": prompt_tokens, **_TIMES}
    timed = outcome.of_one_session
    rows: list[list[Cell]] = []
    for arm, answers in timed.items():
        if arm == FULL or not answers:
            continue
        pairs = pair(timed[FULL], answers)
        rows.append([arm, *(show_ratio(pairs, cost) for cost in costs.values())])
    note = (
        "In per cent of the full context, with 95 % intervals; the contexts of a question were "
        "measured one after another in random order. In round brackets the number of questions "
        "that one session asked in all contexts."
    )
    return Table("Cost against the full context", ["context", *costs], rows, note)


def _seconds(outcome: ReadingOutcome) -> Table:
    rows: list[list[Cell]] = []
    for arm, answers in outcome.of_one_session.items():
        if answers:
            rows.append([arm, *(_mean(answers, time) for time in _TIMES.values())])
    note = (
        "Mean seconds for a question on the machine below. What else it was busy with counts too: "
        "compare the contexts, which were measured one after another, not the seconds with those "
        "of another page."
    )
    return Table("Seconds", ["context", *_TIMES], rows, note)


def _money(outcome: ReadingOutcome) -> Table:
    rows: list[list[Cell]] = []
    if not outcome.prices.are_known:
        return Table("Money", _COLUMNS_OF_MONEY, rows)
    counted = outcome.with_tokens
    for arm, answers in counted.items():
        cost, full = (_cost(each, outcome.prices) for each in (answers, counted[FULL]))
        rows.append([arm, _show_number(cost), _show_number(full - cost)])
    note = (
        f"For {_THOUSAND:,} questions, in the currency of the prices: "
        f"{_show_price(outcome.prices.prompts)} for a million tokens of prompts and "
        f"{_show_price(outcome.prices.answers)} for a million tokens of answers. Computed from the "
        f"{len(counted[FULL]):,} questions whose tokens the reader told in all contexts."
    )
    return Table("Money", _COLUMNS_OF_MONEY, rows, note)


def _cost(answers: Sequence[ArmAnswer], prices: Prices) -> float:
    """Return what a thousand questions cost; NaN without any answers."""
    prompts = _mean_tokens(answers, prompt_tokens, prices.prompts)
    written = _mean_tokens(answers, _answer_tokens, prices.answers)
    return _THOUSAND * prices.cost(prompts, written)


def _mean_tokens(answers: Sequence[ArmAnswer], tokens: Value, price: float | None) -> float:
    """Return the mean number of tokens; 0 without a price, because then the reader need not tell."""
    if not price:
        return 0.0
    return fmean(map(tokens, answers)) if answers else math.nan


def _mean(answers: Sequence[ArmAnswer], time: Value) -> str:
    return _show_number(fmean(map(time, answers)))


def _show_number(value: float) -> str:
    return NOTHING if math.isnan(value) else f"{value:.2f}"


def _show_price(price: float | None) -> str:
    return "nothing" if price is None else f"{price:g}"
