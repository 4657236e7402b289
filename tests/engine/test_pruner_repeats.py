"""Texts that come again, in one call or in several, are split and scored no more than needed."""

import asyncio
from pathlib import Path

import pytest
from pruner_calls import QUERY, TEXTS, Watched

from provence_plugins import CacheStats, DirectScorer, Passage, Pruner, PruningPolicy, Sentence, SharedScorer
from provence_plugins.engine.scoring import ScorerFactory
from provence_plugins.errors import InvalidInputError


@pytest.mark.parametrize("scorer", [DirectScorer, SharedScorer], ids=["direct", "shared"])
def test_what_repeats_in_a_call_is_split_and_scored_once(tiny_folder: Path, scorer: ScorerFactory) -> None:
    watched = Watched(tiny_folder)
    texts = [TEXTS[0], "the river", TEXTS[0], Passage(TEXTS[0]), Passage(TEXTS[0], title="France"), TEXTS[0]]
    with Pruner(tiny_folder, backend=watched, splitter=watched.split, scorer=scorer) as pruner:
        result = pruner.prune(QUERY, texts, PruningPolicy(threshold=0))
        assert sorted(watched.texts) == sorted([TEXTS[0], "the river", TEXTS[0]])
        assert watched.rows == 3
        assert [passage.index for passage in result.passages] == list(range(6))
        assert result.passages[3].passage is texts[3]
        assert [s.probability for s in result.passages[5].sentences] == [
            s.probability for s in result.passages[0].sentences
        ]


def test_a_passage_with_sentences_of_its_own_is_not_mistaken_for_another(pruner: Pruner) -> None:
    passages = [Passage("paris is a city", sentences=[Sentence(0, 6), Sentence(6, 15)]), Passage("paris is a city")]
    result = pruner.prune(QUERY, [*passages, passages[0]], PruningPolicy(threshold=0))
    assert [len(passage.sentences) for passage in result.passages] == [2, 1, 2]


@pytest.mark.parametrize("scorer", [DirectScorer, SharedScorer], ids=["direct", "shared"])
def test_a_pruner_with_a_cache_scores_the_same_text_under_the_same_query_once(
    tiny_folder: Path, scorer: ScorerFactory
) -> None:
    watched = Watched(tiny_folder)
    with Pruner(tiny_folder, backend=watched, scorer=scorer, cache_tokens=10_000) as pruner:
        first = pruner.prune(QUERY, TEXTS)
        rows = watched.rows
        assert pruner.prune(QUERY, TEXTS) == first
        assert asyncio.run(pruner.aprune(QUERY, TEXTS)) == first
        assert list(pruner.prune_many([(QUERY, TEXTS), (QUERY, TEXTS)])) == [first, first]
        assert watched.rows == rows
        assert pruner.prune("where is the cheese", TEXTS).query != first.query
        assert watched.rows == 2 * rows
        stats = pruner.cache_stats
        assert (stats.hits, stats.misses) == (4 * rows, 2 * rows)
        assert 0 < stats.tokens <= 10_000


def test_without_a_cache_every_call_is_scored(tiny_folder: Path) -> None:
    watched = Watched(tiny_folder)
    with Pruner(tiny_folder, backend=watched) as pruner:
        for _ in range(2):
            pruner.prune(QUERY, TEXTS)
        assert watched.rows > 0
        assert watched.rows % 2 == 0
        assert pruner.cache_stats == CacheStats()


def test_the_former_name_of_the_cache_stats_still_works(pruner: Pruner) -> None:
    with pytest.warns(DeprecationWarning, match="cache_stats"):
        assert pruner.cache_statistics == pruner.cache_stats


def test_a_cache_of_a_negative_size_is_refused(tiny_folder: Path) -> None:
    with pytest.raises(InvalidInputError, match="cache_tokens"):
        Pruner(tiny_folder, cache_tokens=-1)
