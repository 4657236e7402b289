from pathlib import Path

import numpy as np
import pytest

from provence_plugins.engine.scoring import PassageScores
from provence_plugins.evaluation.baselines import bm25, embeddings, lead
from provence_plugins.evaluation.examples import Example
from provence_plugins.evaluation.report import Method
from provence_plugins.text.sentences import split_sentences
from provence_plugins.types import Passage

TEXT = "The city is old. Paris is the capital of France. The cheese is good. The river is in the city."


def score(method: Method, text: str = TEXT, question: str = "What is the capital of France?") -> PassageScores:
    return method(Example("q", "s", question, Passage(text), (), True), split_sentences(text))


@pytest.fixture(scope="module")
def encoder(tmp_path_factory: pytest.TempPathFactory, tokenizer_folder: Path) -> Method:
    import torch
    from transformers import AutoTokenizer, BertConfig, BertModel

    folder = tmp_path_factory.mktemp("encoder")
    tokenizer = AutoTokenizer.from_pretrained(tokenizer_folder)
    tokenizer.save_pretrained(folder)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(1)
        config = BertConfig(
            vocab_size=len(tokenizer),
            hidden_size=32,
            num_hidden_layers=1,
            num_attention_heads=2,
            intermediate_size=32,
            max_position_embeddings=64,
            initializer_range=0.2,
        )
        BertModel(config).save_pretrained(folder)
    return embeddings(folder)


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
    probabilities = score(lead).probabilities
    assert (np.diff(probabilities) < 0).all()
    assert probabilities[0] == 1.0


def test_embeddings_prefer_the_sentence_that_is_the_question(encoder: Method) -> None:
    scores = score(encoder, question="The cheese is good.")
    assert scores.probabilities.argmax() == 2
    assert scores.probabilities[2] == pytest.approx(1.0, abs=1e-5)
    assert scores.relevance == pytest.approx(1.0, abs=1e-5)


def test_embeddings_of_a_passage_without_sentences_are_none(encoder: Method) -> None:
    scores = score(encoder, "")
    assert scores.relevance == 0.0
    assert len(scores.probabilities) == 0
