"""Which sentences repeat others, and which only look like it."""

from time import process_time
from typing import Any

import pytest

from provence_plugins import Passage, Pruner, PruningPolicy, Sentence
from provence_plugins.engine.decisions import decide
from provence_plugins.engine.passages import ScoredPassage
from provence_plugins.testing import WordBackend
from provence_plugins.text.sentences import split_sentences
from provence_plugins.thresholds import Thresholds

CASTLE = "The castle has nine towers. "
SHEEP = "Sheep graze on the wide meadow. "


def scored(index: int, text: str, *probabilities: float, title: str | None = None) -> ScoredPassage:
    sentences = split_sentences(text, "sentencex")
    chances = probabilities or (0.9,) * len(sentences)
    counts = [len(sentence.of(text).split()) for sentence in sentences]
    return ScoredPassage(index, Passage(text, title), 0.5, sentences, chances, counts)


def kept(*passages: ScoredPassage, **policy: Any) -> dict[int, str]:
    pruned, _ = decide(passages, PruningPolicy(**{"deduplicate": "near", **policy}), Thresholds(0.5))
    return {passage.index: passage.text for passage in pruned}


def kept_texts(*texts: str, **policy: Any) -> list[str]:
    return list(kept(*(scored(index, text) for index, text in enumerate(texts)), **policy).values())


def test_nothing_is_compared_unless_it_is_asked_for() -> None:
    assert kept_texts(CASTLE, CASTLE, deduplicate=None) == [CASTLE, CASTLE]


@pytest.mark.parametrize("kind", ["exact", "near"])
@pytest.mark.parametrize("copy", [CASTLE, "THE  castle has\nnine towers."], ids=["equal", "case and white space"])
def test_a_sentence_that_a_kept_one_repeats_goes(kind: str, copy: str) -> None:
    assert kept_texts(CASTLE + SHEEP, "It is old. " + copy, deduplicate=kind) == [CASTLE + SHEEP, "It is old. "]


@pytest.mark.parametrize(
    ("fuller", "less"),
    [
        ("The castle has nine towers, says the guide to its visitors.", "nine towers, says the guide to its visitors."),
        ("The castle has nine tall towers.", "The castle has nine towers."),
        ("The castle, has nine “towers” in all!", "The castle has nine towers in"),
        ("The castle has nine towers and a garden behind the eastern wall.", "The castle has nine towers and"),
    ],
    ids=["a tail that was cut off", "a word more", "other punctuation", "a head that was cut off"],
)  # fmt: skip
@pytest.mark.parametrize("is_first", [True, False], ids=["fuller first", "fuller last"])
def test_near_repetitions_go_and_the_fuller_sentence_stays(fuller: str, less: str, is_first: bool) -> None:
    texts = [fuller, less] if is_first else [less, fuller]
    assert kept_texts(*texts) == [fuller]
    assert kept_texts(*texts, deduplicate="exact") == texts


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("The fee for 2023 is forty euros.", "The fee for 2024 is forty euros."),
        ("The ferry leaves from the north pier at nine.", "The ferry leaves from the south pier at nine."),
        ("The castle is open on Sundays.", "The castle is not open on Sundays."),
        ("The castle isn't open on Sundays.", "The castle is open on Sundays."),
        ("Rome defeated the army of Carthage.", "Carthage defeated the army of Rome."),
        ("It was -5 degrees at noon.", "It was 5 degrees at noon."),
        ("The castle has nine towers?", "The castle has nine towers."),
        ("It is very old.", "It is old."),
        ("門は九時に開く。", "門は十時に開く。"),
    ],
    ids=["year", "place", "negation", "contraction", "order", "sign", "question", "short", "Japanese"],
)
def test_a_sentence_that_says_something_else_stays(one: str, other: str) -> None:
    assert kept_texts(one, other) == [one, other]
    assert kept_texts(other, one) == [other, one]


def test_a_sentence_under_another_title_or_heading_stays() -> None:
    fee = "The fee is forty euros in summer."
    assert len(kept(scored(0, fee, title="Castle"), scored(1, fee, title="Zoo"))) == 2
    assert len(kept(scored(0, fee, title="Castle"), scored(1, fee, title="castle"))) == 1
    assert len(kept_texts(f"# Castle\n\n{fee}", f"# Zoo\n\n{fee}")) == 2


@pytest.mark.parametrize("is_first", [True, False])
def test_of_a_chunk_without_its_heading_the_one_with_the_heading_stays(is_first: bool) -> None:
    whole, bare = "# Castle\n\nThe fee is forty euros.", "The fee is forty euros."
    assert kept_texts(*([whole, bare] if is_first else [bare, whole])) == [whole]


def test_rows_repeat_each_other_only_under_the_same_header() -> None:
    rows = "|---|---|\n| north tower wing | forty two metres |\n"
    assert len(kept_texts(f"| part | height |\n{rows}", f"| part | height |\n{rows}")) == 1
    assert len(kept_texts(f"| part | height |\n{rows}", f"| part | depth |\n{rows}")) == 2


def test_repetitions_within_a_passage_stay() -> None:
    assert kept_texts(CASTLE + CASTLE) == [CASTLE + CASTLE]


def test_parts_of_json_stay() -> None:
    text = '[{"note": "The castle has nine towers."}, {"note": "Sheep graze on the wide meadow."}]'
    assert kept_texts(text, text) == [text, text]


def test_a_sentence_that_the_model_cannot_read_stays() -> None:
    with Pruner() as pruner:
        text = "".join(chr(0x1200 + number % 80) + " " * (number % 5 == 4) for number in range(200))
        result = pruner.prune("castle", [text, text], PruningPolicy(deduplicate="near"))
    assert [passage.text for passage in result.passages] == [text, text]


def test_the_most_probable_copy_stays_and_pinned_ones_all_do() -> None:
    copies = [scored(0, CASTLE, 0.6), scored(1, CASTLE, 0.8), scored(2, CASTLE, 0.7)]
    assert list(kept(*copies)) == [1]
    assert list(kept(*copies, pins="nine")) == [0, 1, 2]


def test_a_sentence_never_goes_for_a_copy_that_is_not_kept() -> None:
    longer = "The castle has nine tall towers."
    below = [scored(0, CASTLE, 0.9), scored(1, longer, 0.1)]
    assert kept(*below) == {0: CASTLE}
    assert kept(scored(0, CASTLE, 0.9), scored(1, longer, 0.8), max_tokens=5) == {0: CASTLE}
    assert kept(scored(0, CASTLE, 0.9), scored(1, longer, 0.8), max_tokens=6) == {1: longer}
    heading = "# All that is known about the towers of it\n\n"
    assert kept(scored(0, heading + CASTLE, 0.1, 0.9), scored(1, CASTLE, 0.8), max_tokens=5) == {1: CASTLE}


def test_the_budget_goes_to_what_is_new() -> None:
    assert kept_texts(CASTLE, CASTLE, SHEEP, max_tokens=11) == [CASTLE, SHEEP]
    assert kept_texts(CASTLE, CASTLE, SHEEP, max_tokens=11, deduplicate=None) == [CASTLE, CASTLE]


def test_neighbors_that_repeat_something_go() -> None:
    first, second = scored(0, CASTLE + SHEEP, 0.9, 0.9), scored(1, "Nine towers stand high. " + SHEEP, 0.9, 0.1)
    assert kept(first, second, keep_neighbors=(0, 1))[1] == "Nine towers stand high. "


def test_sentences_of_the_caller_are_compared_too() -> None:
    passages = [Passage(CASTLE + "Sheep.", sentences=Sentence.tile(CASTLE + "Sheep.", [(0, 28), (28, 34)]))] * 2
    with Pruner(backend=WordBackend()) as pruner:
        result = pruner.prune("castle towers", passages, PruningPolicy(threshold=0.2, deduplicate="exact"))
        assert result.text == CASTLE.strip()
        assert [passage.index for passage in result.dropped] == [1]
        assert len(result.with_policy(PruningPolicy(threshold=0.2)).passages) == 2


def seconds(texts: list[str]) -> float:
    passages = [scored(index, text) for index, text in enumerate(texts)]
    started = process_time()
    decide(passages, PruningPolicy(deduplicate="near"), Thresholds(0.5))
    return process_time() - started


@pytest.mark.parametrize(
    "sentence",
    ["The castle of the king has nine towers and a moat. ", "The castle of the king number {} has nine towers. "],
    ids=["all equal", "all alike"],
)
def test_time_grows_with_the_text_and_not_with_its_square(sentence: str) -> None:
    def texts(count: int) -> list[str]:
        return ["".join(sentence.format(row * 20 + number) for number in range(20)) for row in range(count)]

    few, many = seconds(texts(10)), seconds(texts(80))
    assert many < 8 * 4 * max(few, 0.01)
