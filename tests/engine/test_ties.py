"""A kept sentence brings what it needs: who said it, what it answers, what it belongs to. JSON stays JSON."""

import json
from collections.abc import Sequence
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from provence_plugins.engine.decisions import decide
from provence_plugins.engine.passages import ScoredPassage
from provence_plugins.engine.policy import PruningPolicy
from provence_plugins.errors import InvalidInputError
from provence_plugins.text.sentences import split_sentences
from provence_plugins.thresholds import Thresholds
from provence_plugins.types import MeaningTie, Passage, Sentence


def pruned(text: str, wanted: Sequence[float], policy: PruningPolicy) -> str:
    """Return what is kept of a text, given the probabilities of its sentences."""
    sentences = split_sentences(text)
    scored = ScoredPassage(0, Passage(text), 1.0, sentences, wanted, [1] * len(sentences))
    kept, _ = decide([scored], policy, Thresholds(0.5))
    return "".join(passage.text for passage in kept)


def kept_with(text: str, *parts: str, ties: tuple[MeaningTie, ...] | None = None, headings: bool = True) -> str:
    """Return what is kept of a text when only the sentences that touch one of the parts pass the threshold."""
    places = [(text.index(part), text.index(part) + len(part)) for part in parts]

    def touches(sentence: Sentence) -> bool:
        return any(sentence.start < end and start < sentence.end for start, end in places)

    policy = PruningPolicy(threshold=0.5, keep_headings=headings)
    if ties is not None:
        policy = PruningPolicy(threshold=0.5, keep_headings=headings, ties=ties)
    return pruned(text, [float(touches(sentence)) for sentence in split_sentences(text)], policy)


TURN = (
    "Ann: The launch is late.\nBob: It is, and that is what I wanted to talk about today, before we come to the rest "
    "of the points on our list. The supplier of the hinges has gone out of business. We need three more weeks for a "
    "new one. I am sorry.\nAnn: Fine.\n"
)
NESTED = "- Losses that we pay for\n  - Fire\n  - Storm\n- Losses that are left out\n  - Leaking pipes\n  - War\n"
FAQ = "Q: How long does it take?\nA: Four days.\nQ: Can I send it back?\nA: Yes, within 21 days.\n"
COMMAND = "You can pass a flag. No window is opened.\n\n```sh\nsetup --batch\n```\n\nMore text follows here.\n"
ANNOUNCED = (
    "All members of the club receive the following for the fee that they pay at the beginning of every new year:\n\n"
    "- a key\n- a locker\n\nThe house is old.\n"
)
SHEETS = "Product: Lamp\nPrice: 29\nPower: 12\n\nProduct: Chair\nPrice: 55\nWood: oak\n"


@pytest.mark.parametrize(
    ("tie", "text", "wanted", "expected"),
    [
        ("label", TURN, "The supplier", ["Bob: It is", "The supplier of the hinges"]),
        ("parent", NESTED, "Leaking pipes", ["- Losses that are left out", "  - Leaking pipes"]),
        ("question", FAQ, "A: Yes", ["Q: Can I send it back?", "A: Yes, within 21 days."]),
        ("question", FAQ, "Q: Can I", ["Q: Can I send it back?", "A: Yes, within 21 days."]),
        ("announced", COMMAND, "You can pass", ["You can pass a flag.", "setup --batch"]),
        ("announced", ANNOUNCED, "a locker", ["All members", "- a locker"]),
        ("title", SHEETS, "Price: 55", ["Product: Chair", "Price: 55"]),
    ],
    ids=["speaker", "parent", "question of an answer", "answer of a question", "command", "announcing line", "title"],
)
def test_a_kept_sentence_brings_what_it_is_tied_to_unless_that_is_switched_off(
    tie: MeaningTie, text: str, wanted: str, expected: list[str]
) -> None:
    kept = kept_with(text, wanted)
    assert all(part in kept for part in expected)
    assert len(kept) < len(text)
    others: tuple[MeaningTie, ...] = tuple(name for name in PruningPolicy().ties if name != tie)
    alone = kept_with(text, wanted, ties=others)
    assert len(alone) < len(kept)
    assert wanted in alone


def test_other_speakers_and_questions_stay_away() -> None:
    assert "Ann" not in kept_with(TURN, "The supplier")
    assert "Four days" not in kept_with(FAQ, "A: Yes")
    assert "Lamp" not in kept_with(SHEETS, "Price: 55")


@pytest.mark.parametrize("ties", ["label", ("speaker",), ["label"], None])
def test_ties_that_do_not_exist_are_refused(ties: Any) -> None:
    with pytest.raises(InvalidInputError, match="'label', 'parent', 'question', 'announced', 'title'"):
        PruningPolicy(ties=ties)


LONG = "It began in spring. The ice was thick then. Nobody came for weeks, and the stores ran low. " * 4
DOCUMENT = {
    "name": "The mill",
    "size": [1, 2, 3],
    "empty": {},
    "history": LONG + 'He said "no". \u00e9.\n\nIt ended. ' + LONG,
    "owner": {"name": "Ann", "address": {"street": "North Street 5", "town": "Mill " * 60}, "since": 1980},
    "parts": [{"name": f"part {number}", "weight": number, "note": "x" * 40} for number in range(9)],
}
scalars = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False)
strings = st.text(max_size=20) | st.sampled_from([LONG, LONG.replace(" ", '\\ "'), "a. B\n" * 80, 'x\\"y. Z! ' * 40])
documents = st.recursive(
    scalars | strings,
    lambda inner: st.lists(inner, max_size=6) | st.dictionaries(strings, inner, max_size=6),
    max_leaves=25,
)


@pytest.mark.parametrize("indent", [None, 2], ids=["on one line", "indented"])
def test_a_value_of_json_brings_its_key_and_the_brackets_around_it(indent: int | None) -> None:
    text = json.dumps(DOCUMENT, indent=indent)
    assert json.loads(kept_with(text, "North Street")) == {"owner": {"address": {"street": "North Street 5"}}}
    assert json.loads(kept_with(text, '"size"')) == {"size": [1, 2, 3]}
    assert json.loads(kept_with(text, "The mill", "part 3")) == {"name": "The mill", "parts": [DOCUMENT["parts"][3]]}  # type: ignore[index]
    [(key, value)] = json.loads(kept_with(text, "It ended")).items()
    assert key == "history"
    assert value.strip() == "It ended."


@given(
    document=st.lists(documents, min_size=1, max_size=5) | st.dictionaries(strings, documents, min_size=1),
    max_tokens=st.sampled_from([None, 12]),
    data=st.data(),
)
def test_what_is_kept_of_json_is_json(document: Any, max_tokens: int | None, data: st.DataObject) -> None:
    text = json.dumps(document, indent=data.draw(st.sampled_from([None, 1])), ensure_ascii=data.draw(st.booleans()))
    number = len(split_sentences(text))
    wanted = data.draw(st.lists(st.sampled_from([0.0, 0.6, 1.0]), min_size=number, max_size=number))
    kept = pruned(text, wanted, PruningPolicy(threshold=0.5, max_tokens=max_tokens))
    assert not kept or type(json.loads(kept)) is type(document)


@given(documents)
def test_json_is_given_back_unchanged_when_all_of_it_is_kept(document: Any) -> None:
    text = json.dumps(document)
    assert pruned(text, [0.0] * len(split_sentences(text)), PruningPolicy(threshold=0)) == text


def test_lines_of_json_are_units_and_long_ones_are_cut_inside() -> None:
    lines = [{"id": 1, "text": "short"}, {"id": 2, "text": LONG}, {"id": 3, "text": "short too"}]
    text = "".join(json.dumps(line) + "\n" for line in lines)
    assert json.loads(kept_with(text, '{"id": 3')) == lines[2]
    assert json.loads(kept_with(text, "Nobody came"))["text"].count("Nobody came") == 1


def test_deep_nesting_is_not_read_as_json_and_takes_no_stack() -> None:
    text = "[" * 100_000 + "]" * 100_000
    assert "".join(sentence.of(text) for sentence in split_sentences(text)) == text
