import pytest

from provence_plugins.evaluation.reading.asking import ArmAnswer
from provence_plugins.evaluation.reading.measures import (
    MEASURES,
    pair,
    ratio,
    share_shown,
    share_that_turned,
    turned,
)
from provence_plugins.evaluation.reading.questions import ReadingQuestion
from provence_plugins.evaluation.reading.record import RecordedAnswer

LOG, RIGHT, F1 = MEASURES


def answers(arm: str, *texts: str, source: str = "s", seconds: float = 1.0) -> list[ArmAnswer]:
    made = []
    for number, text in enumerate(texts):
        question = ReadingQuestion(source, str(number), "Who?", ("Ada Lovelace",), ())
        recorded = RecordedAnswer(f"{arm}{number}", "now", text, -float(number), seconds=seconds)
        made.append(ArmAnswer(question, arm, 10, 0.0, recorded, is_shown=arm == "full"))
    return made


FULL = answers("full", "Ada Lovelace", "Ada Lovelace", "Bob", "Bob", seconds=4.0)
PRUNED = answers("pruned", "Ada Lovelace.", "Bob", "It was Ada Lovelace", "Eve")


def test_a_measure_is_the_mean_over_sources() -> None:
    mixed = [
        *answers("full", "Ada Lovelace", "Ada Lovelace", "Bob", "Bob"),
        *answers("full", "Ada Lovelace", source="t"),
    ]
    found = RIGHT.measure(mixed, rounds=100)
    assert (found.value, found.questions) == (0.75, 5)
    assert found.interval.low <= 0.75 <= found.interval.high


def test_each_measure_judges_the_answer() -> None:
    assert LOG.measure(FULL, rounds=10).value == -1.5
    assert F1.measure(FULL, rounds=10).value == 0.5
    assert F1.measure(PRUNED, rounds=10).value == pytest.approx((1 + 2 * 2 / 6) / 4)


def test_the_regression_rate_counts_those_that_were_right() -> None:
    lost = share_that_turned(pair(FULL, PRUNED), was_right=True)
    won = share_that_turned(pair(FULL, PRUNED), was_right=False)
    assert lost is not None
    assert won is not None
    assert (lost.value, lost.questions) == (0.5, 2)
    assert (won.value, won.questions) == (0.5, 2)
    assert [each.identity for each in turned(pair(FULL, PRUNED), was_right=True)] == [("s", "1")]
    assert [each.identity for each in turned(pair(FULL, PRUNED), was_right=False)] == [("s", "2")]


def test_the_share_of_contexts_with_the_answer_has_an_interval() -> None:
    found = share_shown([*FULL, *PRUNED])
    assert (found.value, found.questions) == (0.5, 8)
    assert found.interval.low == pytest.approx(0.215, abs=0.001)


def test_an_interval_of_few_answers_that_are_all_alike_is_wide() -> None:
    right = answers("full", *["Ada Lovelace"] * 6)
    lost = share_that_turned(pair(right, right), was_right=True)
    assert lost is not None
    assert (lost.value, lost.interval.low) == (0.0, 0.0)
    assert lost.interval.high == pytest.approx(0.39, abs=0.005)
    assert RIGHT.measure(right, rounds=50).interval.low == pytest.approx(0.61, abs=0.005)
    changed = RIGHT.difference(right, right, rounds=50)
    assert changed.interval.low == -changed.interval.high == pytest.approx(-0.39, abs=0.005)


def test_without_right_answers_there_is_no_regression_rate() -> None:
    wrong = answers("full", "Bob", "Eve")
    assert share_that_turned(pair(wrong, wrong), was_right=True) is None


def test_a_difference_is_paired() -> None:
    found = LOG.difference(PRUNED, FULL, rounds=100)
    assert (found.difference, found.interval.low, found.interval.high) == (0.0, 0.0, 0.0)
    assert RIGHT.difference(FULL, answers("none", "", "", "", ""), rounds=100).difference == 0.5


def test_a_ratio_is_that_of_the_sums() -> None:
    found = ratio(pair(FULL, PRUNED), lambda each: each.answer.seconds, rounds=50)
    assert (found.value, found.interval.low, found.interval.high) == (0.25, 0.25, 0.25)


def test_shares_are_shown_in_per_cent() -> None:
    assert RIGHT.show(0.123) == "12.3"
    assert RIGHT.show(0.123, signed=True) == "+12.3"
    assert LOG.show(-0.123) == "-0.12"
