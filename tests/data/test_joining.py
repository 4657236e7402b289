from dataclasses import replace

import pytest

from provence_plugins.data.examples import Example
from provence_plugins.data.joining import join_examples
from provence_plugins.data.silver import SilverSpan
from provence_plugins.types import Passage, Span

ANSWER = Example("q", "s", "Who made it?", Passage("Red. Anna made it.", "Flags"), (Span(5, 18),), True, teacher=2.0)
ANSWER = replace(ANSWER, silver=(SilverSpan(Span(0, 4), 0.1), SilverSpan(Span(5, 18), 0.9)))
FIRST = Example("q#n0", "s", "Who made it?", Passage("Blue.", "Boats"), (), False, teacher=-3.0)
FIRST = replace(FIRST, silver=(SilverSpan(Span(0, 5), 0.2),))
SECOND = replace(FIRST, id="q#n1", passage=Passage("Green leaves."), silver=(SilverSpan(Span(0, 13), 0.3),))


@pytest.mark.parametrize(
    ("place", "text"),
    [
        (0, "Red. Anna made it.\n\nBlue.\n\nGreen leaves."),
        (1, "Blue.\n\nRed. Anna made it.\n\nGreen leaves."),
        (2, "Blue.\n\nGreen leaves.\n\nRed. Anna made it."),
    ],
)
def test_labels_stay_with_their_words(place: int, text: str) -> None:
    joined = join_examples(ANSWER, [FIRST, SECOND], place)
    assert joined.passage == Passage(text, "Flags")
    assert [span.of(text) for span in joined.evidence] == ["Anna made it."]
    found = {given.span.of(text): given.probability for given in joined.silver}
    assert found == {"Red.": 0.1, "Anna made it.": 0.9, "Blue.": 0.2, "Green leaves.": 0.3}
    assert (joined.id, joined.positive, joined.teacher) == ("q", True, 2.0)


def test_labels_of_a_teacher_are_all_or_none() -> None:
    joined = join_examples(ANSWER, [FIRST, replace(SECOND, silver=(), teacher=None)], 0)
    assert joined.silver == ()
    assert joined.teacher is None
    assert joined.has_sentence_labels
