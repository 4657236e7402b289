import math

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from provence_plugins.engine.pooling import (
    POOLINGS,
    SURE,
    PassageScores,
    SentencePieces,
    compare_passages,
    compare_with_best,
    mean_of_pieces,
    mean_of_tokens,
    votes,
)

PROBABILITIES = st.floats(0, 1, width=32)


def pieces_of(*sentences: list[list[float]]) -> SentencePieces:
    """Sentences, each a list of pieces."""
    pieces = [(number, piece) for number, sentence in enumerate(sentences) for piece in sentence]
    return SentencePieces(
        tokens=np.array([value for _, piece in pieces for value in piece], dtype=np.float64),
        lengths=np.array([len(piece) for _, piece in pieces], dtype=np.int64),
        owners=np.array([number for number, _ in pieces], dtype=np.int64),
        sentences=len(sentences),
    )


def test_the_mean_of_tokens_weighs_every_token_alike() -> None:
    found = mean_of_tokens(pieces_of([[0.5, 0.5, 0.5], [1.0]], [[0.25]]))
    assert found.tolist() == pytest.approx([0.625, 0.25])


def test_the_mean_of_pieces_weighs_every_part_alike() -> None:
    found = mean_of_pieces(pieces_of([[0.5, 0.5, 0.5], [1.0]], [[0.25]]))
    assert found.tolist() == pytest.approx([0.75, 0.25])


def test_a_piece_that_has_no_position_left_counts_as_certain() -> None:
    assert mean_of_pieces(pieces_of([[0.0], []])).tolist() == [0.5]


@pytest.mark.parametrize("pooling", sorted(POOLINGS))
def test_a_sentence_without_tokens_has_probability_zero(pooling: str) -> None:
    found = POOLINGS[pooling](pieces_of([], [[0.5]], []))
    assert found[[0, 2]].tolist() == [0.0, 0.0]
    assert found[1] == pytest.approx(0.5)


@pytest.mark.parametrize("pooling", sorted(POOLINGS))
def test_no_sentences_give_no_probabilities(pooling: str) -> None:
    assert POOLINGS[pooling](pieces_of()).tolist() == []


@given(st.lists(PROBABILITIES, min_size=1, max_size=12), st.sampled_from([0.1, 0.25, 0.3, 0.5, 0.75, 0.9]))
def test_a_threshold_below_the_votes_is_one_that_the_published_rule_passes(
    tokens: list[float], threshold: float
) -> None:
    assume(all(abs(value - threshold) > 1e-6 for value in tokens))  # the models' own numbers are no more precise
    share = sum(value > threshold for value in tokens) / len(tokens)
    [probability] = votes(pieces_of([tokens])).tolist()
    assert (probability >= threshold) == (share > threshold)


def test_votes_that_equal_the_threshold_do_not_pass_it() -> None:
    [probability] = votes(pieces_of([[1.0] * 5 + [0.0] * 5])).tolist()
    assert probability < 0.5
    assert probability == pytest.approx(0.5)


def odds(probability: float) -> float:
    return math.log(probability / (1 - probability))


def test_a_comparison_lowers_log_odds_by_a_share_of_the_distance_from_the_best_sentence() -> None:
    compared = compare_with_best(np.array([0.2, 0.8, 0.5]), 0.5)
    expected = [odds(0.2) - 0.5 * (odds(0.8) - odds(0.2)), odds(0.8), odds(0.5) - 0.5 * (odds(0.8) - odds(0.5))]
    assert [odds(value) for value in compared.tolist()] == pytest.approx(expected)


def test_only_the_distance_above_a_sure_sentence_counts() -> None:
    compared = compare_with_best(np.array([0.02, 0.8]), 0.5)
    assert odds(compared[0]) == pytest.approx(odds(0.02) - 0.5 * (odds(0.8) - odds(SURE)))
    unsure = np.array([0.02, SURE, 0.05])
    assert compare_with_best(unsure, 0.5).tolist() == unsure.tolist()


def test_without_a_weight_and_for_one_sentence_nothing_changes() -> None:
    given = np.array([0.3, 0.0, 1.0])
    assert compare_with_best(given, 0.0) is given
    assert compare_with_best(given[:1], 2.0).tolist() == [0.3]
    assert compare_with_best(given[:0], 2.0).tolist() == []


@given(st.lists(PROBABILITIES, min_size=1, max_size=12), st.floats(0, 10))
def test_a_comparison_keeps_the_best_sentence_the_order_and_the_range(given_: list[float], weight: float) -> None:
    before = np.array(given_)
    after = compare_with_best(before, weight)
    assert after.max() == before.max()
    assert ((after >= 0) & (after <= before + 1e-12)).all()
    assert (np.diff(after[np.argsort(before, kind="stable")]) >= 0).all()
    assert (after[before == 0] == 0).all()


RELEVANT, SURELY = 0.7, 1.0 - SURE


def test_the_log_odds_of_a_passage_fall_by_a_share_of_its_distance_from_the_surest_passage() -> None:
    before = [np.array([0.8, 0.3]), np.array([0.4, 0.02]), np.zeros(0)]
    sure, unsure, empty = compare_passages(before, [RELEVANT, 0.5, 0.0], 0.5)
    assert sure.tolist() == [0.8, 0.3]
    fall = 0.5 * (odds(0.8) - odds(0.4) + odds(RELEVANT) - odds(0.5))
    assert [odds(value) for value in unsure.tolist()] == pytest.approx([odds(0.4) - fall, odds(0.02) - fall])
    assert empty.tolist() == []


def test_a_more_relevant_passage_without_a_surer_sentence_counts_against_another() -> None:
    relevant, other = compare_passages([np.array([0.4]), np.array([0.4])], [RELEVANT, 0.5], 0.5)
    assert relevant.tolist() == [0.4]
    assert odds(other[0]) == pytest.approx(odds(0.4) - 0.5 * (odds(RELEVANT) - odds(0.5)))


def test_nothing_counts_below_what_is_sure_or_above_its_opposite() -> None:
    unsure = compare_passages([np.array([0.8]), np.array([0.02])], [0.5, 0.01], 0.5)[1]
    assert odds(unsure[0]) == pytest.approx(odds(0.02) - 0.5 * (odds(0.8) - odds(SURE) - odds(SURE)))
    for nowhere in ([np.array([0.02, SURE]), np.array([0.05])], [np.array([SURELY]), np.array([0.999, 0.1])]):
        for relevances in ([0.0, SURE], [0.98, SURELY]):
            assert [each.tolist() for each in compare_passages(nowhere, relevances, 5.0)] == [
                each.tolist() for each in nowhere
            ]


def test_a_passage_alone_and_a_weight_of_zero_change_nothing() -> None:
    given = [np.array([0.9]), np.array([0.2])]
    assert [each.tolist() for each in compare_passages(given, [0.9, 0.2], 0.0)] == [[0.9], [0.2]]
    assert [each.tolist() for each in compare_passages(given[1:], [0.2], 5.0)] == [[0.2]]
    assert compare_passages([], [], 5.0) == []


def limited(probability: float) -> float:
    return min(max(probability, SURE), SURELY)


SCORED = st.tuples(st.lists(PROBABILITIES, max_size=6), PROBABILITIES)


@given(st.lists(SCORED, min_size=1, max_size=5), st.floats(0, 10))
def test_a_comparison_of_passages_keeps_the_surest_one_each_order_and_the_range(
    given_: list[tuple[list[float], float]], weight: float
) -> None:
    before = [np.array(each) for each, _ in given_]
    after = compare_passages(before, [relevance for _, relevance in given_], weight)
    sureness = [odds(limited(max(each, default=0.0))) + odds(limited(relevance)) for each, relevance in given_]
    surest = sureness.index(max(sureness))
    assert after[surest] == pytest.approx(before[surest], rel=1e-9)
    most = weight * 4 * odds(SURELY)
    for one, other in zip(before, after, strict=True):
        inner = [(high, low) for high, low in zip(one, other, strict=True) if 1e-6 < high < 1 - 1e-6]
        assert all(odds(high) - odds(low) <= most + 1e-6 for high, low in inner)
        assert ((other >= 0) & (other <= one)).all()
        assert (np.diff(other[np.argsort(one, kind="stable")]) >= 0).all()


@given(st.lists(PROBABILITIES, min_size=1, max_size=5), st.floats(0, 1))
def test_a_sentence_reaches_a_threshold_as_the_plain_numbers_do(probabilities: list[float], threshold: float) -> None:
    scores = PassageScores(0.0, np.array(probabilities, np.float32))
    for bar in (threshold, probabilities[0], math.nextafter(probabilities[0], math.inf)):
        assert scores.reach(bar).tolist() == [probability >= bar for probability in probabilities]
