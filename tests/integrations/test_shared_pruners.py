import gc
import weakref

import pytest

from provence_plugins import Passage, Pruner
from provence_plugins.integrations.fields import EngineFields, PruningFields
from provence_plugins.integrations.shared_pruners import PrunerKey, SharedPruners, loaded_pruners, release_pruners

PASSAGES = [Passage("The castle is old. Sheep graze.")]


def test_a_released_pruner_is_loaded_again_when_it_is_needed() -> None:
    fields = PruningFields()
    before = fields.pruner
    assert loaded_pruners()[PrunerKey()] is before
    release_pruners()
    assert not loaded_pruners()
    assert fields.prune_passages("castle", PASSAGES) is not None
    assert fields.pruner is not before


def test_a_released_pruner_frees_its_memory() -> None:
    fields = EngineFields()
    gone = weakref.ref(fields.pruner)
    fields.release()
    gc.collect()
    assert gone() is None


def test_releasing_one_leaves_the_others() -> None:
    pruners = SharedPruners()
    one, other = pruners.get(PrunerKey()), pruners.get(PrunerKey(backend="onnx"))
    pruners.release(PrunerKey())
    pruners.release(PrunerKey())
    assert pruners.loaded() == {PrunerKey(backend="onnx"): other}
    assert one is not other
    pruners.release()


def test_a_pruner_of_the_callers_own_stays_open(words: Pruner) -> None:
    EngineFields(model=words).release()
    release_pruners()
    assert words.prune("castle", PASSAGES).passages


def test_what_is_loaded_can_only_be_looked_at() -> None:
    with pytest.raises(TypeError):
        loaded_pruners()[PrunerKey()] = EngineFields().pruner  # type: ignore[index]
