"""A server of the Model Context Protocol, with which any agent can prune what it reads."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from typing import Annotated, Any, Literal

from provence_plugins import __version__
from provence_plugins.engine.policy import PruningPolicy, check_policy
from provence_plugins.engine.pruner import Pruner
from provence_plugins.errors import InvalidInputError, ProvenceError, needs_extra
from provence_plugins.keywords import check_count, check_instance, check_keywords
from provence_plugins.serving.allowed_files import MAX_TOTAL_BYTES, AllowedFiles
from provence_plugins.serving.bodies import StrictBody
from provence_plugins.serving.faults import describe_faults
from provence_plugins.serving.mcp_replies import (
    OMISSION_MARK,
    Reply,
    describe_original,
    describe_ranking,
    describe_result,
)
from provence_plugins.serving.originals import Originals
from provence_plugins.text.surrogates import without_surrogates
from provence_plugins.thresholds import Threshold
from provence_plugins.types import Passage

with needs_extra("mcp"):
    import anyio.to_thread
    from mcp.server import MCPServer
    from mcp.server.mcpserver.exceptions import ToolError
    from mcp.server.mcpserver.tools import Tool
    from mcp_types import CallToolResult, TextContent, ToolAnnotations
    from pydantic import Field, ValidationError, create_model

RECALL_MEMORY = 16_000_000
"""Default number of characters of originals that are remembered."""

_FACTS_KEY = "provence"

_INSTRUCTIONS = (
    "These tools shorten texts to the sentences that help to answer a question, word for word, "
    "before you read them. Prune whenever a text is longer than about a page and you need only a "
    "part of it; read short texts, code and whatever you must know completely as they are. '[… 12 "
    "omitted]' marks 12 omitted sentences; `recall` returns them."
)
_PRUNE_TEXT = (
    "Return only the sentences of texts that help to answer a query, word for word, with their "
    "headings. Use it on long texts that you already have, such as search results, pages or "
    "transcripts. '[… 12 omitted]' marks 12 omitted sentences; `recall` returns them. A text "
    "without any helpful sentence is dropped."
)
_PRUNE_FILES = (
    "Read text files and return only the sentences that help to answer a query, word for word, "
    "with their headings. Use it instead of reading long files when you look for something in "
    "them. It reads UTF-8 text below {roots}. '[… 12 omitted]' marks 12 omitted sentences; "
    "`recall` returns them. A file without any helpful sentence is dropped."
)
_RERANK = (
    "Order texts by how well they answer a query, the most relevant first, and return the "
    "relevance of each from 0 to 1. Use it to decide which of many texts to read."
)
_RECALL = (
    "Return what prune_text or prune_files left out of a text. Use it when omitted sentences may "
    "matter after all. The id is given above each pruned text and in the list of dropped ones."
)

Query = Annotated[
    str,
    Field(
        description="What you want to know, as a full question or claim that makes sense by itself: 'When may the flag "
        "be flown at night?' rather than 'flag' or 'when may it?'."
    ),
]
Texts = Annotated[list[str], Field(description="The texts; each is judged by itself.", min_length=1)]
AskedThreshold = Annotated[
    Threshold | None,
    Field(
        description="Keep sentences with at least this probability, 0 to 1; lower keeps more. Or a name: 'careful' "
        "keeps more than 'balanced', 'short' keeps less. Leave it out at first."
    ),
]
MaxTokens = Annotated[
    int | None, Field(description="Maximum number of tokens of all texts together; the best sentences are kept.")
]
TopN = Annotated[int | None, Field(description="Keep at most this many texts, the most relevant ones.")]
Title = Annotated[str | None, Field(description="Title of the page that the texts come from, if they have one.")]
Paths = Annotated[
    list[str],
    Field(description="Paths of files, and patterns such as 'docs/**/*.md'; '..' is not allowed.", min_length=1),
]


@check_keywords
def create_mcp_server(
    pruner: Pruner,
    policy: PruningPolicy | None = None,
    *,
    files: AllowedFiles | None = None,
    recall_characters: int = RECALL_MEMORY,
) -> "MCPServer[Any]":
    """Return a server with the tools `prune_text`, `rerank`, `recall` and, if asked, `prune_files`.

    Args:
        pruner: Prunes. With a `SharedScorer` it serves many calls in common batches.
        policy: What is kept where a call does not say it; None takes the pruner's own.
        files: The files that `prune_files` may read; None leaves the tool out.
        recall_characters: How many characters of originals are remembered for `recall`.

    Raises:
        MissingExtraError: mcp is not installed.
        InvalidInputError: An argument has another type, or `recall_characters` is negative.
    """
    check_instance("pruner", pruner, Pruner)
    if policy is not None:
        check_policy(policy)
    if files is not None:
        check_instance("files", files, AllowedFiles)
    check_count("recall_characters", recall_characters, least=0)
    functions = _Tools(pruner, policy or pruner.policy, files, Originals(recall_characters))
    tools = [
        _make_tool(functions.prune_text, "Prune texts", _PRUNE_TEXT),
        _make_tool(functions.rerank, "Rank texts", _RERANK),
        _make_tool(functions.recall, "Recall what was omitted", _RECALL),
    ]
    if files is not None:
        roots = " and ".join(map(repr, map(str, files.roots)))
        tools.insert(1, _make_tool(functions.prune_files, "Prune files", _PRUNE_FILES.format(roots=roots)))
    return MCPServer(
        "provence",
        title="Provence",
        instructions=_INSTRUCTIONS,
        version=__version__,
        log_level="WARNING",
        tools=tools,
    )


class _StrictArguments(StrictBody):
    """The arguments of a tool: mcp alone ignores those that it does not know, and reads true as 1."""

    _noun = "argument"


class _Tool(Tool):
    """A tool that says in one line what is wrong with its arguments."""

    # Any: the types of mcp.
    async def run(self, arguments: dict[str, Any], *args: Any, **kwargs: Any) -> Any:
        """Run the tool.

        Raises:
            ToolError: An argument is wrong, or the tool has failed.
        """
        try:
            return await super().run(arguments, *args, **kwargs)
        except ToolError as error:
            fault = error.__cause__
            if not isinstance(fault, ValidationError):
                raise
            described = without_surrogates(describe_faults(fault.errors(), arguments))
            raise ToolError(f"Error executing tool {self.name}: {described}") from fault


def _make_tool(function: Callable[..., Any], title: str, description: str) -> Tool:
    """Return a tool that reads, and changes nothing."""
    unchanging = ToolAnnotations(
        read_only_hint=True, destructive_hint=False, idempotent_hint=True, open_world_hint=False
    )
    tool = _Tool.from_function(function, title=title, description=description, annotations=unchanging)
    lenient = tool.fn_metadata.arg_model
    strict = create_model(lenient.__name__, __base__=(_StrictArguments, lenient))
    metadata = tool.fn_metadata.model_copy(update={"arg_model": strict})
    return tool.model_copy(update={"fn_metadata": metadata, "parameters": strict.model_json_schema(by_alias=True)})


class _Tools:
    """The tools; each argument is described where its type is declared."""

    def __init__(
        self,
        pruner: Pruner,
        policy: PruningPolicy,
        files: AllowedFiles | None,
        originals: Originals,
    ) -> None:
        self._pruner = pruner
        self._policy = policy if policy.omission is not None else replace(policy, omission=OMISSION_MARK)
        self._files = files
        self._originals = originals

    async def prune_text(
        self,
        query: Query,
        texts: Texts,
        title: Title = None,
        threshold: AskedThreshold = None,
        max_tokens: MaxTokens = None,
        top_n: TopN = None,
    ) -> CallToolResult:
        with _tell_errors():
            _check_size(texts)
            policy = self._choose(threshold, max_tokens, top_n)
            names = [f"text {number}" for number in range(len(texts))]
            return await self._prune(query, [Passage(text, title) for text in texts], policy, names)

    async def prune_files(
        self,
        query: Query,
        paths: Paths,
        threshold: AskedThreshold = None,
        max_tokens: MaxTokens = None,
        top_n: TopN = None,
    ) -> CallToolResult:
        with _tell_errors():
            assert self._files is not None  # the tool exists only with them
            policy = self._choose(threshold, max_tokens, top_n)
            read = await anyio.to_thread.run_sync(self._files.read, paths)
            if not read.files:
                raise InvalidInputError(f"None of the files could be read. {'; '.join(read.skipped)}.")
            passages = [Passage(file.text) for file in read.files]
            return await self._prune(query, passages, policy, [file.name for file in read.files], read.skipped)

    async def rerank(
        self,
        query: Query,
        texts: Texts,
        title: Title = None,
        top_n: TopN = None,
    ) -> CallToolResult:
        with _tell_errors():
            _check_size(texts)
            passages = [Passage(text, title) for text in texts]
            ranking = await anyio.to_thread.run_sync(self._pruner.rerank, query, passages, top_n)
            return _answer(describe_ranking(ranking))

    async def recall(
        self,
        id: Annotated[str, Field(description="The recall id.")],
        part: Annotated[
            Literal["omitted", "whole"], Field(description="The omitted sentences only, or the whole text.")
        ] = "omitted",
        start: Annotated[int, Field(description="First character to return, for the rest of a long text.", ge=0)] = 0,
    ) -> CallToolResult:
        with _tell_errors():
            original = self._originals.find(id)
            if original is None:
                raise InvalidInputError(
                    f"There is no text with the id {id!r}. Use an id from an earlier result; only "
                    f"the texts of the last calls are remembered, so an older one has to be pruned "
                    f"again."
                )
            return _answer(describe_original(original, whole=part == "whole", start=start))

    async def _prune(
        self,
        query: str,
        passages: Sequence[Passage],
        policy: PruningPolicy,
        names: Sequence[str],
        skipped: Sequence[str] = (),
    ) -> CallToolResult:
        result = await self._pruner.aprune(query, passages, policy)
        in_input_order = sorted((*result.passages, *result.dropped), key=lambda passage: passage.index)
        call = self._originals.add(in_input_order)
        return _answer(describe_result(result, names, call, skipped))

    def _choose(
        self,
        threshold: Threshold | None,
        max_tokens: int | None,
        top_n: int | None,
    ) -> PruningPolicy:
        """Return the server's policy with what a call asks for."""
        # Any: values of several types.
        asked: dict[str, Any] = {"threshold": threshold, "max_tokens": max_tokens, "top_n": top_n}
        return replace(self._policy, **{name: value for name, value in asked.items() if value is not None})


def _check_size(texts: Sequence[str]) -> None:
    characters = sum(len(text) for text in texts)
    if characters > MAX_TOTAL_BYTES:
        raise InvalidInputError(
            f"texts have {characters} characters together; at most {MAX_TOTAL_BYTES} are allowed. Pass fewer at a time."
        )


@contextmanager
def _tell_errors() -> Iterator[None]:
    """Turn errors of this package into messages for the model, and hide those of others."""
    try:
        yield
    except ProvenceError as error:
        raise ToolError(without_surrogates(str(error))) from error


def _answer(reply: Reply) -> CallToolResult:
    content: list[Any] = [TextContent(type="text", text=without_surrogates(block)) for block in reply.blocks]
    return CallToolResult(content=content, _meta={_FACTS_KEY: reply.facts})
