from pathlib import Path

import numpy as np
import pytest
from llama_index.core.postprocessor import SentenceEmbeddingOptimizer
from llama_index.core.schema import NodeWithScore, QueryBundle, TextNode

from provence_plugins.data.examples import Example
from provence_plugins.engine.pooling import PassageScores
from provence_plugins.evaluation.methods.encoders import embeddings, load_encoder
from provence_plugins.evaluation.methods.llama_index import _Encoder, sentence_optimizer
from provence_plugins.evaluation.methods.method import Method, SplitPassage, split
from provence_plugins.types import Passage

TEXT = "The city is old. Paris is the capital of France. The cheese is good. The river is long. A. It is so."
QUESTION = "The cheese is good."


def passage(text: str = TEXT) -> SplitPassage:
    [found] = split([Example("q", "s", QUESTION, Passage(text), (), True)], "regex")
    return found


def score(method: Method, text: str = TEXT) -> PassageScores:
    [scores] = method([passage(text)])
    return scores


def test_a_sentence_stays_as_long_as_the_likest_of_itself_and_its_neighbours(encoder_folder: Path) -> None:
    alone = score(embeddings(encoder_folder)).probabilities
    around = [max(alone[max(place - 1, 0) : place + 2]) for place in range(len(alone))]
    found = score(sentence_optimizer(encoder_folder))
    # The cutoffs lie 0.02 apart.
    assert found.probabilities == pytest.approx(np.array(around) - 0.01, abs=0.0101)
    assert found.relevance == found.probabilities.max()


def test_what_it_leaves_at_a_cutoff_is_what_the_optimizer_itself_leaves(encoder_folder: Path) -> None:
    given = passage()
    texts = [text.strip() for text in given.texts]
    encoder = _Encoder()
    encoder._encoder = load_encoder(encoder_folder)
    encoder.remember([QUESTION, *texts])
    cutoff = 0.98
    optimizer = SentenceEmbeddingOptimizer(
        embed_model=encoder, threshold_cutoff=cutoff, tokenizer_fn=lambda text: texts
    )
    [left] = optimizer.postprocess_nodes([NodeWithScore(node=TextNode(text=TEXT))], QueryBundle(QUESTION))
    kept = [text in left.get_content() for text in texts]
    assert (score(sentence_optimizer(encoder_folder)).probabilities >= cutoff - 1e-6).tolist() == kept
    assert 0 < sum(kept) < len(kept)


def test_a_blank_passage_scores_below_every_cutoff(encoder_folder: Path) -> None:
    scores = score(sentence_optimizer(encoder_folder), " ")
    assert (scores.probabilities < -1.0).all()
    assert len(score(sentence_optimizer(encoder_folder), "").probabilities) == 0
