"""The frameworks' own classes around the compressor: retrievers, pipelines, chains, graphs, traces."""

import asyncio
import time
from collections.abc import Iterator
from operator import itemgetter
from typing import Any, TypedDict

import pytest
from langchain_classic.retrievers import ContextualCompressionRetriever
from langchain_classic.retrievers.document_compressors import DocumentCompressorPipeline
from langchain_core.callbacks import BaseCallbackHandler, CallbackManagerForRetrieverRun
from langchain_core.documents import BaseDocumentTransformer, Document
from langchain_core.retrievers import BaseRetriever
from langchain_core.runnables import RunnableConfig, RunnablePassthrough
from langgraph.graph import END, START, StateGraph

from provence_plugins import Pruner, SharedScorer
from provence_plugins.errors import BackendError
from provence_plugins.integrations.langchain import PRUNED_EVENT, ProvenceCompressor
from provence_plugins.testing import FailingBackend, WordBackend

QUERY = "castle"
TEXTS = ("The castle is old. Sheep graze.", "Sheep are white.", "A castle has towers. They are high.")
PRUNED = ["The castle is old. ", "A castle has towers. "]


class Shelf(BaseRetriever):
    """Finds everything that it holds."""

    texts: tuple[str, ...] = TEXTS

    def _get_relevant_documents(self, query: str, *, run_manager: CallbackManagerForRetrieverRun) -> list[Document]:
        return [Document(id=str(number), page_content=text) for number, text in enumerate(self.texts)]


class Tail(BaseDocumentTransformer):
    """Drops the first document."""

    def transform_documents(self, documents: Any, **kwargs: Any) -> list[Document]:
        return list(documents)[1:]


class Listener(BaseCallbackHandler):
    """Notes runs and custom events."""

    def __init__(self) -> None:
        self.started: list[str] = []
        self.parents: list[bool] = []
        self.failed: list[BaseException] = []
        self.events: list[tuple[str, dict[str, Any]]] = []

    def on_chain_start(self, serialized: Any, inputs: Any, **kwargs: Any) -> None:
        self.started.append(kwargs["name"])
        self.parents.append(kwargs["parent_run_id"] is not None)

    def on_chain_error(self, error: BaseException, **kwargs: Any) -> None:
        self.failed.append(error)

    def on_custom_event(self, name: str, data: Any, **kwargs: Any) -> None:
        self.events.append((name, data))


@pytest.fixture(scope="module")
def compressor() -> Iterator[ProvenceCompressor]:
    with Pruner(backend=WordBackend(), scorer=SharedScorer) as pruner:
        yield ProvenceCompressor(model=pruner)


@pytest.fixture
def retriever(compressor: ProvenceCompressor) -> ContextualCompressionRetriever:
    return ContextualCompressionRetriever(base_compressor=compressor, base_retriever=Shelf())


def texts_of(documents: Any) -> list[str]:
    return [document.page_content for document in documents]


async def test_in_a_compression_retriever(retriever: ContextualCompressionRetriever) -> None:
    assert texts_of(retriever.invoke(QUERY)) == PRUNED
    assert texts_of(await retriever.ainvoke(QUERY)) == PRUNED
    assert [texts_of(found) for found in retriever.batch([QUERY, " "])] == [PRUNED, list(TEXTS)]


@pytest.mark.parametrize("first", [[Tail()], [Tail(), Tail(), Tail()]], ids=["some", "nothing left"])
async def test_in_a_pipeline(compressor: ProvenceCompressor, first: list[Tail]) -> None:
    pipeline = DocumentCompressorPipeline(transformers=[*first, compressor, compressor])
    around = ContextualCompressionRetriever(base_compressor=pipeline, base_retriever=Shelf())
    expected = PRUNED[1:] if len(first) == 1 else []
    assert texts_of(around.invoke(QUERY)) == expected
    assert texts_of(await around.ainvoke(QUERY)) == expected


async def test_in_a_chain(compressor: ProvenceCompressor) -> None:
    chain = RunnablePassthrough.assign(documents=itemgetter("question") | Shelf()) | RunnablePassthrough.assign(
        documents=compressor.as_runnable()
    )
    assert texts_of(chain.invoke({"question": QUERY})["documents"]) == PRUNED
    assert texts_of((await chain.ainvoke({"question": QUERY}))["documents"]) == PRUNED


class State(TypedDict):
    question: str
    documents: list[Document]


async def test_in_the_nodes_of_a_graph(compressor: ProvenceCompressor) -> None:
    def prune(state: State, config: RunnableConfig) -> dict[str, Any]:
        return {
            "documents": compressor.compress_documents(state["documents"], state["question"], config.get("callbacks"))
        }

    async def aprune(state: State) -> dict[str, Any]:
        return {"documents": await compressor.acompress_documents(state["documents"], state["question"])}

    listener = Listener()
    given: State = {"question": QUERY, "documents": Shelf().invoke(QUERY)}
    for node in (prune, aprune, RunnablePassthrough.assign(documents=compressor.as_runnable())):
        graph = StateGraph(State)
        graph.add_node("prune", node)
        graph.add_edge(START, "prune")
        graph.add_edge("prune", END)
        state = await graph.compile().ainvoke(given, {"callbacks": [listener]})
        assert texts_of(state["documents"]) == PRUNED
    assert listener.started.count("ProvenceCompressor") == 3
    assert [name for name, _ in listener.events] == [PRUNED_EVENT] * 3


async def test_a_trace_shows_the_run_and_its_tokens(retriever: ContextualCompressionRetriever) -> None:
    for asynchronous in (False, True):
        listener = Listener()
        config = RunnableConfig(callbacks=[listener])
        found = await retriever.ainvoke(QUERY, config) if asynchronous else retriever.invoke(QUERY, config)
        assert texts_of(found) == PRUNED
        assert (listener.started, listener.parents) == (["ProvenceCompressor"], [True])
        [(name, data)] = listener.events
        assert name == "context_pruned"
        assert (data["documents_before"], data["documents_after"]) == (3, 2)
        assert data["tokens_after"] == sum(d.metadata["provence"]["tokens_after"] for d in found)
        assert data["tokens_before"] > data["tokens_after"] > 0


async def test_event_streams_carry_the_token_counts(retriever: ContextualCompressionRetriever) -> None:
    events = [event async for event in retriever.astream_events(QUERY, version="v2")]
    [pruned] = [event for event in events if event["event"] == "on_custom_event"]
    assert pruned["name"] == "context_pruned"
    assert pruned["data"]["tokens_before"] > pruned["data"]["tokens_after"]


@pytest.mark.parametrize(
    ("query", "texts", "reason"),
    [
        (" ", TEXTS, "the query is blank"),
        ([], TEXTS, "the query is blank"),
        (QUERY, (), "there is nothing to prune"),
        (QUERY, TEXTS, "pruning failed, as the log says"),
    ],
    ids=["blank", "no question", "no documents", "failure"],
)
async def test_a_trace_says_why_everything_is_kept(query: Any, texts: tuple[str, ...], reason: str) -> None:
    documents = [Document(text) for text in texts]
    listener = Listener()
    with Pruner(backend=FailingBackend()) as pruner:
        compressor = ProvenceCompressor(model=pruner, on_error="keep")
        found = compressor.compress_documents(documents, query, callbacks=[listener])
        assert await compressor.acompress_documents(documents, query, callbacks=[listener]) == found == documents
    assert listener.events == [("context_kept", {"model": compressor.model_name, "reason": reason})] * 2


def test_a_failure_shows_in_the_trace() -> None:
    listener = Listener()
    with Pruner(backend=FailingBackend()) as pruner, pytest.raises(BackendError):
        ProvenceCompressor(model=pruner).compress_documents([Document("A castle.")], QUERY, callbacks=[listener])
    assert [type(error) for error in listener.failed] == [BackendError]


async def test_two_hundred_invocations_at_once_never_block_the_loop() -> None:
    async def longest_gap() -> float:
        longest, last = 0.0, time.monotonic()
        while not all(call.done() for call in calls):
            await asyncio.sleep(0.005)
            longest, last = max(longest, time.monotonic() - last), time.monotonic()
        return longest

    with Pruner(backend=WordBackend(seconds=0.05), scorer=SharedScorer) as pruner:
        retriever = ContextualCompressionRetriever(
            base_compressor=ProvenceCompressor(model=pruner), base_retriever=Shelf()
        )
        calls = [asyncio.create_task(retriever.ainvoke(QUERY)) for _ in range(200)]
        gap = await longest_gap()
        assert [texts_of(await call) for call in calls] == [PRUNED] * 200
    # The machine may be busy with other things; blocking calls would add up to ten seconds.
    assert gap < 5.0
