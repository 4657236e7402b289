"""Labelled examples, and a method that gives sentences the scores that stand in them."""

import re
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from provence_plugins.data.examples import Example
from provence_plugins.engine.pooling import PassageScores
from provence_plugins.evaluation.methods.method import Method, SplitPassage, one_by_one
from provence_plugins.types import Passage, Span

MakeExample = Callable[..., Example]


@pytest.fixture(scope="session")
def make_example() -> MakeExample:
    """An example of sentences, those that begin with a star being its evidence."""

    def make(*sentences: str, id: str = "q", source: str = "s", question: str = "Who?") -> Example:
        text, evidence = "", []
        for sentence in sentences:
            bare = sentence.removeprefix("*")
            if bare != sentence:
                evidence.append(Span(len(text), len(text) + len(bare)))
            text += bare + " "
        return Example(id, source, question, Passage(text), tuple(evidence), "#" not in id)

    return make


@pytest.fixture(scope="session")
def written() -> Method:
    """Scores sentences by the number that is written in them, 0 where there is none, and a passage by its best."""

    def score(passage: SplitPassage) -> PassageScores:
        found = [re.search(r"0\.\d+", text) for text in passage.texts]
        scores = np.array([float(match[0]) if match else 0.0 for match in found], np.float32)
        return PassageScores(float(scores.max(initial=0.0)), scores)

    return one_by_one(score)


@pytest.fixture(scope="session")
def encoder_folder(tmp_path_factory: pytest.TempPathFactory, tokenizer_folder: Path) -> Path:
    """A bare BERT of one layer with random weights, which sentence-transformers can open."""
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
    return folder
