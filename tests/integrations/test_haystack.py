"""The component inside Haystack's own pipelines."""

import asyncio
import inspect
import json
import os
from collections.abc import Sequence
from typing import Any

import pytest

os.environ["HAYSTACK_TELEMETRY_ENABLED"] = "False"  # read when it is imported
pytest.importorskip("haystack")

from haystack import Document, Pipeline
from haystack.components.builders import PromptBuilder
from haystack.components.retrievers.in_memory import InMemoryBM25Retriever
from haystack.document_stores.in_memory import InMemoryDocumentStore

from provence_plugins import Pruner
from provence_plugins.errors import InvalidInputError
from provence_plugins.integrations.fields import DocumentFields
from provence_plugins.integrations.haystack import ProvenceDocumentPruner
from provence_plugins.integrations.metadata import METADATA_KEY, RERANK_KEY, RETRIEVAL_KEY
from provence_plugins.testing import AdapterContract, Item

QUERY = "castle towers"
TEXT = "The castle has nine towers. Sheep graze on the meadow."
PRUNED = "The castle has nine towers. "


class TestProvenceDocumentPruner(AdapterContract[ProvenceDocumentPruner, Document]):
    def make(self, **fields: Any) -> ProvenceDocumentPruner:
        return ProvenceDocumentPruner(**fields)

    def wrap(self, items: Sequence[Item]) -> list[Document]:
        return [Document(id=item.id, content=item.text, meta=dict(item.metadata)) for item in items]

    def read(self, thing: Document) -> Item:
        return Item(thing.id, thing.content or "", thing.meta, thing.score)

    def prune(self, adapter: ProvenceDocumentPruner, query: str, things: Sequence[Document]) -> list[Document]:
        documents: list[Document] = adapter.run(query, list(things))["documents"]
        return documents

    async def aprune(self, adapter: ProvenceDocumentPruner, query: str, things: Sequence[Document]) -> list[Document]:
        documents: list[Document] = (await adapter.run_async(query, list(things)))["documents"]
        return documents


def build(pruner: ProvenceDocumentPruner) -> Pipeline:
    store = InMemoryDocumentStore()
    store.write_documents([Document(id="castle", content=TEXT), Document(id="sheep", content="Sheep are white.")])
    pipeline = Pipeline()
    pipeline.add_component("retriever", InMemoryBM25Retriever(store))
    pipeline.add_component("pruner", pruner)
    template = "{% for d in documents %}{{ d.content }}{% endfor %}"
    pipeline.add_component("prompt", PromptBuilder(template, required_variables="*"))
    pipeline.connect("retriever.documents", "pruner.documents")
    pipeline.connect("pruner.documents", "prompt.documents")
    return pipeline


@pytest.mark.parametrize("is_async", [False, True], ids=["sync", "async"])
def test_a_pipeline_sends_what_helps(words: Pruner, is_async: bool) -> None:
    pipeline = build(ProvenceDocumentPruner(model=words, threshold=0.2))
    given: dict[str, Any] = {"retriever": {"query": QUERY}, "pruner": {"query": QUERY}}
    found = asyncio.run(pipeline.run_async(given)) if is_async else pipeline.run(given)
    assert found["prompt"]["prompt"] == PRUNED


def test_a_pipeline_with_it_is_saved_and_loaded() -> None:
    pipeline = Pipeline()
    pipeline.add_component("pruner", ProvenceDocumentPruner(threshold=0.3, top_n=4))
    loaded = Pipeline.loads(pipeline.dumps(), allowed_modules=["provence_plugins.*"]).get_component("pruner")
    assert loaded.fields == ProvenceDocumentPruner(threshold=0.3, top_n=4).fields
    assert json.loads(json.dumps(loaded.to_dict())) == loaded.to_dict()


def test_the_score_is_the_relevance_and_the_retrievers_moves_to_the_meta(words: Pruner) -> None:
    component = ProvenceDocumentPruner(model=words, threshold=0.2)
    [document] = component.run(QUERY, [Document(content=TEXT, score=0.75, embedding=[0.5])])["documents"]
    assert (document.score, document.meta[RETRIEVAL_KEY], document.embedding) == (1.0, 0.75, None)
    assert document.meta[METADATA_KEY]["kept"] == [[0, len(PRUNED)]]


@pytest.mark.parametrize("fields", [{}, {"flat_metadata": True}, {"metadata_key": "pruned"}], ids=str)
def test_a_second_pass_does_not_keep_the_relevance_of_the_first(words: Pruner, fields: dict[str, Any]) -> None:
    component = ProvenceDocumentPruner(model=words, threshold=0.2, **fields)
    for score in (None, 0.5):
        once = component.run(QUERY, [Document(content=TEXT, score=score)])["documents"]
        [twice] = component.run(QUERY, once)["documents"]
        assert twice.meta.keys() == once[0].meta.keys()
        assert twice.meta.get(RETRIEVAL_KEY) == score


def test_the_scores_of_the_retriever_and_of_another_reranker_are_kept(words: Pruner) -> None:
    document = Document(content=TEXT, score=0.75, meta={RETRIEVAL_KEY: 0.25})
    [pruned] = ProvenceDocumentPruner(model=words).run(QUERY, [document])["documents"]
    assert (pruned.meta[RETRIEVAL_KEY], pruned.meta[RERANK_KEY]) == (0.25, 0.75)


def test_a_document_without_text_is_returned_unchanged(words: Pruner) -> None:
    image = Document(content=None, meta={"file": "castle.png"}, score=0.5)
    assert ProvenceDocumentPruner(model=words).run(QUERY, [image])["documents"] == [image]


def test_documents_without_text_stay_in_their_place_whatever_the_order(words: Pruner) -> None:
    texts = [None, "The castle is old.", "  ", TEXT, "", "Sheep graze."]
    documents = [Document(id=str(number), content=text) for number, text in enumerate(texts)]
    component = ProvenceDocumentPruner(model=words, threshold=0.2, order="relevance")
    pruned = component.run(QUERY, documents)["documents"]
    assert [(document.id, document.content) for document in pruned] == [
        ("0", None),
        ("3", PRUNED),
        ("2", "  "),
        ("1", "The castle is old."),
        ("4", ""),
    ]
    assert [document.id for document in asyncio.run(component.run_async(QUERY, documents))["documents"]] == list(
        "03214"
    )
    assert [document.id for document in component.run(QUERY, documents, {"top_n": 1})["documents"]] == list("0234")


def test_one_call_can_change_the_policy(words: Pruner) -> None:
    component = ProvenceDocumentPruner(model=words, threshold=0.2)
    [document] = component.run(QUERY, [Document(content=TEXT)], policy={"threshold": 0.0})["documents"]
    assert document.content == TEXT
    with pytest.raises(InvalidInputError, match="treshold"):
        component.run(QUERY, [], policy={"treshold": 0.5})


def test_the_signature_names_every_field_with_its_default() -> None:
    parameters = inspect.signature(ProvenceDocumentPruner.__init__).parameters
    assert {name: each.default for name, each in parameters.items() if name != "self"} == {
        name: field.get_default() for name, field in DocumentFields.model_fields.items()
    }


def test_warming_up_loads_the_model() -> None:
    component = ProvenceDocumentPruner()
    component.warm_up()
    assert component.fields.pruner is ProvenceDocumentPruner().fields.pruner
