import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from provence_plugins.engine.pooling import POOLINGS, SentenceParts, mean_of_parts, mean_of_tokens, votes

PROBABILITIES = st.floats(0, 1, width=32)


def parts_of(*sentences: list[list[float]]) -> SentenceParts:
    """Sentences, each a list of parts."""
    parts = [(number, part) for number, sentence in enumerate(sentences) for part in sentence]
    return SentenceParts(
        tokens=np.array([value for _, part in parts for value in part], dtype=np.float64),
        lengths=np.array([len(part) for _, part in parts], dtype=np.int64),
        owners=np.array([number for number, _ in parts], dtype=np.int64),
        sentences=len(sentences),
    )


def test_the_mean_of_tokens_weighs_every_token_alike() -> None:
    found = mean_of_tokens(parts_of([[0.5, 0.5, 0.5], [1.0]], [[0.25]]))
    assert found.tolist() == pytest.approx([0.625, 0.25])


def test_the_mean_of_parts_weighs_every_part_alike() -> None:
    found = mean_of_parts(parts_of([[0.5, 0.5, 0.5], [1.0]], [[0.25]]))
    assert found.tolist() == pytest.approx([0.75, 0.25])


def test_a_part_that_has_no_position_left_counts_as_certain() -> None:
    assert mean_of_parts(parts_of([[0.0], []])).tolist() == [0.5]


@pytest.mark.parametrize("pooling", sorted(POOLINGS))
def test_a_sentence_without_tokens_has_probability_zero(pooling: str) -> None:
    found = POOLINGS[pooling](parts_of([], [[0.5]], []))
    assert found[[0, 2]].tolist() == [0.0, 0.0]
    assert found[1] == pytest.approx(0.5)


@pytest.mark.parametrize("pooling", sorted(POOLINGS))
def test_no_sentences_give_no_probabilities(pooling: str) -> None:
    assert POOLINGS[pooling](parts_of()).tolist() == []


@given(st.lists(PROBABILITIES, min_size=1, max_size=12), st.sampled_from([0.1, 0.25, 0.3, 0.5, 0.75, 0.9]))
def test_a_threshold_below_the_votes_is_one_that_the_published_rule_passes(
    tokens: list[float], threshold: float
) -> None:
    assume(all(abs(value - threshold) > 1e-6 for value in tokens))  # the models' own numbers are no more precise
    share = sum(value > threshold for value in tokens) / len(tokens)
    [probability] = votes(parts_of([tokens])).tolist()
    assert (probability >= threshold) == (share > threshold)


def test_votes_that_equal_the_threshold_do_not_pass_it() -> None:
    [probability] = votes(parts_of([[1.0] * 5 + [0.0] * 5])).tolist()
    assert probability < 0.5
    assert probability == pytest.approx(0.5)
