import asyncio
import os
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from pydantic import ValidationError

from provence_plugins import Passage, Pruner, PruningPolicy
from provence_plugins.errors import BackendError, CheckpointNotFoundError, InvalidInputError
from provence_plugins.integrations.fields import DocumentFields, EngineFields, PruningFields
from provence_plugins.integrations.metadata import METADATA_KEY, RERANK_KEY, RETRIEVAL_KEY
from provence_plugins.integrations.shared_pruners import PrunerKey, SharedPruners
from provence_plugins.testing import FailingBackend, WordBackend

PASSAGES = [Passage("The castle is old. Sheep graze.")]


@pytest.fixture(scope="module")
def words() -> Iterator[Pruner]:
    with Pruner(backend=WordBackend()) as pruner:
        yield pruner


def test_the_fields_are_those_of_the_policy() -> None:
    policy = PruningPolicy(0.5, 3, 100, True, False, 2, "keep_best", "relevance", 0.25)
    chosen = {name: getattr(policy, name) for name in PruningPolicy.__dataclass_fields__}
    assert PruningFields(**chosen).policy == policy
    assert PruningFields().policy == PruningPolicy(when_empty="keep_one")


@pytest.mark.parametrize(
    "fields",
    [
        {"threshold": 2.0},
        {"threshold": "bold"},
        {"top_n": 0},
        {"when_empty": "never"},
        {"on_error": "ignore"},
        {"metadata_key": ""},
        {"k": 3},
    ],
    ids=lambda fields: next(iter(fields)),
)
def test_impossible_fields_are_refused(fields: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        PruningFields(**fields)  # type: ignore[arg-type]


def policy_of_a_tool(given: Any, changes: dict[str, Any]) -> PruningPolicy:
    pytest.importorskip("langgraph", reason="the middleware needs it")
    from provence_plugins.integrations.langchain_tool_fields import ToolPruningFields

    return ToolPruningFields(policies={"search": given}).policy_of("search", changes)


@pytest.mark.parametrize(
    ("changes", "value"),
    [
        ({"threshold": np.float32(0.25)}, 0.25),
        ({"threshold": "short"}, "short"),
        ({"top_n": np.int64(3)}, 3),
        ({"keep_neighbors": [1, 0]}, (1, 0)),
        ({"ties": ["label"]}, ("label",)),
        ({"threshold": "0.25"}, None),
        ({"threshold": True}, None),
        ({"threshold": np.True_}, None),
        ({"min_relevance": "0.25"}, None),
        ({"passage_comparison": False}, None),
        ({"top_n": True}, None),
        ({"top_n": "3"}, None),
        ({"max_tokens": 9.0}, None),
        ({"keep_title": 1}, None),
        ({"keep_headings": "yes"}, None),
        ({"keep_neighbors": [True, 0]}, None),
    ],
    ids=str,
)
@pytest.mark.parametrize(
    "read",
    [
        lambda changes: PruningFields(**changes).policy,
        lambda changes: PruningFields.model_validate(changes).policy,
        lambda changes: PruningFields().policy_with(changes),
        lambda changes: policy_of_a_tool(changes, {}),
        lambda changes: policy_of_a_tool(PruningPolicy(), changes),
    ],
    ids=["fields", "dictionary of fields", "one call", "one tool", "one call of a tool"],
)
def test_a_value_of_the_policy_is_read_alike_wherever_it_stands(
    read: Callable[[dict[str, Any]], PruningPolicy], changes: dict[str, Any], value: Any
) -> None:
    [name] = changes
    if value is None:
        with pytest.raises(ValueError, match=f"{name} must be "):
            read(changes)
    else:
        read_value = getattr(read(changes), name)
        assert (read_value, type(read_value)) == (value, type(value))


def test_a_default_of_a_subclass_is_checked() -> None:
    class Careless(PruningFields):
        threshold: Any = 2.0

    with pytest.raises(ValidationError, match="threshold must be a number from 0 to 1"):
        Careless()
    assert Careless(threshold=0.5).policy.threshold == 0.5


def test_an_unknown_field_is_refused_and_the_nearest_is_named() -> None:
    with pytest.raises(ValidationError, match=r"Unknown keyword 'treshold'\. Did you mean 'threshold'"):
        PruningFields(treshold=0.5)  # type: ignore[call-arg]


def test_a_pruner_brings_its_own_backend(words: Pruner) -> None:
    with pytest.raises(ValidationError, match="cannot be set when model is a Pruner"):
        EngineFields(model=words, backend="onnx")


def test_many_threads_load_one_model_once() -> None:
    loaded, start = SharedPruners(), threading.Barrier(8)
    key = PrunerKey()

    def get() -> Pruner:
        start.wait()
        return loaded.get(key)

    with ThreadPoolExecutor(8) as pool:
        pruners = {future.result() for future in [pool.submit(get) for _ in range(8)]}
    assert len(pruners) == 1
    pruners.pop().close()


def test_adapters_with_equal_fields_share_one_model() -> None:
    first, *others = [PruningFields(top_n=number).pruner for number in range(1, 50)]
    assert all(other is first for other in others)
    assert EngineFields().pruner is first


@pytest.mark.skipif(not hasattr(os, "fork"), reason="there is no fork here")
def test_a_forked_process_loads_a_model_of_its_own(tiny_folder: Path) -> None:
    code = (
        "import os, signal\n"
        "from provence_plugins.integrations.fields import PruningFields\n"
        "from provence_plugins.types import Passage\n"
        f"fields, passages = PruningFields(model={str(tiny_folder)!r}), [Passage('Paris is a city.')]\n"
        "fields.prune_passages('What is Paris?', passages)\n"
        "child = os.fork()\n"
        "if not child:\n"
        "    signal.alarm(60)\n"  # a child that hangs ends by itself
        "    os._exit(0 if fields.prune_passages('What is Paris?', passages) else 1)\n"
        "print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))\n"
    )
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=120)
    assert run.stdout == "0\n"


@pytest.mark.parametrize(("query", "passages"), [(" ", PASSAGES), ("castle", [])], ids=["blank query", "no passages"])
def test_without_work_nothing_is_loaded(query: str, passages: list[Passage]) -> None:
    fields = PruningFields(model="no/such/model")
    assert fields.prune_passages(query, passages) is None
    assert asyncio.run(fields.aprune_passages(query, passages)) is None


@pytest.mark.parametrize("key", ["title", "heading", None])
def test_the_title_comes_from_the_metadata(key: str | None) -> None:
    metadata = {"title": "Castles", "heading": 3}
    assert PruningFields(title_key=key).title_of(metadata) == ("Castles" if key == "title" else None)
    assert PruningFields().title_of({}) is None


def test_errors_come_out_or_are_logged(caplog: pytest.LogCaptureFixture) -> None:
    with Pruner(backend=FailingBackend()) as pruner:
        with pytest.raises(BackendError):
            PruningFields(model=pruner).prune_passages("castle", PASSAGES)
        assert PruningFields(model=pruner, on_error="keep").prune_passages("castle", PASSAGES) is None
    assert "Pruning failed, everything is kept: This backend always fails" in caplog.text


def test_a_model_that_is_not_there_is_an_error_like_any_other(tmp_path_factory: pytest.TempPathFactory) -> None:
    nowhere = tmp_path_factory.getbasetemp() / "nowhere"
    with pytest.raises(CheckpointNotFoundError):
        PruningFields(model=nowhere).prune_passages("castle", PASSAGES)
    assert asyncio.run(PruningFields(model=nowhere, on_error="keep").aprune_passages("castle", PASSAGES)) is None


def test_a_query_that_is_not_a_string_is_refused(words: Pruner) -> None:
    with pytest.raises(InvalidInputError):
        PruningFields(model=words).prune_passages(7, PASSAGES)  # type: ignore[arg-type]


@pytest.mark.parametrize("score", [1, 0.5, np.float32(0.5), np.float64(-3), np.int64(2), Fraction(1, 2)], ids=repr)
def test_a_real_number_is_kept_as_a_float(score: Any) -> None:
    kept = DocumentFields().earlier_score(score, {})
    assert kept == {RETRIEVAL_KEY: float(score)}
    assert type(kept[RETRIEVAL_KEY]) is float


@pytest.mark.parametrize("score", [None, True, np.True_, "0.5", [0.5], float("nan"), float("inf")], ids=repr)
def test_anything_else_is_not_kept(score: Any) -> None:
    assert DocumentFields().earlier_score(score, {}) == {}


@pytest.mark.parametrize(
    ("metadata", "key"),
    [
        ({METADATA_KEY: {"kept": []}}, METADATA_KEY),
        ({"pruned": {"kept": []}}, "pruned"),
        ({"pruned_kept": "[]"}, "pruned"),
        ({METADATA_KEY: {"kept": []}}, None),
        ({"provence_kept": "[]", RETRIEVAL_KEY: 0.25}, METADATA_KEY),
    ],
    ids=str,
)
def test_a_score_of_ours_is_recognised_by_the_entry_beside_it(metadata: dict[str, Any], key: str | None) -> None:
    assert DocumentFields(metadata_key=key).earlier_score(0.75, metadata) == {}


def test_the_score_of_a_reranker_that_kept_the_retrievers_has_a_key_of_its_own() -> None:
    assert DocumentFields().earlier_score(0.75, {RETRIEVAL_KEY: 0.25}) == {RERANK_KEY: 0.75}
    renamed = DocumentFields(metadata_key="pruned")
    assert renamed.earlier_score(0.75, {RETRIEVAL_KEY: 0.25, METADATA_KEY: "wine"}) == {RERANK_KEY: 0.75}


def test_where_no_entry_is_written_only_the_first_score_is_kept() -> None:
    silent = DocumentFields(metadata_key=None)
    assert silent.earlier_score(0.25, {}) == {RETRIEVAL_KEY: 0.25}
    assert silent.earlier_score(0.75, {RETRIEVAL_KEY: 0.25}) == {}
