"""A pydantic-ai agent whose tool results are shortened before the model reads them, offline.

pip install "provence-plugins" pydantic-ai-slim
python examples/pydantic_ai_agent.py
"""

from dataclasses import replace
from pathlib import Path

from pydantic_ai import Agent
from pydantic_ai.capabilities import ProcessHistory
from pydantic_ai.messages import (
    ModelMessage,
    ModelRequest,
    ModelResponse,
    TextPart,
    ToolCallPart,
    ToolReturnPart,
)
from pydantic_ai.models.function import AgentInfo, FunctionModel

from provence_plugins.integrations.messages import prune_messages

QUESTION = "When may the flag be flown at night?"


def prune_history(messages: list[ModelMessage]) -> list[ModelMessage]:
    """Return the history with shorter results of tools; one that was shortened before comes out the same."""
    calls = {
        part.tool_call_id: part
        for message in messages
        if isinstance(message, ModelResponse)
        for part in message.parts
        if isinstance(part, ToolCallPart)
    }
    return [prune_request(message, calls) if isinstance(message, ModelRequest) else message for message in messages]


def prune_request(request: ModelRequest, calls: dict[str, ToolCallPart]) -> ModelRequest:
    parts = [
        shorten(part, calls[part.tool_call_id])
        if isinstance(part, ToolReturnPart) and part.tool_call_id in calls
        else part
        for part in request.parts
    ]
    return replace(request, parts=parts)


def shorten(result: ToolReturnPart, call: ToolCallPart) -> ToolReturnPart:
    function = {"name": call.tool_name, "arguments": call.args_as_json_str()}
    conversation = [
        {"role": "assistant", "tool_calls": [{"id": "1", "type": "function", "function": function}]},
        {"role": "tool", "tool_call_id": "1", "content": result.model_response_str()},
    ]
    return replace(result, content=prune_messages(conversation)[-1]["content"])


def stand_in(messages: list[ModelMessage], info: AgentInfo) -> ModelResponse:
    """Call the tool once, and then print what a model would have received. Put any model in its place."""
    last = messages[-1].parts[-1]
    if not isinstance(last, ToolReturnPart):
        return ModelResponse(parts=[ToolCallPart("search", {"query": QUESTION})])
    print(last.content)
    return ModelResponse(parts=[TextPart("When it is illuminated.")])


def search(query: str) -> str:
    """Search the guide to the flag."""
    return (Path(__file__).parent / "us_flag.md").read_text(encoding="utf-8")


def main() -> None:
    agent = Agent(FunctionModel(stand_in), tools=[search], capabilities=[ProcessHistory(prune_history)])
    print("--- answer ---\n" + agent.run_sync(QUESTION).output)


if __name__ == "__main__":
    main()
