import copy
import json
from collections.abc import Sequence
from typing import Any

import pytest

from provence_plugins import Pruner, PruningPolicy
from provence_plugins.errors import InvalidInputError
from provence_plugins.integrations.messages import prune_messages
from provence_plugins.testing import FailingBackend

QUERY = "castle towers"
TEXT = "The castle has nine towers. Sheep graze on the meadow."
PRUNED = "The castle has nine towers. "
SHEEP = "Sheep graze on the meadow."
POLICY = PruningPolicy(threshold=0.2, when_empty="keep_one")

# Any, here and below: messages as their providers define them.
Messages = list[dict[str, Any]]


def chat_completions(content: Any, arguments: dict[str, Any], tool: str) -> Messages:
    function = {"name": tool, "arguments": json.dumps(arguments)}
    return [
        {"role": "user", "content": "Where do the sheep graze?"},
        {"role": "assistant", "tool_calls": [{"id": "1", "type": "function", "function": function}]},
        {"role": "tool", "tool_call_id": "1", "content": content},
    ]


def responses(content: Any, arguments: dict[str, Any], tool: str) -> Messages:
    return [
        {"role": "user", "content": [{"type": "input_text", "text": "Where do the sheep graze?"}]},
        {"type": "function_call", "call_id": "1", "name": tool, "arguments": json.dumps(arguments)},
        {"type": "function_call_output", "call_id": "1", "output": content},
    ]


def anthropic(content: Any, arguments: dict[str, Any], tool: str) -> Messages:
    result = {"type": "tool_result", "tool_use_id": "1", "content": content}
    return [
        {"role": "user", "content": "Where do the sheep graze?"},
        {"role": "assistant", "content": [{"type": "tool_use", "id": "1", "name": tool, "input": arguments}]},
        {"role": "user", "content": [result]},
    ]


@pytest.fixture(params=[chat_completions, responses, anthropic], ids=lambda shape: shape.__name__)
def shape(request: pytest.FixtureRequest) -> Any:
    return request.param


def result_of(messages: Messages) -> Any:
    last = messages[-1]
    if "output" in last:
        return last["output"]
    return last["content"][0]["content"] if last["role"] == "user" else last["content"]


# Any: options of `prune_messages`.
def prune(words: Pruner, messages: Messages, query: Any = None, **options: Any) -> Messages:
    before = copy.deepcopy(messages)
    pruned = prune_messages(messages, query, **{"pruner": words, "policy": POLICY, "min_tokens": 0, **options})
    assert messages == before
    assert pruned[:-1] == before[:-1]
    return pruned


def test_a_result_is_pruned_to_the_query_of_its_own_call(words: Pruner, shape: Any) -> None:
    assert result_of(prune(words, shape(TEXT, {"query": QUERY}, "search"))) == PRUNED


def test_blocks_of_a_result_are_pruned(words: Pruner, shape: Any) -> None:
    image = {"type": "image", "source": {"type": "base64", "data": "AAAA"}}
    pruned = prune(words, shape([{"type": "text", "text": TEXT}, image], {"query": QUERY}, "search"))
    assert result_of(pruned) == [{"type": "text", "text": PRUNED}, image]


def test_a_block_that_is_left_out_leaves_its_cache_breakpoint(words: Pruner) -> None:
    cache = {"cache_control": {"type": "ephemeral"}}
    texts = [
        {"type": "text", "text": TEXT},
        {"type": "text", "text": "Goats climb on the rocks. Rain falls on the roof.", **cache},
    ]
    pruned = prune(words, anthropic(texts, {"query": QUERY}, "search"))
    assert result_of(pruned) == [{"type": "text", "text": PRUNED, **cache}]


def test_without_a_query_in_the_call_the_user_asks(words: Pruner, shape: Any) -> None:
    assert result_of(prune(words, shape(TEXT, {"page": 3}, "search"))) == "Sheep graze on the meadow."


def test_a_given_query_is_the_one_that_counts(words: Pruner, shape: Any) -> None:
    messages = shape(TEXT, {"query": "sheep graze"}, "search")
    assert result_of(prune(words, messages, QUERY)) == PRUNED
    assert result_of(prune(words, messages, ["castle", "towers"])) == PRUNED


@pytest.mark.parametrize(
    ("tool", "options"),
    [
        ("read_file", {}),
        ("search", {"exclude_tools": ["search"]}),
        ("search", {"tools": ["browse"]}),
        ("search", {"min_tokens": 100}),
    ],
    ids=["file", "excluded", "not named", "short"],
)
def test_what_must_stay_stays(words: Pruner, shape: Any, tool: str, options: dict[str, Any]) -> None:
    messages = shape(TEXT, {"query": QUERY}, tool)
    assert prune(words, messages, **options) == messages


def test_pruning_a_longer_conversation_changes_nothing_that_was_sent(words: Pruner, shape: Any) -> None:
    messages = shape(TEXT, {"query": QUERY}, "search")
    longer = [*messages, {"role": "assistant", "content": "Nine."}, {"role": "user", "content": "And sheep?"}]
    assert prune_messages(longer, pruner=words, policy=POLICY, min_tokens=0)[:3] == prune(words, messages)


def test_json_results_stay_json(words: Pruner, shape: Any) -> None:
    long = f"{TEXT} They are white and they are many, as anybody can see from the road."
    pruned = prune(
        words, shape(json.dumps({"url": "https://example.org", "content": long}), {"query": QUERY}, "search")
    )
    assert json.loads(result_of(pruned)) == {"url": "https://example.org", "content": PRUNED}


def test_a_failure_of_the_engine_keeps_everything(shape: Any, caplog: pytest.LogCaptureFixture) -> None:
    messages = shape(TEXT, {"query": QUERY}, "search")
    with Pruner(backend=FailingBackend()) as pruner:
        assert prune_messages(messages, pruner=pruner, min_tokens=0) == messages
    assert "all messages are kept" in caplog.text


@pytest.mark.parametrize(
    "messages",
    [
        [],
        [{"role": "user", "content": TEXT}],
        [{"role": "system", "content": TEXT}, {"role": "assistant", "content": None}],
        [{"role": "tool", "content": None}],
        [{"role": "assistant", "tool_calls": [{"id": "1", "function": {"name": "search", "arguments": "{not"}}]}],
        [{"role": "user", "content": [{"type": "tool_result", "content": TEXT, "is_error": True}]}],
    ],
    ids=["none", "user", "no content", "empty result", "bad arguments", "error"],
)
def test_other_messages_stay(words: Pruner, messages: Messages) -> None:
    assert prune_messages(messages, pruner=words, policy=POLICY, min_tokens=0) == messages


def test_the_bundled_model_is_used_by_default() -> None:
    text = (
        "Mercury is the planet nearest to the Sun. A year on Mercury lasts 88 Earth days. " + "Knead the dough. " * 40
    )
    [message] = prune_messages([{"role": "tool", "content": text}], "How long is a year on Mercury?")
    assert "88 Earth days" in message["content"]
    assert len(message["content"]) < len(text) / 2


@pytest.mark.parametrize(
    "messages", [None, 3, "text", {"role": "user"}, iter([])], ids=lambda value: type(value).__name__
)
def test_what_is_not_a_list_of_messages_is_refused(words: Pruner, messages: Any) -> None:
    with pytest.raises(InvalidInputError, match="messages must be a list of dictionaries; got"):
        prune_messages(messages, pruner=words)


@pytest.mark.parametrize("message", [None, "text", ["role"], object()], ids=lambda value: type(value).__name__)
def test_a_message_that_is_not_a_dictionary_is_refused_by_its_number(words: Pruner, message: Any) -> None:
    with pytest.raises(InvalidInputError, match="Message 1 must be a dictionary"):
        prune_messages([{"role": "user", "content": ""}, message], pruner=words)


@pytest.mark.parametrize(
    "options",
    [
        {"query": 3},
        {"query": [3]},
        {"policy": {}},
        {"tools": "search"},
        {"tools": 3},
        {"exclude_tools": [None]},
        {"min_tokens": "5"},
        {"min_tokens": -1},
        {"pruner": 3},
    ],
    ids=str,
)
def test_an_option_of_another_type_is_refused_by_name(words: Pruner, options: dict[str, Any]) -> None:
    [name] = options
    with pytest.raises(InvalidInputError, match=f"{name}.* must be "):
        prune_messages([], **{"pruner": words, **options})


def test_an_unknown_option_is_refused(words: Pruner) -> None:
    with pytest.raises(InvalidInputError, match="Did you mean 'tools'"):
        prune_messages([], pruner=words, tool=["search"])  # type: ignore[call-arg]


@pytest.mark.parametrize(
    "broken",
    [
        {"role": "assistant", "tool_calls": 3},
        {"role": "assistant", "tool_calls": [None, {"id": ["1"], "function": {}}, {"id": "1", "function": 3}]},
        {"type": "function_call", "call_id": {}, "name": [], "arguments": 3},
        {"role": "assistant", "content": [{"type": "tool_use", "id": [], "name": {}, "input": []}]},
        {"role": "tool", "tool_call_id": [], "content": {}},
        {"type": "function_call_output", "call_id": {}, "output": 3},
        {"role": "user", "content": [3, {"type": "tool_result", "tool_use_id": {}, "content": None}]},
    ],
    ids=str,
)
def test_a_message_with_values_of_other_types_is_kept_and_the_others_are_pruned(
    words: Pruner, shape: Any, broken: dict[str, Any]
) -> None:
    messages = [broken, *shape(TEXT, {"query": QUERY}, "search")]
    pruned = prune(words, messages)
    assert pruned[0] == broken
    assert result_of(pruned) == PRUNED


def call(tool: str, query: str, **ids: str) -> dict[str, Any]:
    return {**ids, "function": {"name": tool, "arguments": {"query": query}}}


def turn(*calls: dict[str, Any], results: Sequence[dict[str, Any]]) -> Messages:
    """Return what a model calls and what it is told, in the shape of Ollama."""
    return [
        {"role": "assistant", "content": "", "tool_calls": list(calls)},
        *({"role": "tool", "content": TEXT, **result} for result in results),
    ]


def contents(words: Pruner, messages: Messages) -> list[Any]:
    pruned = prune_messages(messages, pruner=words, policy=POLICY, min_tokens=0)
    return [message["content"] for message in pruned if message["role"] == "tool"]


NAMED = pytest.mark.parametrize("key", ["tool_name", "name"])


@NAMED
def test_a_result_without_an_id_answers_the_call_of_its_tool(words: Pruner, key: str) -> None:
    calls = [call("read_file", "sheep graze"), call("search", QUERY), call("browse", "sheep graze")]
    results = [{key: "read_file"}, {key: "browse"}, {key: "search"}]
    assert contents(words, turn(*calls, results=results)) == [TEXT, SHEEP, PRUNED]


@NAMED
def test_results_of_one_tool_without_ids_answer_its_calls_in_order(words: Pruner, key: str) -> None:
    calls = [call("search", QUERY), call("search", "sheep graze")]
    assert contents(words, turn(*calls, results=[{key: "search"}, {key: "search"}])) == [PRUNED, SHEEP]


def test_results_that_name_nothing_answer_the_calls_in_order(words: Pruner) -> None:
    calls = [call("read_file", QUERY), call("search", "sheep graze"), call("search", QUERY)]
    assert contents(words, turn(*calls, results=[{}, {}, {}])) == [TEXT, SHEEP, PRUNED]


def test_a_call_that_a_result_with_an_id_answers_is_not_answered_twice(words: Pruner) -> None:
    calls = [call("search", QUERY, id="1"), call("search", "sheep graze", id="2")]
    assert contents(words, turn(*calls, results=[{"tool_call_id": "1"}, {"tool_name": "search"}])) == [PRUNED, SHEEP]


def test_a_failed_result_answers_its_call(words: Pruner) -> None:
    calls = [{"type": "tool_use", "name": "search", "input": {"query": query}} for query in ("sheep graze", QUERY)]
    results = [{"type": "tool_result", "content": TEXT, **other} for other in ({"is_error": True}, {})]
    messages = [{"role": "assistant", "content": calls}, {"role": "user", "content": results}]
    failed, found = prune(words, messages)[1]["content"]
    assert (failed["content"], found["content"]) == (TEXT, PRUNED)


def test_calls_of_an_earlier_message_are_not_answered_later(words: Pruner) -> None:
    messages = [*turn(call("search", "sheep graze"), results=[]), {"role": "user", "content": "Go on."}]
    assert contents(words, [*messages, *turn(call("search", QUERY), results=[{}])]) == [PRUNED]


def test_calls_in_successive_messages_are_answered_in_order(words: Pruner) -> None:
    calls = [*turn(call("search", QUERY), results=[]), *turn(call("search", "sheep graze"), results=[{}, {}])]
    assert contents(words, calls) == [PRUNED, SHEEP]


@NAMED
@pytest.mark.parametrize("id", [{}, {"tool_call_id": "1"}], ids=["without id", "with id"])
def test_a_result_whose_call_is_cut_off_belongs_to_the_tool_that_it_names(
    words: Pruner, key: str, id: dict[str, str]
) -> None:
    messages = [{"role": "user", "content": QUERY}, *turn(results=[{key: "read_file", **id}, {key: "search", **id}])]
    assert contents(words, messages) == [TEXT, PRUNED]


def test_ids_that_are_not_text_are_no_ids(words: Pruner) -> None:
    calls: Any = [call("search", QUERY), call("search", "sheep graze")]
    results: Any = [{"tool_call_id": None}, {"tool_call_id": 7}]
    assert contents(words, turn(*({**each, "id": None} for each in calls), results=results)) == [PRUNED, SHEEP]


def test_records_under_a_short_line_are_pruned(words: Pruner, shape: Any) -> None:
    content = f"Document 1:\nContent: {TEXT}\n\nDocument 2:\nContent: Sheep graze on the meadow."
    pruned = prune(words, shape(content, {"query": QUERY}, "search"))
    assert result_of(pruned) == f"Document 1:\nContent: {PRUNED}"


def test_a_result_that_its_tool_keeps_is_not_taken_apart(words: Pruner, caplog: pytest.LogCaptureFixture) -> None:
    numbers = json.dumps({"numbers": list(range(200))})  # taken apart, it would hold no text
    with caplog.at_level("DEBUG"):
        prune(words, chat_completions(numbers, {"query": QUERY}, "read_file"), min_tokens=100)
        prune(words, chat_completions(numbers, {"query": QUERY}, "search"), min_tokens=100)
    assert "'read_file' is kept as it is: results of this tool must be complete" in caplog.text
    assert "'search' is kept as it is: it holds no text to prune" in caplog.text


def test_arguments_that_no_parser_can_read_are_no_arguments(words: Pruner) -> None:
    messages = chat_completions(TEXT, {}, "search")
    messages[1]["tool_calls"][0]["function"]["arguments"] = "[" * 100_000
    assert result_of(prune(words, messages)) == "Sheep graze on the meadow."


def nested(depth: int) -> Any:
    """Return a content that is too deep to be read."""
    content: Any = TEXT
    for _ in range(depth):
        content = [content]
    return content


def test_a_result_that_cannot_be_read_keeps_everything(words: Pruner, caplog: pytest.LogCaptureFixture) -> None:
    messages = chat_completions(nested(5_000), {"query": QUERY}, "search")
    [*_, result] = prune_messages(messages, pruner=words, policy=POLICY, min_tokens=0)
    assert result["content"] is messages[-1]["content"]
    assert "all messages are kept" in caplog.text
