"""A budget counts the marks of omissions, serves what the model can read first, and cuts no JSON in two."""

import json
from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rows import row

from provence_plugins.engine.decisions import decide
from provence_plugins.engine.passages import PrunedPassage, ScoredPassage
from provence_plugins.engine.policy import PruningPolicy
from provence_plugins.text.json_text import without_cut_escape
from provence_plugins.text.sentences import split_sentences
from provence_plugins.thresholds import Thresholds
from provence_plugins.types import Passage, Sentence, Tie


def count_words(text: str) -> int:
    return len(text.split())


def scored(text: str, probabilities: Sequence[float], *, index: int = 0, is_legible: bool = True) -> ScoredPassage:
    sentences = split_sentences(text)
    counts = [count_words(sentence.of(text)) for sentence in sentences]
    return ScoredPassage(index, Passage(text), 1.0, sentences, probabilities, counts, is_legible)


def kept_of(passages: Sequence[ScoredPassage], policy: PruningPolicy) -> tuple[PrunedPassage, ...]:
    kept, _ = decide(passages, policy, Thresholds(0.5), count_words)
    return kept


FRAGMENTS = (
    "One is here. ",
    "Two lines\nare wrapped here.  ",
    "It ends a paragraph.\n\n",
    "# A heading\n\n",
    "- an item of a list\n",
    "Ann: who has the key?\n",
    "Bob: it is in the safe, behind the door.\n",
    "It runs as follows:\n\n",
    "| a | b |\n|---|---|\n| 1 | 2 |\n\n\n",
    "    code = 1\n",
)


@given(
    text=st.lists(st.sampled_from(FRAGMENTS), min_size=2, max_size=8).map("".join),
    omission=st.sampled_from([None, "…", "[{count} sentences left out]"]),
    data=st.data(),
)
def test_what_is_returned_fits_with_its_separators(text: str, omission: str | None, data: st.DataObject) -> None:
    number = len(split_sentences(text))
    chances = data.draw(st.lists(st.sampled_from([0.2, 0.6, 0.9]), min_size=number, max_size=number))
    passage = scored(text, chances)
    for budget in range(1, len(text) + 1):
        policy = PruningPolicy(threshold=0.5, max_tokens=budget, omission=omission, token_counter="characters")
        kept = kept_of([passage], policy)
        assert sum(len(result.text) for result in kept) <= budget
        assert kept or max(chances) < 0.5


class TestMarks:
    TEXT = "One is here. Two is here. Three is here. Four is here. Five is here."

    @pytest.mark.parametrize(
        ("budget", "expected"),
        [
            (5, "[…] Three is here. […]"),
            (8, "[…] Three is here. […] Five is here."),
            (10, "[…] Three is here. Four is here. Five is here."),
            (4, "[…] Five is here."),
        ],
    )
    def test_a_mark_takes_its_part_of_the_budget(self, budget: int, expected: str) -> None:
        policy = PruningPolicy(threshold=0, max_tokens=budget, omission="[…]")
        [kept] = kept_of([scored(self.TEXT, [0.1, 0.2, 0.9, 0.7, 0.8])], policy)
        assert kept.text == expected

    def test_a_mark_that_leaves_no_room_is_left_out(self) -> None:
        [kept] = kept_of([scored("One is here.", [0.9])], PruningPolicy(threshold=0, max_tokens=1, omission="[…]"))
        assert kept.text == "One "

    @given(
        chances=st.lists(st.integers(0, 100), min_size=1, max_size=20),
        budget=st.integers(1, 60),
        mark=st.sampled_from(["…", "[{count} sentences left out]"]),
    )
    def test_text_and_marks_together_fit(self, chances: list[int], budget: int, mark: str) -> None:
        text = " ".join(f"Here is number {chance}." for chance in chances)
        policy = PruningPolicy(threshold=0, max_tokens=budget, omission=mark)
        [kept] = kept_of([scored(text, [chance / 100 for chance in chances])], policy)
        assert 0 < count_words(kept.text) <= budget


def test_what_the_model_cannot_read_gets_the_room_that_is_left() -> None:
    unread = scored("Ein Satz. Zwei Satz.", [1.0, 1.0], is_legible=False)
    read = scored("One is here. Two is here.", [0.2, 0.9], index=1)
    texts = {
        budget: [kept.text for kept in kept_of([unread, read], PruningPolicy(threshold=0, max_tokens=budget))]
        for budget in (4, 8, 10)
    }
    assert texts == {
        4: ["Two is here."],
        8: ["Ein Satz. ", "One is here. Two is here."],
        10: ["Ein Satz. Zwei Satz.", "One is here. Two is here."],
    }


class TestJson:
    STORY = 'It began in spring \\ud83e\\uddc0 and nobody knew \\"why\\" it did not end. ' * 4

    def kept(self, text: str, budget: int, probabilities: Sequence[float] = ()) -> str:
        chances = probabilities or [0.5] * len(split_sentences(text))
        policy = PruningPolicy(threshold=0, max_tokens=budget, token_counter="characters")
        return "".join(kept.text for kept in kept_of([scored(text, chances)], policy))

    def test_a_long_string_is_cut_but_stays_a_string(self) -> None:
        text = f'{{"story": "{self.STORY}"}}'
        for budget in range(2, 80):
            found = json.loads(self.kept(text, budget))
            assert found == {} or json.loads(text)["story"].startswith(found["story"].rstrip())
            assert found or budget < 20

    def test_a_value_that_does_not_fit_leaves_its_brackets(self) -> None:
        assert self.kept(json.dumps({"name": "word " * 20, "other": "word " * 20}), 10) == "{}"

    @pytest.mark.parametrize("budget", range(6, 20))
    def test_pins_that_do_not_fit_leave_the_same_brackets(self, budget: int) -> None:
        text = json.dumps({"name": "word " * 20, "other": "pinned " * 20}, indent=2) + "\n"
        by_characters = PruningPolicy(threshold=0, max_tokens=budget, token_counter="characters", pins="pinned")
        [kept] = kept_of([scored(text, [0.5] * len(split_sentences(text)))], by_characters)
        assert kept.text == "{\n  }\n"

    def test_brackets_that_are_kept_are_not_followed_by_a_cut_line(self) -> None:
        lines = [json.dumps({"pinned": "word " * 50}), json.dumps({"other": "word " * 50})]
        passage = scored("\n".join(lines), [0.5] * 10)
        by_characters = PruningPolicy(threshold=0, max_tokens=4, token_counter="characters", pins="pinned")
        [kept] = kept_of([passage], by_characters)
        assert kept.text == "{}\n"

    def test_marks_of_omissions_stay_out_of_json(self) -> None:
        text = json.dumps({"a": 1, "b": 2, "c": [3] * 99})
        passage = scored(text, [float('"b"' in sentence.of(text)) for sentence in split_sentences(text)])
        [kept] = kept_of([passage], PruningPolicy(threshold=0.5, omission="…"))
        assert json.loads(kept.text) == {"b": 2}

    def test_marks_of_omissions_stay_out_of_lines_of_json(self) -> None:
        lines = [json.dumps({"id": number, "text": f"word {number}"}) + "\n" for number in range(5)]
        passage = scored("".join(lines), [0.9, 0.1, 0.8, 0.1, 0.1])
        # Two lines fit, but no mark.
        by_characters = PruningPolicy(
            threshold=0.5, omission="…", max_tokens=2 * len(lines[0]), token_counter="characters"
        )
        for policy in (PruningPolicy(threshold=0.5, omission="…"), by_characters):
            [kept] = kept_of([passage], policy)
            assert kept.text == lines[0] + lines[2]

    def test_records_that_are_not_json_have_marks(self) -> None:
        text = "[12:00] one\n[12:01] two\n[12:02] three\n"
        [kept] = kept_of([scored(text, [0.9, 0.1, 0.1])], PruningPolicy(threshold=0.5, omission="…"))
        assert kept.text == "[12:00] one\n…"


def test_a_string_of_json_is_not_cut_inside_an_escape() -> None:
    for string, expected in [
        ("a", "a"),
        ("a\\", "a"),
        ("a\\\\", "a\\\\"),
        ("a\\\\\\", "a\\\\"),
        ("a\\u", "a"),
        ("a\\u00e", "a"),
        ("a\\u00e9", "a\\u00e9"),
        ("a\\ud83e", "a"),
        ("a\\ud83e\\uddc0", "a\\ud83e\\uddc0"),
        ("a\\\\u00e", "a\\\\u00e"),
        ("a\\n", "a\\n"),
    ]:
        with row(string, expected):
            assert without_cut_escape(string) == expected


def test_a_question_brings_all_of_its_answer_or_what_fits_and_an_answer_brings_the_question() -> None:
    text = (
        "Can I bring a dog?\nSadly not. Guide dogs are free. They need a bed.\n\nIs there a pool?\nYes. It is cold.\n"
    )
    sentences = split_sentences(text)

    def kept(part: str, budget: int | None = None) -> str:
        chances = [float(part in sentence.of(text)) for sentence in sentences]
        return "".join(kept.text for kept in kept_of([scored(text, chances)], PruningPolicy(max_tokens=budget)))

    assert kept("bring a dog") == text[: text.index("Is there")]
    assert kept("bring a dog", budget=10) == "Can I bring a dog?\nSadly not. "
    assert kept("They need") == "Can I bring a dog?\nSadly not. They need a bed.\n\n"


def test_a_question_that_was_brought_along_still_brings_its_answer_when_it_is_chosen() -> None:
    text = "Can I bring a dog?\nSadly not. Guide dogs are free.\n\nIs there a pool?\nYes. It is cold.\n"
    chances = [0.6, 0.9, 0.0, 0.0, 0.0, 0.0]
    [kept] = kept_of([scored(text, chances)], PruningPolicy())
    assert kept.text == text[: text.index("Is there")]


def test_a_sentence_of_json_is_told_by_its_ties() -> None:
    text = '"a", text'
    plain = ScoredPassage(0, Passage(text), 1.0, [Sentence(0, len(text))], [0.9], [9])
    [kept] = kept_of([plain], PruningPolicy(max_tokens=1))
    assert kept.text == '"a", '


def test_sentences_of_a_caller_that_stand_inside_each_other_do_not_run_for_ever() -> None:
    text = "one two three four"
    ties = Tie("inside", 1), Tie("inside", 0)
    sentences = [Sentence(0, 8, "record", ties=ties[:1]), Sentence(8, len(text), "record", ties=ties[1:])]
    passage = ScoredPassage(0, Passage(text), 1.0, sentences, [0.9, 0.8], [2, 2])
    [kept] = kept_of([passage], PruningPolicy(threshold=0, max_tokens=1))
    assert kept.tokens_after <= 1


@pytest.mark.parametrize("budget", [None, 100, 4])
def test_a_heading_that_is_kept_alone_is_kept_whole(budget: int | None) -> None:
    text = "# Only a heading"
    passage = ScoredPassage(0, Passage(text), 1.0, [Sentence(0, len(text), "heading")], [0.9], [4])
    [kept] = kept_of([passage], PruningPolicy(threshold=0.5, max_tokens=budget))
    assert kept.text == text


def test_a_table_header_that_alone_was_chosen_is_cut_to_fit() -> None:
    passage = scored("One is here. | a | b |\n|---|---|\n| 1 | 2 |\n", [0.6, 0.2])
    policy = PruningPolicy(threshold=0.5, max_tokens=8, token_counter="characters")
    [kept] = kept_of([passage], policy)
    assert kept.text == "One is "
