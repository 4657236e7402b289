"""What the two event systems of LlamaIndex hear of pruning."""

import asyncio
from collections.abc import Iterator
from typing import Any

import pytest
from llama_index.core.callbacks import CallbackManager, CBEventType, EventPayload
from llama_index.core.callbacks.base_handler import BaseCallbackHandler
from llama_index.core.instrumentation import get_dispatcher
from llama_index.core.instrumentation.event_handlers import BaseEventHandler
from llama_index.core.instrumentation.events.base import BaseEvent
from llama_index.core.instrumentation.events.rerank import ReRankEndEvent, ReRankStartEvent
from llama_index.core.schema import NodeWithScore, TextNode
from pydantic import Field

from provence_plugins import Pruner
from provence_plugins.errors import BackendError
from provence_plugins.integrations.llama_index import ProvencePostprocessor
from provence_plugins.testing import FailingBackend

QUERY = "castle towers"
TEXT = "The castle has nine towers. Sheep graze on the meadow."
SHEEP = "Sheep graze on the meadow."


class Recorder(BaseEventHandler):
    events: list[BaseEvent] = Field(default_factory=list)

    # Any: as the base class has it.
    def handle(self, event: BaseEvent, **kwargs: Any) -> None:
        if isinstance(event, ReRankStartEvent | ReRankEndEvent):
            self.events.append(event)


@pytest.fixture
def recorder() -> Iterator[Recorder]:
    root, recorder = get_dispatcher(), Recorder()
    root.add_event_handler(recorder)
    yield recorder
    root.event_handlers.remove(recorder)


# Any, here and below: payloads as LlamaIndex has them.
class Callbacks(BaseCallbackHandler):
    def __init__(self) -> None:
        super().__init__([], [])
        self.calls: list[tuple[str, dict[str, Any]]] = []

    def on_event_start(
        self, event_type: CBEventType, payload: dict[str, Any] | None = None, event_id: str = "", **_: Any
    ) -> str:
        self.calls += [("start", payload or {})] if event_type == CBEventType.RERANKING else []
        return event_id

    def on_event_end(self, event_type: CBEventType, payload: dict[str, Any] | None = None, **_: Any) -> None:
        self.calls += [("end", payload or {})] if event_type == CBEventType.RERANKING else []

    def start_trace(self, trace_id: str | None = None) -> None: ...

    def end_trace(self, trace_id: str | None = None, trace_map: dict[str, list[str]] | None = None) -> None: ...


def run(post: ProvencePostprocessor, nodes: list[NodeWithScore], query: str, is_async: bool) -> list[NodeWithScore]:
    if is_async:
        return asyncio.run(post.apostprocess_nodes(nodes, query_str=query))
    return post.postprocess_nodes(nodes, query_str=query)


@pytest.mark.parametrize("is_async", [False, True], ids=["sync", "async"])
@pytest.mark.parametrize("query", [QUERY, ""], ids=["query", "no query"])
@pytest.mark.parametrize("texts", [[TEXT, SHEEP], []], ids=["nodes", "no nodes"])
def test_both_event_systems_hear_the_start_and_the_end(
    words: Pruner, recorder: Recorder, is_async: bool, query: str, texts: list[str]
) -> None:
    callbacks = Callbacks()
    post = ProvencePostprocessor(model=words, threshold=0.2, callback_manager=CallbackManager([callbacks]))
    nodes = [NodeWithScore(node=TextNode(text=text)) for text in texts]
    remaining = run(post, nodes, query, is_async)
    start, end = recorder.events
    assert isinstance(start, ReRankStartEvent)
    assert isinstance(end, ReRankEndEvent)
    assert (start.query, start.nodes, start.top_n, start.model_name) == (query, nodes, len(nodes), post.model_name)
    assert end.nodes == remaining
    assert callbacks.calls == [
        (
            "start",
            {
                EventPayload.NODES: nodes,
                EventPayload.MODEL_NAME: post.model_name,
                EventPayload.QUERY_STR: query,
                EventPayload.TOP_K: len(nodes),
            },
        ),
        ("end", {EventPayload.NODES: remaining}),
    ]


@pytest.mark.parametrize("is_async", [False, True], ids=["sync", "async"])
def test_a_failure_closes_the_events_too(recorder: Recorder, is_async: bool) -> None:
    callbacks = Callbacks()
    nodes = [NodeWithScore(node=TextNode(text=TEXT))]
    with Pruner(backend=FailingBackend()) as pruner:
        post = ProvencePostprocessor(model=pruner, callback_manager=CallbackManager([callbacks]))
        with pytest.raises(BackendError):
            run(post, nodes, QUERY, is_async)
    start, end = recorder.events
    assert isinstance(start, ReRankStartEvent)
    assert isinstance(end, ReRankEndEvent)
    assert end.nodes == []
    assert [name for name, _ in callbacks.calls] == ["start", "end"]
    assert isinstance(callbacks.calls[1][1][EventPayload.EXCEPTION], BackendError)
