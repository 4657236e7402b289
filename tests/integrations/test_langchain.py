import copy
import inspect
import json
import pickle
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypedDict

import numpy as np
import pytest
from langchain_core.documents import Document
from langchain_core.retrievers import BaseRetriever

from provence_plugins import Passage, Pruner
from provence_plugins.errors import InvalidInputError
from provence_plugins.integrations.langchain import ProvenceCompressor, ProvenceRetriever
from provence_plugins.integrations.metadata import METADATA_KEY, RELEVANCE_KEY, RERANK_KEY, RETRIEVAL_KEY
from provence_plugins.testing import AdapterContract, Item

QUESTION = "How long is a year on Mercury?"
MERCURY = "Mercury is the planet nearest to the Sun. It has no moons. A year on Mercury lasts 88 Earth days."
VENUS = "Venus is about as large as the Earth. Its clouds are made of sulphuric acid."


class TestProvenceCompressor(AdapterContract[ProvenceCompressor, Document]):
    def make(self, **fields: Any) -> ProvenceCompressor:
        return ProvenceCompressor(**fields)

    def wrap(self, items: Sequence[Item]) -> list[Document]:
        return [Document(id=item.id, page_content=item.text, metadata=dict(item.metadata)) for item in items]

    def read(self, thing: Document) -> Item:
        assert thing.id is not None
        return Item(thing.id, thing.page_content, thing.metadata, thing.metadata.get(RELEVANCE_KEY))

    def prune(self, adapter: ProvenceCompressor, query: str, things: Sequence[Document]) -> list[Document]:
        return adapter.compress_documents(things, query)

    async def aprune(self, adapter: ProvenceCompressor, query: str, things: Sequence[Document]) -> list[Document]:
        return await adapter.acompress_documents(things, query)


class TestProvenceCompressorAsRunnable(TestProvenceCompressor):
    def prune(self, adapter: ProvenceCompressor, query: str, things: Sequence[Document]) -> list[Document]:
        return adapter.as_runnable().invoke({"query": query, "documents": things})

    async def aprune(self, adapter: ProvenceCompressor, query: str, things: Sequence[Document]) -> list[Document]:
        return await adapter.as_runnable().ainvoke({"question": query, "documents": things})


def test_the_shipped_model_prunes_documents_as_the_pruner_prunes_texts() -> None:
    compressor = ProvenceCompressor()
    documents = [Document(MERCURY, id="m"), Document(VENUS, id="v", metadata={"title": "Venus"})]
    pruned = compressor.compress_documents(documents, QUESTION)
    result = compressor.pruner.prune(QUESTION, [MERCURY, Passage(VENUS, title="Venus")])
    assert [document.page_content for document in pruned] == [passage.text for passage in result.passages]
    assert "88 Earth days" in pruned[0].page_content


class ScannedPage(Document):
    number: int


def test_a_class_of_ones_own_stays_with_its_fields(words: Pruner) -> None:
    page = ScannedPage(page_content="The castle is old. Sheep graze.", number=7)
    [pruned] = ProvenceCompressor(model=words).compress_documents([page], "castle")
    assert type(pruned) is ScannedPage
    assert (pruned.number, pruned.page_content, pruned.id) == (7, "The castle is old. ", None)


def test_a_new_score_and_entry_replace_those_of_an_earlier_pass(words: Pruner) -> None:
    document = Document("The castle is old. Sheep graze.", metadata={RELEVANCE_KEY: 0.123, METADATA_KEY: "old"})
    [pruned] = ProvenceCompressor(model=words).compress_documents([document], "castle")
    assert pruned.metadata[RELEVANCE_KEY] == 1.0
    assert pruned.metadata[METADATA_KEY]["kept"] == [[0, 19]]
    assert document.metadata == {RELEVANCE_KEY: 0.123, METADATA_KEY: "old"}


def test_fields_survive_writing_down_and_pickling() -> None:
    compressor = ProvenceCompressor(model=Path("some/folder"), threshold=0.3, top_n=4, on_error="keep")
    config = json.loads(json.dumps(compressor.to_config()))
    assert config["model"] == str(Path("some/folder"))
    assert ProvenceCompressor.from_config(config).to_config() == config
    assert pickle.loads(pickle.dumps(compressor)) == compressor


def test_a_compressor_around_a_pruner_cannot_be_serialized(words: Pruner) -> None:
    with pytest.raises(InvalidInputError, match="Pass model as a path or repo id"):
        ProvenceCompressor(model=words).to_config()


def test_a_runnable_says_what_it_needs(words: Pruner) -> None:
    with pytest.raises(InvalidInputError, match=r'"documents" and "query" or "question"; got the keys \[\'docs\'\]'):
        ProvenceCompressor(model=words).as_runnable().invoke({"docs": []})


def test_a_question_that_is_not_a_string_is_refused(words: Pruner) -> None:
    with pytest.raises(InvalidInputError):
        ProvenceCompressor(model=words).compress_documents([Document(MERCURY)], None)  # type: ignore[arg-type]


def test_its_repr_shows_what_was_set() -> None:
    assert repr(ProvenceCompressor(threshold=0.3)) == "ProvenceCompressor(threshold=0.3)"
    assert "threshold" in inspect.signature(ProvenceCompressor).parameters


def test_an_entry_counts_in_the_text_that_its_pass_was_given(words: Pruner) -> None:
    original = "Sheep graze. The castle is old. It has towers. Goats graze."
    first = ProvenceCompressor(model=words, keep_neighbors=(0, 1))
    second = ProvenceCompressor(model=words, metadata_key="second")
    [once] = first.compress_documents([Document(original)], "castle")
    [twice] = second.compress_documents([once], "towers")
    [[start, end]] = twice.metadata[METADATA_KEY]["kept"]
    assert original[start:end] == once.page_content == "The castle is old. It has towers. "
    [[start, end]] = twice.metadata["second"]["kept"]
    assert once.page_content[start:end] == twice.page_content == "It has towers. "
    assert twice.metadata["second"]["tokens_before"] == once.metadata[METADATA_KEY]["tokens_after"]


def test_where_nothing_passes_the_best_sentence_of_the_best_document_is_kept(words: Pruner) -> None:
    documents = [Document("Rain falls. Snow falls."), Document("Sheep graze. The castle is old.")]
    compressor = ProvenceCompressor(model=words, threshold=1.0)
    assert [document.page_content for document in compressor.compress_documents(documents, "castle")] == [
        "The castle is old."
    ]
    assert (
        ProvenceCompressor(model=words, threshold=1.0, when_empty="drop").compress_documents(documents, "castle") == []
    )


def test_documents_below_min_relevance_are_dropped(words: Pruner) -> None:
    documents = [Document("The castle has towers."), Document("A castle.")]
    compressor = ProvenceCompressor(model=words, threshold=0.1, min_relevance=0.8)
    assert len(compressor.compress_documents(documents, "castle towers")) == 1


def test_the_score_of_an_earlier_reranker_is_kept(words: Pruner) -> None:
    document = Document("The castle is old.", metadata={RELEVANCE_KEY: 0.123})
    compressor = ProvenceCompressor(model=words)
    [once] = compressor.compress_documents([document], "castle")
    [twice] = compressor.compress_documents([once], "castle")
    assert once.metadata[RETRIEVAL_KEY] == twice.metadata[RETRIEVAL_KEY] == 0.123
    assert twice.metadata[RELEVANCE_KEY] == 1.0


@pytest.mark.parametrize("fields", [{}, {"flat_metadata": True}, {"metadata_key": "pruned"}], ids=str)
def test_a_second_pass_does_not_keep_the_relevance_of_the_first(words: Pruner, fields: dict[str, Any]) -> None:
    compressor = ProvenceCompressor(model=words, **fields)
    [once] = compressor.compress_documents([Document("The castle is old. Sheep graze.")], "castle")
    [twice] = compressor.compress_documents([once], "castle old")
    assert twice.metadata.keys() == once.metadata.keys()
    assert RETRIEVAL_KEY not in twice.metadata


def test_a_score_of_any_numeric_type_is_kept_as_a_plain_number(words: Pruner) -> None:
    document = Document("The castle is old.", metadata={RELEVANCE_KEY: np.float32(0.5)})
    [pruned] = ProvenceCompressor(model=words).compress_documents([document], "castle")
    assert (pruned.metadata[RETRIEVAL_KEY], type(pruned.metadata[RETRIEVAL_KEY])) == (0.5, float)


def test_the_scores_of_a_retriever_and_of_a_reranker_are_kept(words: Pruner) -> None:
    document = Document("The castle is old.", metadata={RETRIEVAL_KEY: 0.25, RELEVANCE_KEY: 0.75})
    [pruned] = ProvenceCompressor(model=words).compress_documents([document], "castle")
    assert (pruned.metadata[RETRIEVAL_KEY], pruned.metadata[RERANK_KEY]) == (0.25, 0.75)


def test_nested_metadata_is_not_shared(words: Pruner) -> None:
    document = Document("The castle is old.", metadata={"tags": [{"topic": "castle"}]})
    for query in ("castle", " "):
        [pruned] = ProvenceCompressor(model=words).compress_documents([document], query)
        pruned.metadata["tags"][0]["topic"] = "sheep"
    assert document.metadata == {"tags": [{"topic": "castle"}]}


def test_metadata_can_be_flat(words: Pruner) -> None:
    compressor = ProvenceCompressor(model=words, flat_metadata=True)
    [pruned] = compressor.compress_documents([Document("The castle is old. Sheep graze.")], "castle")
    assert all(isinstance(value, str | int | float) for value in pruned.metadata.values())
    assert json.loads(pruned.metadata["provence_kept"]) == [[0, 19]]
    assert pruned.metadata["provence_relevance"] == 1.0


class Stateful(Document):
    """As LangChain's filters for redundant documents make them."""

    state: dict[str, Any]


def test_a_cached_vector_of_the_whole_text_does_not_survive(words: Pruner) -> None:
    document = Stateful(page_content="The castle is old. Sheep graze.", state={"embedded_doc": [0.5], "seen": True})
    [pruned] = ProvenceCompressor(model=words).compress_documents([document], "castle")
    assert isinstance(pruned, Stateful)
    assert pruned.state == {"seen": True}
    assert "embedded_doc" in document.state


def test_several_queries_are_united(words: Pruner) -> None:
    document = Document("The castle is old. Sheep graze. Rain falls.")
    compressor = ProvenceCompressor(model=words)
    [pruned] = compressor.compress_documents([document], ["castle", "rain"])
    assert pruned.page_content == "The castle is old. Rain falls."


def test_adapters_around_a_pruner_are_copied_with_the_same_pruner(words: Pruner) -> None:
    compressor = ProvenceCompressor(model=words, top_n=2)
    for copied in (copy.copy(compressor), copy.deepcopy(compressor), compressor.model_copy(deep=True)):
        assert copied.pruner is words
        assert copied.top_n == 2


class Shelf(BaseRetriever):
    """Finds two documents."""

    def _get_relevant_documents(self, query: str, *, run_manager: Any) -> list[Document]:
        return [Document("The castle is old. Sheep graze."), Document("Rain falls.")]


class State(TypedDict, total=False):
    question: str
    documents: list[Document]


@dataclass
class Notes:
    text: str
    found: list[Document]


@dataclass(slots=True)
class SlottedNotes:
    text: str
    found: list[Document]
    answer: str = field(init=False)  # not set before the end of the graph


async def test_a_retriever_prunes_what_another_one_finds(words: Pruner) -> None:
    retriever = ProvenceRetriever(retriever=Shelf(), compressor=ProvenceCompressor(model=words))
    for found in (retriever.invoke("castle"), await retriever.ainvoke("castle")):
        assert [document.page_content for document in found] == ["The castle is old. "]
    assert ProvenceRetriever(retriever=Shelf()).compressor == ProvenceCompressor()


async def test_retriever_and_compressor_are_nodes_of_a_graph(words: Pruner) -> None:
    compressor = ProvenceCompressor(model=words)
    graphs = pytest.importorskip("langgraph.graph")  # comes with LangChain 1.0
    graph = graphs.StateGraph(State)
    graph.add_node("search", ProvenceRetriever(retriever=Shelf(), compressor=compressor).as_node())
    graph.add_node("again", compressor.as_node())
    graph.add_edge(graphs.START, "search")
    graph.add_edge("search", "again")
    graph.add_edge("again", graphs.END)
    app = graph.compile()
    for state in (app.invoke({"question": "castle"}), await app.ainvoke({"question": "castle"})):
        assert [document.page_content for document in state["documents"]] == ["The castle is old. "]


def test_a_node_reads_any_state_and_says_what_it_misses(words: Pruner) -> None:
    compressor = ProvenceCompressor(model=words)
    notes = Notes("castle", [Document("The castle is old. Sheep graze.")])
    update = compressor.as_node("found", "text").invoke(notes)
    assert [document.page_content for document in update["found"]] == ["The castle is old. "]
    with pytest.raises(InvalidInputError, match="Pass documents_key"):
        compressor.as_node().invoke(notes)
    with pytest.raises(InvalidInputError, match="Pass query_key"):
        compressor.as_node("found").invoke(notes)


def test_a_node_reads_a_dataclass_with_slots_or_with_attributes_that_are_no_fields(words: Pruner) -> None:
    compressor = ProvenceCompressor(model=words)
    documents = [Document("The castle is old. Sheep graze.")]
    update = compressor.as_node("found", "text").invoke(SlottedNotes("castle", documents))
    assert [document.page_content for document in update["found"]] == ["The castle is old. "]
    with pytest.raises(InvalidInputError, match=r"no 'answer', only \['found', 'text'\]"):
        compressor.as_node("found", "answer").invoke(SlottedNotes("castle", documents))
    notes = Notes("castle", [])
    notes.later = documents  # type: ignore[attr-defined]
    update = compressor.as_node("later", "text").invoke(notes)
    assert [document.page_content for document in update["later"]] == ["The castle is old. "]


def test_a_node_refuses_a_state_without_names_and_says_which_it_reads(words: Pruner) -> None:
    with pytest.raises(InvalidInputError, match="must be a dictionary, a dataclass or a pydantic model; got a list"):
        ProvenceCompressor(model=words).as_node().invoke([Document("The castle is old.")])


def test_one_call_can_change_the_policy(words: Pruner) -> None:
    retriever = ProvenceRetriever(retriever=Shelf(), compressor=ProvenceCompressor(model=words))
    changed = retriever.invoke("castle", {"configurable": {"provence": {"threshold": 0.0}}})
    assert [document.page_content for document in changed] == ["The castle is old. Sheep graze.", "Rain falls."]
    with pytest.raises(InvalidInputError, match="treshold"):
        retriever.invoke("castle", {"configurable": {"provence": {"treshold": 0.0}}})
    with pytest.raises(InvalidInputError, match="must be a dictionary of policy fields"):
        retriever.invoke("castle", {"configurable": {"provence": 3}})
