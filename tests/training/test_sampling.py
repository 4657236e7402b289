import math
from collections import Counter
from dataclasses import replace
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tokenizers import Tokenizer

from provence_plugins.data.examples import Example
from provence_plugins.data.silver import SilverSpan
from provence_plugins.engine.planning import Planner
from provence_plugins.errors import QueryTooLongError
from provence_plugins.model.formats import NATIVE
from provence_plugins.text.sentences import split_sentences
from provence_plugins.tokens.encoding import TextEncoder
from provence_plugins.training.sampling import (
    LabelledWindow,
    crop,
    cut_passage,
    epoch_of,
    labelled_windows,
)
from provence_plugins.training.settings import DataSettings
from provence_plugins.types import Passage, Sentence, Span

TEXT = "Paris is old. Rome is big. Cheese is good. The river is long. France is far."
WHOLE = DataSettings(train=[], dev=[], whole_share=1.0, title_share=0.0)
CROPPED = DataSettings(train=[], dev=[], whole_share=0.0, title_share=0.5, crop_sentences=(1, 2))


@pytest.fixture
def planner(tokenizer: Tokenizer) -> Planner:
    return Planner(TextEncoder(tokenizer), NATIVE, "sentencex", 32)


def example(id: str = "q", *, at: int | None = None, positive: bool = True, teacher: float | None = None) -> Example:
    evidence = () if at is None else (Span(at, at + 3),)
    return Example(id, "s", "What is good?", Passage(TEXT, "Places"), evidence, positive, teacher)


def read(planner: Planner, items: list[LabelledWindow]) -> list[list[str]]:
    tokenizer = planner.encoder._tokenizer
    return [[tokenizer.decode(item.window.ids[start:end]) for _, start, end in item.window.sentences] for item in items]


labels = st.lists(st.booleans(), min_size=1, max_size=12)


@given(labels=labels, size=st.integers(1, 15), seed=st.integers(0, 1000))
def test_a_crop_has_its_size_lies_inside_and_holds_a_relevant_sentence(
    labels: list[bool], size: int, seed: int
) -> None:
    found = crop(labels, size, Random(seed))
    assert found.end - found.start == min(size, len(labels))
    assert found.end <= len(labels)
    assert any(found.of(labels)) == any(labels)  # type: ignore[arg-type]


def test_a_relevant_sentence_may_stand_anywhere_in_a_crop() -> None:
    random = Random(0)
    labels = [number == 5 for number in range(11)]
    assert Counter(crop(labels, 3, random).start for _ in range(300)).keys() == {3, 4, 5}


def test_nothing_to_crop_gives_nothing() -> None:
    assert crop([], 3, Random(0)) == Span(0, 0)


def test_a_cut_passage_brings_its_sentences_along() -> None:
    sentences = split_sentences(TEXT)
    cut = cut_passage(Passage(TEXT, "Places"), sentences[1:3], "Title")
    assert cut == Passage("Rome is big. Cheese is good. ", "Title", (Sentence(0, 13), Sentence(13, 29)))
    assert cut.sentences == (Sentence(0, 13), Sentence(13, 29))


def test_a_whole_passage_keeps_its_labels_in_all_its_windows(planner: Planner) -> None:
    items = labelled_windows(example(at=TEXT.index("Cheese")), planner, WHOLE, Random(0))
    assert len(items) > 1
    labels = {
        text: keep
        for texts, item in zip(read(planner, items), items, strict=True)
        for text, keep in zip(texts, item.keep or (), strict=True)
    }
    assert len(labels) == 5
    assert [text for text, keep in labels.items() if keep] == ["cheese is good."]
    assert [item.positive for item in items] == [any(item.keep or ()) for item in items]


def test_a_question_that_is_too_long_is_named_with_its_example_and_the_setting(planner: Planner) -> None:
    long = replace(example("q7", at=0), question="What is good? " * 20)
    with pytest.raises(QueryTooLongError, match=r"The example 'q7' of the source 's': The query has .*window_tokens"):
        labelled_windows(long, planner, WHOLE, Random(0))


def test_a_crop_shows_evidence_and_now_and_then_the_title(planner: Planner) -> None:
    random = Random(0)
    given = example(at=TEXT.index("Cheese"))
    crops = [item for _ in range(40) for item in labelled_windows(given, planner, CROPPED, random)]
    assert all(item.positive and len(item.window.sentences) <= 2 for item in crops)
    titled = [item.window.sentences[0][1] > item.window.text_start for item in crops]
    assert 5 < sum(titled) < 35


def test_a_positive_without_evidence_is_read_whole_and_says_nothing_of_sentences(planner: Planner) -> None:
    items = labelled_windows(example(), planner, CROPPED, Random(0))
    assert sum(len(item.window.sentences) for item in items) == 5
    assert all(item.keep is None and item.positive for item in items)


def test_nothing_of_a_negative_should_stay(planner: Planner) -> None:
    [item] = labelled_windows(example(positive=False, teacher=-3.0), planner, CROPPED, Random(0))
    assert not item.positive
    assert item.teacher == -3.0
    assert not any(item.keep or (True,))


def read_epoch(examples: list[Example], data: DataSettings, random: Random) -> list[Example]:
    return [draw.read() for draw in epoch_of(examples, data, random)]


def test_an_empty_passage_gives_no_window(planner: Planner) -> None:
    empty = Example("q", "s", "What?", Passage(""), (), False)
    assert labelled_windows(empty, planner, CROPPED, Random(0)) == []


def test_an_epoch_has_every_example_once_and_a_fresh_draw_of_mined_negatives() -> None:
    mined = [example(f"q#n{number}", positive=False) for number in range(4)]
    examples = [example("q"), *mined, example("unanswerable", positive=False), example("lonely")]
    random = Random(0)
    epochs = [{item.id for item in read_epoch(examples, replace(WHOLE, negatives=2), random)} for _ in range(20)]
    assert all({"q", "unanswerable", "lonely"} < epoch and len(epoch) == 5 for epoch in epochs)
    assert len(set.union(*epochs)) == len(examples)
    assert len(read_epoch(examples, replace(WHOLE, negatives=9), random)) == len(examples)


@pytest.mark.parametrize(("exponent", "times"), [(1.0, 1.0), (0.5, 2.0), (0.25, 2.83), (0.0, 4.0)])
def test_small_sources_come_back_within_an_epoch(exponent: float, times: float) -> None:
    large = [replace(example(f"large{number}"), source="large") for number in range(400)]
    small = [replace(example(f"small{number}"), source="small") for number in range(100)]
    mined = [replace(example(f"small{number}#n0", positive=False), source="small") for number in range(100)]
    epoch = read_epoch([*large, *small, *mined], replace(WHOLE, source_exponent=exponent), Random(0))
    counts = Counter(item.id for item in epoch)
    assert all(counts[item.id] == 1 for item in large)
    assert sum(counts[item.id] for item in small) == pytest.approx(100 * times, abs=1)
    assert {int(times), math.ceil(times)} >= {counts[item.id] for item in small}
    assert all(counts[item.id] == counts[item.question_id] for item in mined)


def test_ids_with_signs_of_every_kind_are_not_taken_for_mined_ones() -> None:
    page = "wiki/Diane_Downs#P2632-0"
    examples = [example(f"{page}-{number}") for number in range(3)]
    mined = [example(f"{page}-{number}#n{other}", positive=False) for number in range(3) for other in range(2)]
    epoch = read_epoch([*examples, *mined], WHOLE, Random(0))
    assert {item.id for item in epoch} >= {item.id for item in examples}
    assert Counter(item.question_id for item in epoch if item.is_mined) == {item.id: 1 for item in examples}


def test_negatives_without_a_passage_of_their_question_are_not_lost() -> None:
    orphans = [example(f"gone#n{number}", positive=False) for number in range(3)]
    elsewhere = replace(example("gone"), source="other")
    epoch = read_epoch([*orphans, elsewhere, elsewhere], replace(WHOLE, negatives=2), Random(0))
    assert Counter(item.question_id for item in epoch if "#" in item.id) == {"gone": 2}


def marked(planner: Planner, items: list[LabelledWindow]) -> list[list[str | None]]:
    tokenizer = planner.encoder._tokenizer
    return [[tokenizer.id_to_token(item.window.ids[position]) for position in item.marked] for item in items]


def test_a_window_tells_which_tokens_are_marked(planner: Planner) -> None:
    start = TEXT.index("Cheese is")
    given = replace(example(), evidence=(Span(start, start + 9), Span(TEXT.index("river"), TEXT.index("river") + 2)))
    words = [word for row in marked(planner, labelled_windows(given, planner, WHOLE, Random(0))) for word in row]
    assert words == ["cheese", "is", "river"]
    for seed in range(20):
        for row in marked(planner, labelled_windows(given, planner, CROPPED, Random(seed))):
            assert row
            assert set(row) <= {"cheese", "is", "river"}
    negative = labelled_windows(example(positive=False), planner, WHOLE, Random(0))
    assert [item.marked for item in negative] == [()] * len(negative)


def test_marks_follow_a_sentence_that_is_cut_into_the_next_window(planner: Planner) -> None:
    text = "the river is " * 20 + "cheese"
    given = Example("q", "s", "What is good?", Passage(text), (Span(len(text) - 6, len(text)),), True)
    items = labelled_windows(given, planner, WHOLE, Random(0))
    assert len(items) > 1
    assert marked(planner, items) == [[]] * (len(items) - 1) + [["cheese"]]


def test_a_window_brings_its_question_and_the_text_of_its_sentences(planner: Planner) -> None:
    items = labelled_windows(example(at=TEXT.index("Cheese")), planner, WHOLE, Random(0))
    assert {item.question for item in items} == {"What is good?"}
    assert [text for item in items for text in item.sentences] == [f"{part.strip('.')}." for part in TEXT.split(". ")]
    assert all(len(item.sentences) == len(item.window.sentences) for item in items)


@pytest.fixture
def wide(planner: Planner) -> Planner:
    """A planner whose windows hold the whole text."""
    return Planner(planner.encoder, NATIVE, "sentencex", 64)


def silver_example(
    *probabilities: float, teacher: float = 1.5, annotated: bool = False, at: int | None = None
) -> Example:
    """The example with a teacher's probability for each of its five sentences."""
    silver = tuple(map(SilverSpan, split_sentences(TEXT, "sentencex"), probabilities))
    people = example(at=TEXT.find("Cheese") if annotated else None)
    return replace(people, teacher=1.5, silver=silver, is_annotated=annotated)


def test_silver_labels_survive_cropping(planner: Planner) -> None:
    given = dict(zip(TEXT.replace(". ", ".|").split("|"), (0.1, 0.2, 0.9, 0.3, 0.4), strict=True))
    for seed in range(20):
        for item in labelled_windows(silver_example(*given.values()), planner, CROPPED, Random(seed)):
            assert item.keep is None
            assert item.silver == tuple(given[text] for text in item.sentences)
            # A crop is laid around the sentence that the teacher finds relevant, and brings its relevance.
            assert "Cheese is good." in item.sentences
            assert (item.positive, item.teacher) == (True, 1.5)


def test_the_relevance_of_a_teacher_goes_with_the_window_that_holds_its_best_sentence(planner: Planner) -> None:
    items = labelled_windows(silver_example(0.9, 0.1, 0.1, 0.1, 0.2), planner, WHOLE, Random(0))
    assert [item.teacher for item in items] == [1.5, *[None] * (len(items) - 1)]
    assert [item.positive for item in items] == [True, *[False] * (len(items) - 1)]
    assert len(items) > 1


def test_labels_of_people_and_of_a_teacher_stand_beside_each_other(wide: Planner) -> None:
    [item] = labelled_windows(silver_example(0, 0, 0.7, 0, 0, annotated=True), wide, WHOLE, Random(0))
    assert item.keep == (False, False, True, False, False)
    assert item.silver == (0, 0, 0.7, 0, 0)


@pytest.mark.parametrize("annotated", [True, False])
def test_silver_labels_follow_a_passage_into_another_form(wide: Planner, annotated: bool) -> None:
    structured = replace(WHOLE, structured_share=1.0)
    given = silver_example(0.1, 0.1, 0.7, 0.1, 0.1, annotated=annotated)
    for seed in range(20):
        for item in labelled_windows(given, wide, structured, Random(seed)):
            assert item.silver is not None
            read = dict(zip(item.sentences, item.silver, strict=True))
            of_cheese = [value for text, value in read.items() if "cheese" in text.lower()]
            assert of_cheese in ([0.7], [])
            assert (item.keep is not None) is annotated


def test_random_negatives_come_from_other_questions_and_only_where_they_are_asked_for() -> None:
    positives = [replace(example(f"q{number}", at=3), source=f"s{number % 2}") for number in range(6)]
    examples = [
        replace(given, passage=Passage(f"Text {number}.", f"Title {number % 3}"))
        for number, given in enumerate(positives)
    ]
    assert len(read_epoch(examples, WHOLE, Random(0))) == 6
    drawn = [one for one in read_epoch(examples, replace(WHOLE, random_negatives=4), Random(0)) if not one.positive]
    assert drawn
    own = {given.id: given.passage for given in examples}
    assert all(one.passage.title != own[one.id].title for one in drawn)
    assert {one.source for one in drawn if one.passage.text == "Text 1."} != {"s1"}
    assert not any(one.evidence for one in drawn)


def negative(number: int) -> Example:
    return replace(example(f"q#n{number}", positive=False), passage=Passage(f"Other text {number}."))


def test_a_joined_positive_is_read_among_its_own_negatives() -> None:
    examples = [example("q", at=27), *map(negative, range(4)), replace(negative(9), id="other#n0")]
    joined = replace(WHOLE, joined_share=1.0, negatives=2)
    sizes = set()
    for seed in range(20):
        epoch = read_epoch(examples, joined, Random(seed))
        [positive] = [one for one in epoch if one.positive]
        parts = positive.passage.text.split("\n\n")
        assert TEXT in parts
        assert "Other text 9." not in parts
        assert [span.of(positive.passage.text) for span in positive.evidence] == ["Che"]
        sizes.add(len(parts))
        assert len([one for one in epoch if one.id.startswith("q#")]) == 2
    assert sizes == {2, 3, 4}


def test_drawing_an_epoch_copies_no_text() -> None:
    examples = [example("q", at=27), *map(negative, range(4))]
    draws = epoch_of(examples, replace(WHOLE, joined_share=1.0), Random(0))
    read = [part for draw in draws for part in (draw.example, *draw.others)]
    assert len(read) > len(draws)
    assert all(any(part is given for given in examples) for part in read)


def test_a_share_of_nothing_joins_nothing() -> None:
    examples = [example("q", at=27), negative(0)]
    assert {one.passage.text for one in read_epoch(examples, WHOLE, Random(0))} == {TEXT, "Other text 0."}


def test_no_passage_is_joined_whose_answer_nobody_marked() -> None:
    examples = [example("q"), negative(0)]
    epoch = read_epoch(examples, replace(WHOLE, joined_share=1.0), Random(0))
    assert {one.passage.text for one in epoch} == {TEXT, "Other text 0."}


def test_only_passages_that_a_teacher_labelled_too_are_joined_with_one_that_has_silver_labels() -> None:
    labelled = replace(example("q", at=27), silver=(SilverSpan(Span(0, 5), 0.5),))
    epoch = read_epoch([labelled, negative(0)], replace(WHOLE, joined_share=1.0), Random(0))
    assert {one.passage.text for one in epoch} == {TEXT, "Other text 0."}


def test_a_share_of_the_questions_is_read_as_key_words(planner: Planner) -> None:
    given = replace(example("q", at=27), question="Where is the good cheese?")
    tokenizer = planner.encoder._tokenizer

    def questions(share: float) -> set[str]:
        data = replace(WHOLE, search_share=share)
        found = set()
        for seed in range(20):
            for item in labelled_windows(given, planner, data, Random(seed)):
                assert item.question == given.question
                _, start, _ = item.window.sentences[0]
                found.add(tokenizer.decode(item.window.ids[:start]))
        return found

    assert questions(1.0) == {"good cheese"}
    assert len(questions(0.0)) == 1
    assert questions(0.5) == questions(0.0) | questions(1.0)
