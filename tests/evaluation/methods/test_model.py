from dataclasses import replace

import pytest

from provence_plugins.data.examples import Example
from provence_plugins.engine.planning import Planner
from provence_plugins.engine.pruner import Pruner
from provence_plugins.evaluation.methods.method import split
from provence_plugins.evaluation.methods.model import model_method
from provence_plugins.model.backend import load_backend
from provence_plugins.model.checkpoint import Checkpoint
from provence_plugins.types import Passage

TEXT = "Paris is old. Cheese is good! The river is long?"


def test_a_network_has_the_probabilities_that_the_engine_gives(tiny_checkpoint: Checkpoint) -> None:
    backend = load_backend(tiny_checkpoint, "onnx")
    planner = Planner(
        tiny_checkpoint.encoder, tiny_checkpoint.format, tiny_checkpoint.splitter, tiny_checkpoint.max_tokens
    )
    given = Example("a", "s", "Is cheese good?", Passage(TEXT * 3, "Cheese"), (), True)
    short = replace(given, passage=Passage("Cheese is good. Is it?"))
    # What else is judged with it makes no difference, and neither does a passage without any token.
    _, scores, blank = model_method(planner, backend)(
        list(split([short, given, replace(given, passage=Passage(" "))], "sentencex"))
    )
    assert blank.relevance == 0.0
    with Pruner(tiny_checkpoint.folder, backend=backend) as pruner:
        result = pruner.prune(given.question, [given.passage])
    [pruned] = (*result.passages, *result.dropped)
    assert scores.relevance == pytest.approx(pruned.relevance, abs=1e-5)
    assert scores.probabilities.tolist() == pytest.approx(
        [sentence.probability for sentence in pruned.sentences], abs=1e-5
    )
