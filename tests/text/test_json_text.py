import json

from rows import row

from provence_plugins.text.json_text import split_json


def starts_at_dots(text: str) -> list[int]:
    return [0, *(place + 1 for place, sign in enumerate(text[:-1]) if sign == ".")]


def units(text: str) -> list[tuple[str, str]] | None:
    found = split_json(text, starts_at_dots)
    return None if found is None else [(sentence.kind, sentence.of(text)) for sentence in found]


def test_other_texts_are_left_alone() -> None:
    for text in [
        "",
        "text",
        "[link](address) and text]",
        '{"a": 1',
        "{a: 1}",
        "3",
        '"a"',
        "[1] and [2]",
        "{}\ntext\n",
        "[" * 9_000,
    ]:
        with row(text):
            assert units(text) is None


def test_each_value_is_a_unit_with_its_key_and_a_small_object_is_one() -> None:
    assert units('{"a": 1, "b": {"c": [2]}}') == [
        ("structure", "{"),
        ("record", '"a": 1'),
        ("structure", ", "),
        ("record", '"b": {"c": [2]}'),
        ("structure", "}"),
    ]


def test_an_empty_document_is_one_unit() -> None:
    assert units(" {} ") == [("record", " {} ")]


def test_a_long_string_is_cut_into_sentences_but_not_inside_an_escape() -> None:
    text = json.dumps({"a": 'One is here "x". Two.' + "x" * 200, "b": "é.\\."}, indent=1)
    found = units(text)
    assert found is not None
    assert [kind for kind, _ in found] == [
        "structure", "structure", "sentence", "sentence", "sentence", "structure", "structure", "record", "structure",
    ]  # fmt: skip
    assert "".join(unit for _, unit in found) == text


def test_one_document_on_each_line_makes_one_unit_of_each_line() -> None:
    assert units('{"a": 1}\n\n{"a": 2}\n') == [("record", '{"a": 1}\n\n'), ("record", '{"a": 2}\n')]


def test_documents_are_found_between_line_breaks_and_record_separators_and_after_byte_order_marks() -> None:
    for text, found in [
        ('\ufeff{"a": 1}\n\ufeff{"a": 2}', ['\ufeff{"a": 1}\n\ufeff', '{"a": 2}']),
        ('\x1e{"a":\n1}\n\x1e{"a": 2}\n', ['\x1e{"a":\n1}\n\x1e', '{"a": 2}\n']),
        ('{"a": "\u2028"}\n{"a": 2}', ['{"a": "\u2028"}\n', '{"a": 2}']),
        ('{"a": 1}\r{"a": 2}', ['{"a": 1}\r', '{"a": 2}']),
    ]:
        with row(text):
            assert units(text) == [("record", unit) for unit in found]
