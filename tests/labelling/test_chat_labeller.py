from collections.abc import Sequence

import pytest

from provence_plugins.errors import PromptTooLongError, ReaderError
from provence_plugins.labelling.chat_labeller import ChatLabeller
from provence_plugins.labelling.pairs import Pair
from provence_plugins.readers.reader import Answer, Message
from provence_plugins.types import Passage

TEXT = "Paris is old.\n\nIt is far. Cheese is good."


class Echo:
    """A reader that gives one answer, or fails, whatever it is asked."""

    name = "echo"

    def __init__(self, answer: str | ReaderError, *, is_complete: bool = True) -> None:
        self._answer = answer
        self._is_complete = is_complete

    def answer(self, messages: Sequence[Message], *, max_tokens: int) -> Answer:
        if isinstance(self._answer, ReaderError):
            raise self._answer
        return Answer(self._answer, None, None, None, 0.0, self._is_complete)

    def score(self, messages: Sequence[Message], answer: str) -> float | None:
        return None

    def close(self) -> None: ...


PAIR = Pair("Where is Paris?", Passage(TEXT))


def test_cited_sentences_have_probability_one_and_the_others_zero() -> None:
    label = ChatLabeller(Echo("It is far [2].")).label(PAIR)
    assert label.silver is not None
    assert [(TEXT[start:end].strip(), probability) for start, end, probability in label.silver] == [
        ("Paris is old.", 0.0),
        ("It is far.", 1.0),
        ("Cheese is good.", 0.0),
    ]
    assert (label.answer, label.discarded) == ("It is far [2].", None)


@pytest.mark.parametrize(
    ("reader", "reason"),
    [
        (Echo("It is far."), "no citation"),
        (Echo("It is far [9]."), "unknown sentence"),
        (Echo("It is far [2] and", is_complete=False), "cut off"),
        (Echo(PromptTooLongError("too long")), "prompt too long"),
    ],
    ids=["uncited", "unknown", "cut", "long"],
)
def test_an_answer_that_cannot_be_used_is_discarded_with_its_reason(reader: Echo, reason: str) -> None:
    label = ChatLabeller(reader).label(PAIR)
    assert (label.silver, label.discarded) == (None, reason)


def test_a_reader_that_fails_is_not_taken_for_an_answer() -> None:
    with pytest.raises(ReaderError, match="down"):
        ChatLabeller(Echo(ReaderError("down"))).label(PAIR)


def test_prompts_are_counted_at_four_characters_a_token() -> None:
    labeller = ChatLabeller(Echo(""))
    one, longer = labeller.prompt_tokens([PAIR]), labeller.prompt_tokens([Pair("?" * 400, Passage(TEXT))])
    assert longer - one == pytest.approx(100, abs=5)
    assert labeller.prompt_tokens([PAIR] * 3) == pytest.approx(3 * one, abs=2)
