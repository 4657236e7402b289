import math
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from provence_plugins.data.examples import Example
from provence_plugins.engine.pooling import PassageScores
from provence_plugins.errors import InvalidInputError
from provence_plugins.evaluation.methods.language_models import selective_context
from provence_plugins.evaluation.methods.method import Method, split
from provence_plugins.types import Passage

POSITIONS = 16


@pytest.fixture(scope="module", params=[True, False], ids=["begins texts", "no token begins texts"])
def folder(request: pytest.FixtureRequest, make_causal_folder: Callable[..., Path]) -> Path:
    begins = {"bos_token": "[CLS]"} if request.param else {}
    return make_causal_folder(
        positions=POSITIONS,
        tokenizer_settings=begins,
        initializer_range=0.5,
        bos_token_id=2 if request.param else None,
    )


def score(method: Method, text: str, question: str = "Who?") -> PassageScores:
    [scores] = method(list(split([Example("q", "s", question, Passage(text), (), True)], "regex")))
    return scores


def information(folder: Path, ids: list[int]) -> list[float]:
    """Nats of each token but the first, one forward pass a token."""
    import torch
    from transformers import AutoModelForCausalLM

    network = AutoModelForCausalLM.from_pretrained(folder).train(False)
    nats = []
    for place in range(1, len(ids)):
        with torch.inference_mode():
            last = network(torch.tensor([ids[:place]])).logits[0, -1]
        nats.append(-math.log(torch.softmax(last.double(), 0)[ids[place]]))
    return nats


def test_a_sentence_has_the_mean_information_of_its_tokens(folder: Path) -> None:
    from transformers import AutoTokenizer

    tokenizer = AutoTokenizer.from_pretrained(folder)
    text = "Paris is the city. The river."
    ids = tokenizer(text, add_special_tokens=False)["input_ids"]
    begins = [] if tokenizer.bos_token_id is None else [tokenizer.bos_token_id]
    nats = information(folder, [*begins, *ids])
    first = 5 - (not begins)
    scores = score(selective_context(folder), text)
    assert scores.probabilities.tolist() == pytest.approx(
        [float(np.mean(nats[:first])), float(np.mean(nats[first:]))], abs=1e-4
    )
    assert scores.relevance == 0.0


def test_the_question_is_not_read(folder: Path) -> None:
    method = selective_context(folder)
    one, other = (
        score(method, "Paris. Cheese is the city.", "paris?"),
        score(method, "Paris. Cheese is the city.", "is?"),
    )
    assert one.probabilities.tolist() == other.probabilities.tolist()


def test_what_is_too_long_is_read_in_parts(folder: Path) -> None:
    scores = score(selective_context(folder), "The river is in the city of Paris. " * 8)
    assert len(scores.probabilities) == 8
    assert (scores.probabilities > 0).all()


def test_an_empty_passage_has_no_scores(folder: Path) -> None:
    assert len(score(selective_context(folder), "").probabilities) == 0


def test_a_folder_that_holds_no_model_is_named(tmp_path: Path) -> None:
    with pytest.raises(InvalidInputError, match=r"Cannot open .* as a causal language model"):
        selective_context(tmp_path)
