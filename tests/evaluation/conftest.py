"""Labelled examples, and a method that gives sentences the scores that stand in them."""

import re
from collections.abc import Callable

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
