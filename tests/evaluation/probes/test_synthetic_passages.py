from collections.abc import Callable

from hypothesis import given
from hypothesis import strategies as st

from provence_plugins.data.examples import Example, label_sentences
from provence_plugins.evaluation.methods.method import split
from provence_plugins.evaluation.probes.synthetic_passages import (
    LabelledSentence,
    put_together,
    take_apart,
    unrelated_prose,
)
from provence_plugins.types import Passage

sentence_lists = st.lists(
    st.builds(LabelledSentence, st.text("abc é.", min_size=1).map(str.strip).filter(bool), st.booleans()),
    min_size=1,
    max_size=6,
)


@given(sentences=sentence_lists)
def test_sentences_put_together_tile_the_passage_and_keep_their_labels(sentences: list[LabelledSentence]) -> None:
    passage = put_together(Example("q", "s", "Who?", Passage(""), (), True), sentences, title="Who's who")
    assert "".join(passage.texts) == passage.example.passage.text == " ".join(sentence.text for sentence in sentences)
    assert label_sentences(passage.example, passage.sentences) == [sentence.relevant for sentence in sentences]
    assert take_apart(passage) == sentences
    assert passage.example.passage.title == "Who's who"


def test_a_passage_is_taken_apart_without_whitespace(make_example: Callable[..., Example]) -> None:
    [passage] = split([make_example("One is.", "*Two is.  ", "\n\nThree is.")], "sentencex")
    assert take_apart(passage) == [
        LabelledSentence("One is."),
        LabelledSentence("Two is.", relevant=True),
        LabelledSentence("Three is."),
    ]


def test_unrelated_prose_comes_from_other_sources(make_example: Callable[..., Example]) -> None:
    own, same, other = split(
        [
            make_example("*Here.", id="a"),
            make_example("There.", id="b"),
            make_example("Elsewhere.", "\n\n# A heading\n\n", "And more.", id="c", source="t"),
        ],
        "sentencex",
    )
    assert [sentence.text for sentence in unrelated_prose([own, same, other], own.example)] == [
        "Elsewhere.",
        "And more.",
    ]
    # Data of one source has no other: then other questions do.
    assert [sentence.text for sentence in unrelated_prose([own, same], own.example)] == ["There."]


def test_evidence_of_another_question_is_not_evidence_here(make_example: Callable[..., Example]) -> None:
    own, other = split([make_example("*Here."), make_example("*There.", source="t")], "sentencex")
    assert list(unrelated_prose([own, other], own.example)) == [LabelledSentence("There.", relevant=False)]
