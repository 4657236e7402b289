"""Sentences as columns: a sequence like any list of sentences, and nothing for the garbage collector to search."""

import gc
import pickle
from collections.abc import Callable, Iterator

import pytest

from provence_plugins import Pruner, PruneResult, PruningPolicy
from provence_plugins.testing import WordBackend
from provence_plugins.text.columns import Sentences, Ties
from provence_plugins.text.sentences import SPLITTERS, SplitterName, split_sentences
from provence_plugins.types import Passage, Sentence, Span, Tie

SENTENCES = [
    Sentence(0, 4, "heading"),
    Sentence(4, 9, "record", 0, None, (Tie("label", 0), Tie("question", 2))),
    Sentence(9, 12, "sentence", 0, Span(9, 11)),
]
TEXT = "abc\ndefg\nhi\n"

# Many short units of each make, so that anything that is kept for each of them would stand out.
SHAPES = [
    "a\n", "a\n\n", "- a\n", "Hi. ", "a: b\n", "Ann: I see.\n", "Ann: I see.\n\n", "Q: a\nA: b\n", "A?\nB.\n",
    "|a|b|\n", "# a\n", "> a\n", "a,b,c\n", "10:02 job started\n", "A:\n- b\n", "字。", "@@ -1 +1 @@\n",
]  # fmt: skip
UNITS = 600
# Modules that are loaded, caches that fill; far fewer than units.
FEW = 120


@pytest.fixture(scope="module")
def pruner() -> Iterator[Pruner]:
    with Pruner(backend=WordBackend()) as pruner:
        yield pruner


@pytest.fixture(scope="module")
def quiet_collector() -> None:
    """Put aside what all earlier tests left, so that a collection searches what these tests make and nothing else."""
    gc.collect()
    gc.freeze()


def objects_of(make: Callable[[], object]) -> int:
    """Return how many objects the collector has to search for as long as what `make` returns is alive."""
    make()
    gc.collect()
    before = len(gc.get_objects())
    made = make()
    # The first time it passes over tuples of numbers and texts, the second time over tuples of those.
    for _ in range(2):
        gc.collect()
    count = len(gc.get_objects()) - before
    del made
    return count


def test_columns_are_equal_to_the_sentences_that_they_are_made_of() -> None:
    columns = Sentences.of(SENTENCES)
    assert list(columns) == SENTENCES
    assert columns == SENTENCES
    assert columns == tuple(SENTENCES)
    assert columns == Sentences.of(tuple(SENTENCES))
    assert columns != SENTENCES[:2]
    assert columns != [*SENTENCES[:2], Sentence(9, 12)]
    assert columns != "abc"
    assert repr(columns) == repr(SENTENCES)
    assert Sentences.of(columns) is columns
    assert pickle.loads(pickle.dumps(columns)) == SENTENCES


def test_columns_are_indexed_and_sliced_like_a_list() -> None:
    columns = Sentences.of(SENTENCES)
    assert len(columns) == 3
    assert columns[1] == columns[-2] == SENTENCES[1]
    assert columns[1:] == SENTENCES[1:]
    assert columns[::-1] == SENTENCES[::-1]
    assert SENTENCES[2] in columns
    with pytest.raises(IndexError):
        columns[3]


def test_no_sentences_are_columns_too() -> None:
    for empty in (Sentences.of([]), Sentences([0]), split_sentences("")):
        assert (len(empty), list(empty), empty.texts("")) == (0, [], [])


def test_texts_are_those_of_the_sentences() -> None:
    columns = Sentences.of(SENTENCES)
    assert columns.texts(TEXT) == [sentence.of(TEXT) for sentence in SENTENCES]
    assert columns.model_texts(TEXT) == [sentence.model_text(TEXT) for sentence in SENTENCES]
    assert columns.text_of(1, TEXT) == SENTENCES[1].of(TEXT)
    assert [columns.ties_of(number) for number in range(3)] == [(), (("label", 0), ("question", 2)), ()]


def test_ties_are_given_by_sentence_in_the_order_in_which_they_were_found() -> None:
    ties = Ties()
    ties.add([2, 0], "parent", 1)
    ties.add(range(3), "label", 0)
    assert ties.by_sentence() == {0: (("parent", 1),), 1: (("label", 0),), 2: (("parent", 1), ("label", 0))}


@pytest.mark.parametrize("splitter", SPLITTERS)
def test_every_splitter_gives_columns(splitter: SplitterName) -> None:
    if splitter == "nltk":
        pytest.importorskip("nltk")
    sentences = split_sentences("One is here. Two is there.\nThree.", splitter)
    assert isinstance(sentences, Sentences)
    assert "".join(sentences.texts("One is here. Two is there.\nThree.")) == "One is here. Two is there.\nThree."


@pytest.mark.usefixtures("quiet_collector")
@pytest.mark.parametrize("shape", SHAPES, ids=ascii)
def test_sentences_of_a_long_text_are_no_work_for_the_garbage_collector(shape: str) -> None:
    text = shape * UNITS
    assert objects_of(lambda: split_sentences(text)) < FEW


@pytest.mark.usefixtures("quiet_collector")
@pytest.mark.parametrize("shape", [*SHAPES, "<p>a</p>", "a:\n  b: c\n", "a\tb\n"], ids=ascii)
def test_no_object_is_held_for_each_line_while_a_text_is_split(shape: str) -> None:
    text = shape * UNITS
    split_sentences(text)
    gc.collect()
    before = len(gc.get_objects())
    counts = []

    def count(phase: str, about: dict[str, int]) -> None:
        # A collection of the youngest objects alone still sees tuples that are passed over later.
        if phase == "stop" and about["generation"] > 0:
            counts.append(len(gc.get_objects()) - before)

    thresholds = gc.get_threshold()
    gc.callbacks.append(count)
    gc.set_threshold(100, 1, 1_000)
    try:
        sentences = split_sentences(text)
    finally:
        gc.set_threshold(*thresholds)
        gc.callbacks.remove(count)
    assert len(sentences.bounds) > 1
    assert max(counts, default=0) < FEW + 200


@pytest.mark.usefixtures("quiet_collector")
@pytest.mark.parametrize("shape", SHAPES, ids=ascii)
def test_a_planned_call_and_its_result_are_no_work_for_the_garbage_collector(pruner: Pruner, shape: str) -> None:
    passage = Passage(shape * UNITS)
    policy = PruningPolicy(threshold=0.3)
    assert objects_of(lambda: pruner._plan("what is a", [passage], policy)) < FEW

    def prune() -> PruneResult:
        result = pruner.prune("what is a", [passage], policy)
        assert len(result.text) <= len(passage.text)
        return result

    assert objects_of(prune) < FEW
