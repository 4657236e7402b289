"""Adapters are copied and pickled; what happens to a copy does not happen to the original."""

import copy
import pickle
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from provence_plugins import Pruner
from provence_plugins.errors import InvalidInputError
from provence_plugins.integrations.fields import PruningFields
from provence_plugins.integrations.shared_pruners import loaded_pruners
from provence_plugins.types import Passage

QUERY = "How many towers does the castle have?"
PASSAGES = [Passage("The castle has nine towers. Sheep graze on the meadow.")]

Make = Callable[..., Any]


def compressor(**fields: Any) -> Any:
    pytest.importorskip("langchain_core")
    from provence_plugins.integrations.langchain import ProvenceCompressor

    return ProvenceCompressor(**fields)


def middleware(**fields: Any) -> Any:
    pytest.importorskip("langchain.agents")
    from provence_plugins.integrations.langchain_agents import ContextPruningMiddleware

    return ContextPruningMiddleware(recall=True, policies={"search": {"threshold": 0.4}}, **fields)


def postprocessor(**fields: Any) -> Any:
    pytest.importorskip("llama_index.core")
    from provence_plugins.integrations.llama_index import ProvencePostprocessor

    return ProvencePostprocessor(**fields)


def component(**fields: Any) -> Any:
    pytest.importorskip("haystack")
    from provence_plugins.integrations.haystack import ProvenceDocumentPruner

    return ProvenceDocumentPruner(**fields)


@pytest.fixture(params=[compressor, middleware, postprocessor, component], ids=lambda make: make.__name__)
def make(request: pytest.FixtureRequest) -> Make:
    return request.param  # type: ignore[no-any-return]


def fields_of(adapter: Any) -> PruningFields:
    return getattr(adapter, "fields", adapter)  # type: ignore[no-any-return]


def test_an_adapter_that_names_its_model_is_pickled(make: Make, tiny_folder: Path) -> None:
    adapter = make(model=tiny_folder, threshold=0.3, deduplicate="near")
    loaded = pickle.loads(pickle.dumps(adapter))
    assert type(loaded) is type(adapter)
    assert repr(fields_of(loaded)) == repr(fields_of(adapter))
    assert fields_of(loaded).policy == fields_of(adapter).policy
    assert fields_of(loaded).prune_passages(QUERY, PASSAGES) == fields_of(adapter).prune_passages(QUERY, PASSAGES)


def test_releasing_a_copy_leaves_the_original_as_it_was(tiny_folder: Path) -> None:
    fields = PruningFields(model=tiny_folder, language="en", threshold=0.3)
    before = fields.prune_passages(QUERY, PASSAGES)
    for twin in (copy.copy(fields), copy.deepcopy(fields), pickle.loads(pickle.dumps(fields))):
        twin.release()
        assert fields.prune_passages(QUERY, PASSAGES) == before
    fields.release()
    assert not any(key.language == "en" for key in loaded_pruners())


def test_an_adapter_around_a_pruner_is_pickled_if_the_pruner_can_be(
    make: Make, words: Pruner, tiny_folder: Path
) -> None:
    with pytest.raises(InvalidInputError, match="Name the backend"):
        pickle.dumps(make(model=words))
    with Pruner(tiny_folder, threads=1) as pruner:
        adapter = make(model=pruner, threshold=0.3)
        loaded = pickle.loads(pickle.dumps(adapter))
        own = fields_of(loaded).pruner
        assert own is not pruner
        own.close()
        assert fields_of(adapter).prune_passages(QUERY, PASSAGES) is not None
