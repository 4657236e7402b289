"""Existing code with another import."""

import inspect
from collections.abc import Callable
from typing import Any

import pytest

from provence_plugins.compat import AutoModel, PublishedPruner, process
from provence_plugins.errors import InvalidInputError

Make = Callable[[str], Any]

Q = "Where is Paris?"
A, B = "Paris is in France. The river is old.", "Cheese is old. It is what it is. Not the city."


def test_a_model_loads_moves_and_prunes_like_the_published_class(make_published: Make) -> None:
    import torch

    published = make_published("provence")
    model = AutoModel.from_pretrained(str(published.folder), trust_remote_code=True, torch_dtype=torch.float32)
    model = model.to(torch.device("cpu")).eval()
    expected = process(model.pruner, [Q], [[A, B]])
    assert model.process([Q], [[A, B]], always_select_title=True) == expected
    assert "cpu, float32" in repr(model.pruner)
    assert "bfloat16" in repr(model.to(torch.bfloat16).pruner)
    model.close()


@pytest.mark.parametrize(
    ("key", "value"), [("dtype", "float32"), ("torch_dtype", "auto"), ("attn_implementation", "eager")]
)
def test_the_keywords_of_transformers_are_understood(make_published: Make, key: str, value: str) -> None:
    folder = str(make_published("provence").folder)
    with AutoModel.from_pretrained(folder, backend="torch", **{key: value}).pruner as pruner:
        assert "torch" in repr(pruner)


@pytest.mark.parametrize(
    ("given", "nearest"), [("devise", "device"), ("attention_implementation", "attn_implementation")]
)
def test_unknown_keywords_are_refused_and_the_nearest_is_named(given: str, nearest: str) -> None:
    with pytest.raises(InvalidInputError, match=f"Unknown keyword '{given}'. Did you mean '{nearest}'"):
        AutoModel.from_pretrained("some/model", **{given: "x"})
    with pytest.raises(InvalidInputError, match="Did you mean 'threshold'"):
        PublishedPruner("some/model", {}).process(Q, A, treshold=0.5)


def test_a_notebook_shows_all_keywords() -> None:
    shown = inspect.signature(AutoModel.from_pretrained).parameters
    assert {"model", "torch_dtype", "device", "scorer", "cache_tokens"} <= set(shown)
    assert "options" not in shown
    shown = inspect.signature(PublishedPruner.process).parameters
    assert set(shown) - {"self"} == set(inspect.signature(process).parameters) - {"pruner"}
