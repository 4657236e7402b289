from hypothesis import given
from hypothesis import strategies as st

from provence_plugins.text.visible import show_controls, show_name, show_on_one_line


@given(st.text())
def test_no_control_character_but_line_ends_and_tabs_is_left(text: str) -> None:
    shown = show_controls(text)
    assert not [char for char in shown if (char < " " and char not in "\n\t") or "\x7f" <= char < "\xa0"]
    assert "\n" not in show_on_one_line(text)


def test_an_escape_sequence_is_shown_and_not_sent() -> None:
    assert show_controls("a\x1b[31mred\r\nnext\tcolumn\x9b") == "a␛[31mred\nnext\tcolumn\N{REPLACEMENT CHARACTER}"
    assert show_on_one_line("  MIT\n\x07licence ") == "MIT ␇licence"


@given(st.text())
def test_a_name_has_no_control_character_and_keeps_its_spaces(name: str) -> None:
    shown = show_name(name)
    assert not [char for char in shown if char < " " or "\x7f" <= char < "\xa0"]
    assert [char for char in shown if char == " "] == [char for char in name if char == " "]
    assert len(shown) == len(name)


def test_a_name_cannot_be_made_to_read_as_another_one() -> None:
    assert show_on_one_line("\u202egpj.exe \u2066x\u2069") == "\ufffdgpj.exe \ufffdx\ufffd"
    assert show_controls("\u200fשלום\u200e") == "\u200fשלום\u200e"
