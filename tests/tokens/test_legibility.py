import pytest

from provence_plugins.tokens.legibility import is_legible

UNKNOWN = 100
ENGLISH = "The mill stands by the river."
ARABIC = "ذهبت إلى البيت في المساء"
CHINESE = "这是一个普通的中文句子"


def tokens(count: int, unknown: int = 0) -> list[list[int]]:
    return [[UNKNOWN] * unknown + [7] * (count - unknown)]


@pytest.mark.parametrize("text", [ENGLISH, "Es grünt überall.", "1234", "", "\u03b1 and \u03b2 are Greek letters"])
def test_latin_script_is_legible_whatever_the_tokenizer_makes_of_it(text: str) -> None:
    assert is_legible(text, tokens(max(1, len(text))), UNKNOWN)


def test_an_alphabet_that_falls_apart_into_letters_is_not() -> None:
    assert not is_legible(ARABIC, tokens(len(ARABIC)), UNKNOWN)
    assert is_legible(ARABIC, tokens(6), UNKNOWN)


def test_a_script_of_signs_is_not_if_signs_are_unknown_or_bytes() -> None:
    assert not is_legible(CHINESE, tokens(11, unknown=5), UNKNOWN)
    assert not is_legible(CHINESE, tokens(33), None)
    assert is_legible(CHINESE, tokens(11), UNKNOWN)
    assert is_legible(CHINESE, tokens(7), None)


def test_a_name_in_another_script_changes_nothing() -> None:
    assert is_legible(f"{ENGLISH} {ENGLISH} It is called {CHINESE} there.", tokens(40, unknown=11), UNKNOWN)


def test_a_text_without_tokens_is_legible() -> None:
    assert is_legible(CHINESE, [[]], UNKNOWN)
