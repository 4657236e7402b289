"""What a budget counts, and how a text is cut to fit one."""

import math
import pickle
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from provence_plugins import Passage, Pruner, PruningPolicy, Sentence
from provence_plugins.engine.budgets import count_text, cut_to_fit, find_counter
from provence_plugins.engine.decisions import decide
from provence_plugins.engine.passages import ScoredPassage
from provence_plugins.errors import CheckpointError, InvalidInputError
from provence_plugins.model.checkpoint import open_checkpoint
from provence_plugins.thresholds import Thresholds

QUERY = "what is the capital of france"
TABLE = "| city       | country        |\n|------------|----------------|\n| paris | france |\n| rome | italy |\n"


@pytest.fixture(scope="module")
def pruner(tiny_folder: Path) -> Iterator[Pruner]:
    with Pruner(tiny_folder) as pruner:
        yield pruner


@pytest.mark.parametrize(
    ("room", "kept"),
    [
        (99, "one two\nthree, four five\n"),
        (24, "one two\n"),
        (7, "one "),
        (3, "one"),
        (2, "on"),
        (0, ""),
    ],
)
def test_a_text_is_cut_at_lines_then_clauses_then_words_then_characters(room: int, kept: str) -> None:
    assert cut_to_fit("one two\nthree, four five\n", room, len) == kept


@pytest.mark.parametrize(
    ("text", "room", "kept"),
    [
        ("first, second third", 10, "first, "),
        ("version 4.2 of it", 11, "version "),
        ("东京，很大。人很多", 5, "东京，"),
        ("  \n\nword", 6, "  \n\nwo"),
    ],
)
def test_a_line_that_does_not_fit_is_cut_at_a_clause(text: str, room: int, kept: str) -> None:
    assert cut_to_fit(text, room, len) == kept


@given(text=st.text(), room=st.integers(0, 30))
def test_a_cut_text_is_a_beginning_that_fits_and_never_blank(text: str, room: int) -> None:
    kept = cut_to_fit(text, room, len)
    assert text.startswith(kept)
    assert len(kept) <= room
    assert kept.strip() or not kept


def test_cutting_a_huge_text_counts_only_its_beginning() -> None:
    longest = 0

    def count(text: str) -> int:
        nonlocal longest
        longest = max(longest, len(text))
        return len(text.split())

    assert len(cut_to_fit("word " * 1_000_000, 10, count).split()) == 10
    assert longest <= 1100


class TestCounters:
    def test_characters_and_words_are_counted(self) -> None:
        assert find_counter("characters")("one  two") == 8
        assert find_counter("words")("one  two") == 2

    def test_a_function_counts_for_itself(self) -> None:
        assert find_counter(len)("four") == 4

    def test_a_tokenizer_file_counts(self, tiny_folder: Path) -> None:
        assert find_counter(str(tiny_folder / "tokenizer.json"))("paris is") == 2

    def test_an_unknown_name_is_refused_with_what_there_is(self) -> None:
        pytest.importorskip("tiktoken")
        with pytest.raises(InvalidInputError, match="'characters', 'words', an encoding of tiktoken"):
            find_counter("klingon")


class TestOwnCount:
    def test_padding_and_dashes_of_a_header_do_not_count(self, pruner: Pruner) -> None:
        padded = pruner.prune(QUERY, [TABLE], PruningPolicy(threshold=0)).passages[0]
        plain = "| city | country |\n|-|-|\n| paris | france |\n| rome | italy |\n"
        compact = pruner.prune(QUERY, [plain], PruningPolicy(threshold=0)).passages[0]
        assert padded.sentences[0].kind == "table_header"
        assert padded.tokens_before == compact.tokens_before
        assert padded.text == TABLE

    def test_unknown_characters_count_one_by_one(self, tiny_folder: Path) -> None:
        encoder = open_checkpoint(tiny_folder).encoder
        assert count_text("paris is", encoder) == 2
        assert encoder.encode(["ประเทศไทย paris"])[0][0] == encoder.unknown_id
        assert count_text("ประเทศไทย paris", encoder) == len("ประเทศไทย") + 1

    def test_a_result_counts_unknown_characters(self, pruner: Pruner) -> None:
        result = pruner.prune(QUERY, ["ประเทศไทย paris"], PruningPolicy(threshold=0))
        assert result.tokens_before == len("ประเทศไทย") + 1


class TestBudget:
    def test_a_budget_never_gives_an_empty_result(self, pruner: Pruner) -> None:
        text = "paris is the capital of france, and the river is in the city of paris where cheese is."
        for budget in range(1, 30):
            result = pruner.prune(QUERY, [text], PruningPolicy(threshold=0, max_tokens=budget))
            assert result.text
            assert text.startswith(result.text)
            assert 0 < result.tokens_after <= budget
        assert pruner.prune(QUERY, [text], PruningPolicy(threshold=0, max_tokens=14)).text == (
            "paris is the capital of france,"
        )

    @settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
    @given(texts=st.lists(st.text("ab. \n|-é你", max_size=40), max_size=3), budget=st.integers(1, 20))
    def test_whatever_the_text_something_is_kept_and_it_fits(
        self, pruner: Pruner, texts: list[str], budget: int
    ) -> None:
        result = pruner.prune(QUERY, texts, PruningPolicy(threshold=0, max_tokens=budget))
        assert result.tokens_after <= budget
        assert result.tokens_after > 0 or result.tokens_before == 0

    @pytest.mark.parametrize("text", ["# France is nice", "a\n--"])
    def test_a_heading_that_is_all_of_a_text_is_cut_like_a_sentence(self, pruner: Pruner, text: str) -> None:
        [passage] = pruner.prune(QUERY, [text], PruningPolicy(threshold=0, max_tokens=1)).passages
        assert passage.tokens_after == 1
        assert text.startswith(passage.text)

    def test_a_row_goes_alone_where_its_header_does_not_fit(self, pruner: Pruner) -> None:
        whole = pruner.prune(QUERY, [TABLE], PruningPolicy(threshold=0)).passages[0]
        rows = [sentence.tokens for sentence in whole.sentences[1:]]
        kept = pruner.prune(QUERY, [TABLE], PruningPolicy(threshold=0, max_tokens=max(rows))).passages[0]
        assert [sentence.kept for sentence in kept.sentences].count(True) == 1
        assert not kept.sentences[0].kept

    def test_a_sentence_that_is_cut_keeps_its_heading_if_there_is_room(self, pruner: Pruner) -> None:
        text = "# France\n\nparis is the capital and the city of cheese and what is in the river of it.\n"
        for budget, kept in ((6, "# France\n\nparis is the capital"), (3, "# France\n\nparis")):
            result = pruner.prune(QUERY, [text], PruningPolicy(threshold=0, max_tokens=budget))
            assert result.text == kept
            assert result.tokens_after == budget

    def test_a_sentence_that_is_cut_keeps_its_heading_also_where_the_heading_does_not_pass(self) -> None:
        text = "# France\n\nparis is the capital and the city"
        sentences = [Sentence(0, 10, "heading"), Sentence(10, len(text), heading=0)]
        passage = ScoredPassage(0, Passage(text), 0.5, sentences, [0.1, 0.9], [2, 7])
        policy = PruningPolicy(threshold=0.5, max_tokens=5)
        [kept], _ = decide([passage], policy, Thresholds(0.5), lambda text: len(text.split()))
        assert kept.text == "# France\n\nparis is the "

    def test_another_policy_gives_the_whole_sentence_back(self, pruner: Pruner) -> None:
        text = "paris is the capital of france and the river is in the city of paris"
        result = pruner.prune(QUERY, [text], PruningPolicy(threshold=0, max_tokens=5))
        [sentence] = result.passages[0].sentences
        assert (sentence.start, sentence.end) == (0, len(text))
        assert sentence.part is not None
        assert result.passages[0].kept_spans[0].of(text) == result.text + " "
        assert result.with_policy(PruningPolicy(threshold=0)).text == text
        assert result.with_policy(result.policy) == result

    def test_the_mark_of_omission_stands_where_a_sentence_is_cut(self, pruner: Pruner) -> None:
        text = "paris is the capital of france and the river is in the city of paris"
        policy = PruningPolicy(threshold=0, max_tokens=5, omission="…")
        assert pruner.prune(QUERY, [text], policy).text == "paris is the capital …"

    @pytest.mark.parametrize(("counter", "limit"), [("characters", 20), ("words", 3), (len, 20)])
    def test_the_budget_is_measured_with_the_policys_counter(self, pruner: Pruner, counter: object, limit: int) -> None:
        text = "paris is old. the river is in france. cheese is what the city is."
        policy = PruningPolicy(threshold=0, max_tokens=limit, token_counter=counter)  # type: ignore[arg-type]
        kept = pruner.prune(QUERY, [text], policy).text
        count = find_counter(counter)  # type: ignore[arg-type]
        assert 0 < count(kept) <= limit

    def test_a_pickled_result_leaves_the_tokenizer_behind(self, pruner: Pruner) -> None:
        result = pruner.prune(QUERY, ["paris is a city"], PruningPolicy(threshold=0))
        data = pickle.dumps(result)
        assert len(data) < 5000
        assert pickle.loads(data) == result

    def test_without_a_counter_nothing_is_cut(self) -> None:
        passage = ScoredPassage(0, Passage("one two"), 0.5, [Sentence(0, 7)], [0.9], [2])
        assert decide([passage], PruningPolicy(max_tokens=1), Thresholds(0.5))[0] == ()
        [kept], _ = decide([passage], PruningPolicy(max_tokens=1), Thresholds(0.5), lambda text: len(text.split()))
        assert kept.text == "one "


@pytest.mark.parametrize("content", [b"", b"{}", b"[1]", b"\xff", b'{"version": "1.0"}'], ids=ascii)
def test_a_damaged_tokenizer_to_count_with_is_an_error_of_ours(content: bytes, pruner: Pruner, tmp_path: Path) -> None:
    path = tmp_path / "counter.json"
    path.write_bytes(content)
    with pytest.raises(CheckpointError, match=r"counter\.json"):
        pruner.prune(QUERY, ["paris."], PruningPolicy(max_tokens=3, token_counter=str(path)))


def test_a_tokenizer_to_count_with_takes_lone_surrogates(pruner: Pruner, tokenizer_folder: Path) -> None:
    policy = PruningPolicy(threshold=0, max_tokens=3, token_counter=str(tokenizer_folder / "tokenizer.json"))
    result = pruner.prune(QUERY, ["paris \ud800 france. " * 9], policy)
    assert find_counter(policy.token_counter or "")(result.text) <= 3


@pytest.mark.parametrize("length", [None, "3", math.nan, math.inf, -1, 1j, [3]], ids=str)
def test_a_counter_that_returns_no_length_is_refused(length: Any) -> None:
    with pytest.raises(InvalidInputError, match="token_counter must return the length of a text"):
        find_counter(lambda text: length)("four")


def test_a_counter_may_return_numbers_of_numpy() -> None:
    assert find_counter(lambda text: np.int64(len(text)))("four") == 4
