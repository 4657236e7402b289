import numpy as np
import pytest

from provence_plugins.data.examples import Example
from provence_plugins.engine.pooling import PassageScores
from provence_plugins.evaluation.methods.baselines import bm25, chance, lead
from provence_plugins.evaluation.methods.method import Method, split
from provence_plugins.text.sentences import split_sentences
from provence_plugins.types import Passage

TEXT = "The city is old. Paris is the capital of France. The cheese is good. The river is in the city."


def score(method: Method, text: str = TEXT, question: str = "What is the capital of France?") -> PassageScores:
    [scores] = method(list(split([Example("q", "s", question, Passage(text), (), True)], "sentencex")))
    return scores


def test_bm25_prefers_the_sentence_with_the_words_of_the_question() -> None:
    scores = score(bm25())
    assert scores.probabilities.argmax() == 1
    assert scores.relevance > 0


def test_bm25_is_never_negative_for_words_that_most_sentences_hold() -> None:
    text = "Paris is old. Paris is big. Paris is far. Rome is near."
    scores = score(bm25(), text, "Paris")
    assert (scores.probabilities[:3] > scores.probabilities[3]).all()
    assert scores.probabilities[3] == 0.0


@pytest.mark.parametrize(("text", "question"), [("", "Paris?"), ("… — !", "Paris?"), (TEXT, "的?"), (TEXT, "—")])
def test_bm25_gives_zeros_where_no_word_can_match(text: str, question: str) -> None:
    scores = score(bm25(), text, question)
    assert scores.relevance == 0.0
    assert not scores.probabilities.any()
    assert len(scores.probabilities) == len(split_sentences(text))


def test_the_lead_prefers_what_comes_first() -> None:
    probabilities = score(lead()).probabilities
    assert (np.diff(probabilities) < 0).all()
    assert probabilities[0] == 1.0


def test_chance_gives_the_same_passage_the_same_scores() -> None:
    first, again, other = score(chance()), score(chance()), score(chance(seed=1))
    assert first.probabilities.tolist() == again.probabilities.tolist()
    assert first.relevance == again.relevance
    assert first.probabilities.tolist() != other.probabilities.tolist()
    assert len(set(first.probabilities.tolist())) == len(split_sentences(TEXT))


def test_chance_does_not_favour_a_place() -> None:
    texts = [f"One {number}. Two. Three." for number in range(300)]
    means = np.mean([score(chance(), text).probabilities for text in texts], axis=0)
    assert means == pytest.approx([0.5] * 3, abs=0.06)
