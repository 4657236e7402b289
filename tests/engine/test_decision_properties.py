"""What holds for every policy and all scores."""

from copy import deepcopy
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from scored_passages import THRESHOLDS, remaining, scored

from provence_plugins.engine.decisions import decide
from provence_plugins.engine.passages import ScoredPassage
from provence_plugins.engine.policy import PruningPolicy
from provence_plugins.types import Sentence

# Few values, so that ties are common.
probabilities = st.sampled_from([0.0, 0.1, 0.3, 0.5, 0.7, 1.0]) | st.floats(0, 1)
policies = st.builds(
    PruningPolicy,
    threshold=st.none() | probabilities,
    top_n=st.none() | st.integers(1, 4),
    max_tokens=st.none() | st.integers(0, 40),
    keep_title=st.booleans(),
    keep_headings=st.booleans(),
    min_sentences=st.integers(1, 3),
    when_empty=st.sampled_from(["drop", "keep_one", "keep_best", "keep_all"]),
    order=st.sampled_from(["input", "relevance"]),
    min_relevance=st.none() | probabilities,
    keep_neighbors=st.tuples(st.integers(0, 2), st.integers(0, 2)),
    pins=st.none() | st.just("0"),
)


@st.composite
def scored_passages(draw: st.DrawFn) -> list[ScoredPassage]:
    passages = []
    for index in range(draw(st.integers(0, 4))):
        size = draw(st.integers(0, 6))
        headings = {n: draw(st.integers(0, n - 1)) for n in range(1, size) if draw(st.booleans())}
        tokens = draw(st.lists(st.integers(0, 12), min_size=size, max_size=size))
        values = draw(st.lists(probabilities, min_size=size, max_size=size))
        relevance = draw(st.sampled_from([-1.0, 0.2, 0.8]))
        passages.append(scored(*values, index=index, relevance=relevance, tokens=tokens, headings=headings))
    return passages


@given(scored_passages(), policies)
def test_every_passage_is_exactly_once_among_the_remaining_or_the_dropped(
    passages: list[ScoredPassage], policy: PruningPolicy
) -> None:
    kept, dropped = decide(passages, policy, THRESHOLDS)
    assert sorted(passage.index for passage in kept + dropped) == list(range(len(passages)))
    assert not any(sentence.kept for passage in dropped for sentence in passage.sentences)
    assert all(passage.tokens_after or not passage.tokens_before for passage in kept)


@given(scored_passages(), policies, st.integers(0, 40))
def test_kept_tokens_never_exceed_the_budget(
    passages: list[ScoredPassage], policy: PruningPolicy, max_tokens: int
) -> None:
    kept, _ = decide(passages, replace(policy, max_tokens=max_tokens), THRESHOLDS)
    assert sum(passage.tokens_after for passage in kept) <= max_tokens


@given(scored_passages(), policies)
def test_a_budget_of_all_tokens_changes_nothing(passages: list[ScoredPassage], policy: PruningPolicy) -> None:
    everything = sum(passage.tokens for passage in passages)
    assert decide(passages, replace(policy, max_tokens=everything), THRESHOLDS) == decide(
        passages, replace(policy, max_tokens=None), THRESHOLDS
    )


@given(scored_passages())
def test_threshold_zero_gives_every_text_back(passages: list[ScoredPassage]) -> None:
    kept, dropped = decide(passages, PruningPolicy(threshold=0), THRESHOLDS)
    assert [passage.text for passage in kept] == [passage.passage.text for passage in passages]
    assert dropped == ()


@given(scored_passages(), probabilities, probabilities)
def test_a_higher_threshold_never_keeps_more(passages: list[ScoredPassage], one: float, other: float) -> None:
    low, high = sorted((one, other))
    more = remaining(*passages, threshold=low, keep_headings=False)
    fewer = remaining(*passages, threshold=high, keep_headings=False)
    assert all(set(numbers) <= set(more[index]) for index, numbers in fewer.items())


@given(scored_passages(), policies)
def test_only_the_decisions_change_and_the_input_does_not(passages: list[ScoredPassage], policy: PruningPolicy) -> None:
    before = deepcopy(passages)
    kept, dropped = decide(passages, policy, THRESHOLDS)
    assert passages == before
    for decided, source in zip(sorted(kept + dropped, key=lambda passage: passage.index), before, strict=True):
        assert (decided.index, decided.passage, decided.relevance) == (source.index, source.passage, source.relevance)
        assert tuple(decided.scored.probabilities) == tuple(source.probabilities)
        assert list(decided.scored.token_counts) == list(source.token_counts)
        assert [Sentence(s.start, s.end, s.kind, s.heading) for s in decided.sentences] == source.sentences


@given(scored_passages(), policies)
def test_what_stands_under_a_heading_never_stays_without_it(
    passages: list[ScoredPassage], policy: PruningPolicy
) -> None:
    kept, _ = decide(passages, replace(policy, keep_headings=True), THRESHOLDS)
    for passage in kept:
        for sentence in passage.sentences:
            assert not sentence.kept or sentence.heading is None or passage.sentences[sentence.heading].kept


@given(scored_passages(), policies)
def test_the_title_stays_with_any_other_sentence_when_there_is_no_budget(
    passages: list[ScoredPassage], policy: PruningPolicy
) -> None:
    kept, _ = decide(passages, replace(policy, keep_title=True, max_tokens=None), THRESHOLDS)
    assert all(passage.sentences[0].kept for passage in kept if passage.sentences)


@given(scored_passages(), policies)
def test_a_passage_keeps_its_most_probable_sentences_when_there_is_no_budget(
    passages: list[ScoredPassage], policy: PruningPolicy
) -> None:
    kept, _ = decide(passages, replace(policy, max_tokens=None, pins=None), THRESHOLDS)
    for passage in kept:
        best = sorted(passage.sentences, key=lambda sentence: sentence.probability, reverse=True)
        assert all(sentence.kept for sentence in best[: policy.min_sentences])


@given(scored_passages(), policies, st.integers(1, 4))
def test_no_more_than_top_n_passages_with_text_remain(
    passages: list[ScoredPassage], policy: PruningPolicy, top_n: int
) -> None:
    kept, _ = decide(passages, replace(policy, top_n=top_n, pins=None), THRESHOLDS)
    assert sum(passage.tokens_before > 0 for passage in kept) <= top_n


@pytest.mark.parametrize(
    ("relevance", "chance"), [(-800.0, 0.0), (-3.0, 0.047), (0.0, 0.5), (3.0, 0.953), (1e308, 1.0)]
)
def test_a_minimum_relevance_is_a_probability_for_models_that_give_logits_too(relevance: float, chance: float) -> None:
    passage = replace(scored(0.9, relevance=relevance), relevance_scale="logit")
    assert passage.relevance_probability == pytest.approx(chance, abs=0.001)
    assert bool(remaining(passage, min_relevance=0.4)) == (chance >= 0.4)
    [pruned], _ = decide([passage], PruningPolicy(), THRESHOLDS)
    assert pruned.relevance == relevance
    assert pruned.scored == passage
