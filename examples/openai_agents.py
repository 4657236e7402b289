"""An agent of OpenAI's Agents SDK whose tool results are shortened before the model reads them, offline.

pip install "provence-plugins" openai-agents
python examples/openai_agents.py
"""

import asyncio
from dataclasses import replace
from pathlib import Path
from typing import Any

from agents import Agent, Model, ModelResponse, RunConfig, Runner, Usage, function_tool
from agents.run import CallModelData, ModelInputData
from openai.types.responses import ResponseFunctionToolCall, ResponseOutputMessage, ResponseOutputText

from provence_plugins.integrations.messages import prune_messages

QUESTION = "When may the flag be flown at night?"


async def prune_input(call: CallModelData[Any]) -> ModelInputData:
    """Return the model's input with shorter results of tools; the SDK's own history stays complete."""
    pruned: Any = await asyncio.to_thread(prune_messages, call.model_data.input)
    return replace(call.model_data, input=pruned)


class StandIn(Model):
    """Calls the tool once, and then prints what a model would have received. Put any model in its place."""

    async def get_response(self, system_instructions: Any, input: Any, *args: Any, **kwargs: Any) -> ModelResponse:
        outputs = [item["output"] for item in input if item.get("type") == "function_call_output"]
        if not outputs:
            arguments = f'{{"query": "{QUESTION}"}}'
            call = ResponseFunctionToolCall(call_id="1", name="search", arguments=arguments, type="function_call")
            return ModelResponse(output=[call], usage=Usage(), response_id=None)
        print(outputs[0])
        text = ResponseOutputText(text="When it is illuminated.", type="output_text", annotations=[])
        message = ResponseOutputMessage(id="2", content=[text], role="assistant", status="completed", type="message")
        return ModelResponse(output=[message], usage=Usage(), response_id=None)

    def stream_response(self, *args: Any, **kwargs: Any) -> Any:
        raise NotImplementedError("This stand-in does not stream.")


@function_tool
def search(query: str) -> str:
    """Search the guide to the flag."""
    return (Path(__file__).parent / "us_flag.md").read_text(encoding="utf-8")


def main() -> None:
    agent = Agent(name="guide", model=StandIn(), tools=[search])
    config = RunConfig(call_model_input_filter=prune_input, tracing_disabled=True)
    print("--- answer ---\n" + Runner.run_sync(agent, QUESTION, run_config=config).final_output)


if __name__ == "__main__":
    main()
