"""Pruning for LangChain agents: a middleware that shortens the results of tools before the agent ever sees them.

A result is pruned once, when it is born, and never touched again: what was sent to a provider stays the same, and so
does the provider's cache of it.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from provence_plugins.engine.passages import PrunedPassage
from provence_plugins.engine.results import PruneResult
from provence_plugins.integrations.metadata import RELEVANCE_KEY, describe
from provence_plugins.integrations.versions import needs_framework
from provence_plugins.types import Passage

with needs_framework("agents"):
    from langchain.agents.middleware import AgentMiddleware
    from langchain_core.documents import Document
    from langchain_core.messages import HumanMessage, ToolMessage
    from langchain_core.prompts import PromptTemplate, StringPromptTemplate, format_document
    from pydantic import Field

from provence_plugins.integrations.fields import PruningFields

if TYPE_CHECKING:
    # Names for the signatures alone: LangChain 1.0.0 had the request in another module.
    from langgraph.prebuilt.tool_node import ToolCallRequest
    from langgraph.types import Command

NOTHING_LEFT = "No passage of this result answers the query."
"""What the agent reads in place of a result of which nothing stays."""

# The usual names of a search tool's argument; "__arg1" is what LangChain calls the only argument of a simple tool.
_QUERY_ARGS = ("query", "question", "search_query", "search", "q", "__arg1")

# Enough to leave numbers, dates and short messages of other tools alone.
_MIN_TOKENS = 100

# The usual estimate of four characters, in bytes: it holds for scripts too of which a character is a token.
_BYTES_PER_TOKEN = 4


class ToolPruningFields(PruningFields):
    """What can be set in `ContextPruningMiddleware`, beside the fields of `PruningFields`.

    Attributes:
        only: Names of the tools whose results are pruned; None takes all.
        exclude_tools: Names of tools whose results are left alone.
        min_tokens: Results that are estimated to be shorter are left alone: a token is taken as four bytes.
        query_args: Names of a tool's arguments that may hold the query; the first that holds text is taken. Without
            one, the query is the last human message.
        document_prompt: How a document is written into a result, as given to `create_retriever_tool`.
        document_separator: What stands between documents in a result, as given to `create_retriever_tool`.
    """

    only: tuple[str, ...] | None = None
    exclude_tools: tuple[str, ...] = ()
    min_tokens: int = Field(default=_MIN_TOKENS, ge=0)
    query_args: tuple[str, ...] = _QUERY_ARGS
    document_prompt: StringPromptTemplate = PromptTemplate.from_template("{page_content}")
    document_separator: str = "\n\n"

    def applies_to(self, tool: str) -> bool:
        """Whether results of the tool are pruned."""
        return (self.only is None or tool in self.only) and tool not in self.exclude_tools

    def query_of(self, request: ToolCallRequest) -> str:
        """The query that a tool was called for; empty when there is none."""
        given = (request.tool_call["args"].get(name) for name in self.query_args)
        texts = (value for value in given if isinstance(value, str) and value.strip())
        return next(texts, None) or _last_human_text(request.state)

    def is_small(self, passages: Sequence[Passage]) -> bool:
        """Whether the texts together are too short to bother."""
        size = sum(len(passage.text.encode("utf-8", "surrogatepass")) for passage in passages)
        return size < self.min_tokens * _BYTES_PER_TOKEN


class ContextPruningMiddleware(AgentMiddleware):
    """Prunes the results of an agent's tools to what answers the query.

    Documents in the result's artifact, as `create_retriever_tool(..., response_format="content_and_artifact")` puts
    them there, are pruned one by one, and the content is written anew from what is left of them. Other results are
    pruned as the text that they are. The originals stay in the artifact, unless a tool keeps something else there.
    Token counts and kept spans are in `response_metadata["provence"]`. Failed calls, commands, images and other
    blocks that are no text stay as they are, and so does everything when no query is found.

    Two of them can serve one agent when each has tools of its own in `only`.

    Args:
        fields: See `ToolPruningFields` and `PruningFields`.

    Raises:
        ValidationError: A field is unknown or has a value that cannot be.
    """

    # Any: checked by ToolPruningFields, which says more than a type checker could.
    def __init__(self, **fields: Any) -> None:
        super().__init__()
        self.fields = ToolPruningFields(**fields)

    @property
    def name(self) -> str:
        """The name in traces; an agent takes no two middlewares of one name."""
        only = self.fields.only
        return type(self).__name__ if only is None else f"{type(self).__name__}[{', '.join(only)}]"

    # Any: a command's target is the agent's business.
    def wrap_tool_call(
        self, request: ToolCallRequest, handler: Callable[[ToolCallRequest], ToolMessage | Command[Any]]
    ) -> ToolMessage | Command[Any]:
        """Run the tool and prune its result."""
        message = handler(request)
        content = self._prunable(request, message)
        if content is None:
            return message
        result = self.fields.prune_passages(self.fields.query_of(request), content.passages)
        return message if result is None else self._pruned(content, result)

    async def awrap_tool_call(
        self, request: ToolCallRequest, handler: Callable[[ToolCallRequest], Awaitable[ToolMessage | Command[Any]]]
    ) -> ToolMessage | Command[Any]:
        """Run the tool and prune its result without blocking the event loop."""
        message = await handler(request)
        content = self._prunable(request, message)
        if content is None:
            return message
        result = await self.fields.aprune_passages(self.fields.query_of(request), content.passages)
        return message if result is None else self._pruned(content, result)

    def _prunable(self, request: ToolCallRequest, message: ToolMessage | Command[Any]) -> _Content | None:
        """What to prune in a tool's result; None for a result that is left alone."""
        if not isinstance(message, ToolMessage) or message.status == "error":
            return None
        if not self.fields.applies_to(request.tool_call["name"]):
            return None
        content = _document_content(message, self.fields) or _TextContent(message)
        return None if self.fields.is_small(content.passages) else content

    def _pruned(self, content: _Content, result: PruneResult) -> ToolMessage:
        """A copy of the message with what is left of its content."""
        message = content.message
        update: dict[str, Any] = {"content": content.pruned(result)}  # fields of messages are of many types
        if message.artifact is None and update["content"] != message.content:
            update["artifact"] = message.content
        if self.fields.metadata_key is not None:
            entry = {
                "tokens_before": result.tokens_before,
                "tokens_after": result.tokens_after,
                "passages": [_entry(content.places[passage.index], passage) for passage in result.passages],
            }
            update["response_metadata"] = {**message.response_metadata, self.fields.metadata_key: entry}
        return message.model_copy(update=update)


@dataclass(frozen=True, slots=True)
class _DocumentContent:
    """The content of a result that was written from documents, each of them a passage."""

    message: ToolMessage
    documents: Sequence[Document]
    fields: ToolPruningFields

    @property
    def places(self) -> Sequence[int]:
        """Which document each passage is."""
        return range(len(self.documents))

    @property
    def passages(self) -> list[Passage]:
        return [Passage(document.page_content, self.fields.title_of(document.metadata)) for document in self.documents]

    def pruned(self, result: PruneResult) -> str:
        """The content with what is left of the documents."""
        remaining = [
            self.documents[passage.index].model_copy(update={"page_content": passage.text})
            for passage in result.passages
        ]
        return self.written(remaining) if remaining else NOTHING_LEFT

    def written(self, documents: Sequence[Document]) -> str:
        """The content that `create_retriever_tool` writes from documents."""
        prompt = self.fields.document_prompt
        return self.fields.document_separator.join(format_document(document, prompt) for document in documents)


@dataclass(frozen=True, slots=True)
class _TextContent:
    """Any other content: text, or blocks of which some are text. Each of its texts is a passage."""

    message: ToolMessage

    @property
    def places(self) -> list[int]:
        """Which block each passage is."""
        return [place for place, block in enumerate(self._blocks) if _text_of(block).strip()]

    @property
    def passages(self) -> list[Passage]:
        return [Passage(_text_of(self._blocks[place])) for place in self.places]

    def pruned(self, result: PruneResult) -> str | list[str | dict[Any, Any]]:
        """The content with what is left of its texts; they stay in their order, whatever the policy's."""
        places = self.places
        texts = {places[passage.index]: passage.text for passage in result.passages}
        if not texts:
            # In the place of the first text, so that images around it keep theirs.
            texts = {places[0]: NOTHING_LEFT}
        blocks = [
            _with_text(block, texts[place]) if place in texts else block
            for place, block in enumerate(self._blocks)
            if place in texts or place not in places
        ]
        return texts[0] if isinstance(self.message.content, str) else blocks

    @property
    def _blocks(self) -> list[str | dict[Any, Any]]:
        content = self.message.content
        return [content] if isinstance(content, str) else content


_Content = _DocumentContent | _TextContent


def _document_content(message: ToolMessage, fields: ToolPruningFields) -> _DocumentContent | None:
    """The content as documents, if it was written from those in the artifact exactly as the fields say."""
    documents = message.artifact
    if not isinstance(documents, list) or not all(isinstance(document, Document) for document in documents):
        return None
    given = set(fields.document_prompt.input_variables) - {"page_content"}
    if not documents or not all(given <= document.metadata.keys() for document in documents):
        return None
    content = _DocumentContent(message, documents, fields)
    return content if content.written(documents) == message.content else None


def _text_of(block: str | dict[Any, Any]) -> str:
    """The text of a block; empty when it is something else."""
    if isinstance(block, str):
        return block
    text = block.get("text") if block.get("type") == "text" else None
    return text if isinstance(text, str) else ""


def _with_text(block: str | dict[Any, Any], text: str) -> str | dict[Any, Any]:
    return text if isinstance(block, str) else {**block, "text": text}


# Any: the entry is plain values, ready for JSON; an agent's state is whatever its author made it.
def _entry(place: int, passage: PrunedPassage) -> dict[str, Any]:
    return {"index": place, RELEVANCE_KEY: passage.relevance, **describe(passage)}


def _last_human_text(state: Any) -> str:
    """The text of the last human message in an agent's state; empty when there is none."""
    if isinstance(state, Mapping):
        messages = state.get("messages", ())
    else:
        messages = state if isinstance(state, list) else getattr(state, "messages", ())
    return next((str(message.text) for message in reversed(messages) if isinstance(message, HumanMessage)), "")
