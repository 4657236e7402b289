import pytest

from provence_plugins.evaluation.reading.answers import abstains, matches, normalize, token_f1


def test_normalization_drops_case_punctuation_and_articles() -> None:
    assert normalize("The  Eiffel Tower, a tower!") == ["eiffel", "tower", "tower"]
    assert normalize("東京です") == ["東", "京", "で", "す"]


@pytest.mark.parametrize(
    ("answer", "right", "expected"),
    [
        ("It lies in Paris, France.", ["paris"], True),
        ("It is in New York.", ["York New", "new york"], True),
        ("Parisian food", ["Paris"], False),
        ("York is new", ["New York"], False),
        ("", ["Paris"], False),
        ("Anything", ["the"], False),
        ("Anything", [], False),
    ],
)
def test_an_answer_matches_when_it_holds_the_words_of_a_right_one(
    answer: str, right: list[str], expected: bool
) -> None:
    assert matches(answer, right) is expected


def test_f1_is_that_of_the_right_answer_that_fits_best() -> None:
    assert token_f1("the red house", ["house", "a red house"]) == 1.0
    assert token_f1("house", ["red house"]) == pytest.approx(2 / 3)
    assert token_f1("boat", ["house"]) == 0.0
    assert token_f1("", ["house"]) == 0.0


@pytest.mark.parametrize(
    "answer",
    [
        "unanswerable",
        "Unanswerable.",
        "",
        "The context does not mention it.",
        "I don't know.",
        "Cannot be answered",
        "There is no information about this.",
    ],
)
def test_an_answer_that_says_that_there_is_none_abstains(answer: str) -> None:
    assert abstains(answer)


@pytest.mark.parametrize("answer", ["Paris", "It is not Paris.", "No, he did.", "a notable answer"])
def test_an_answer_that_denies_something_does_not_abstain(answer: str) -> None:
    assert not abstains(answer)
