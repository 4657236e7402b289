"""A hook of LiteLLM that shortens the results of tools in every request, in the proxy and in the library; offline.

pip install "provence-plugins" litellm
python examples/litellm_hook.py

In the proxy, name the object in the configuration: litellm_settings: {callbacks: litellm_hook.hook}
"""

import asyncio
import json
from pathlib import Path
from typing import Any

import litellm
from litellm.integrations.custom_logger import CustomLogger

from provence_plugins.integrations.messages import prune_messages

QUESTION = "When may the flag be flown at night?"


class PruneToolResults(CustomLogger):
    """Shortens the results of tools before a request is sent."""

    async def async_pre_call_hook(self, user_api_key_dict: Any, cache: Any, data: dict, call_type: Any) -> dict:
        """Shorten the messages of a request in the proxy."""
        return await self._pruned(data)

    async def async_pre_call_deployment_hook(self, kwargs: Any, call_type: Any) -> dict:
        """Shorten the messages of a request in the library, in `acompletion`."""
        return await self._pruned(kwargs)

    async def _pruned(self, request: Any) -> dict:
        if "messages" not in request:
            return dict(request)
        return {**request, "messages": await asyncio.to_thread(prune_messages, request["messages"])}


hook = PruneToolResults()


class StandIn(litellm.CustomLLM):
    """Prints what a model would have received. Put any model in its place."""

    async def acompletion(self, *args: Any, **kwargs: Any) -> litellm.ModelResponse:
        print(kwargs["messages"][-1]["content"])
        choice = {"index": 0, "finish_reason": "stop", "message": {"role": "assistant", "content": "When illuminated."}}
        return litellm.ModelResponse(choices=[choice], model="stand-in")


def conversation() -> list[dict[str, Any]]:
    guide = (Path(__file__).parent / "us_flag.md").read_text(encoding="utf-8")
    call = {"name": "search", "arguments": json.dumps({"query": QUESTION})}
    return [
        {"role": "user", "content": QUESTION},
        {"role": "assistant", "content": "", "tool_calls": [{"id": "1", "type": "function", "function": call}]},
        {"role": "tool", "tool_call_id": "1", "content": guide},
    ]


def main() -> None:
    litellm.custom_provider_map = [{"provider": "stand-in", "custom_handler": StandIn()}]
    litellm.callbacks = [hook]
    answer = asyncio.run(litellm.acompletion(model="stand-in/any", messages=conversation()))
    print("--- answer ---\n" + answer.choices[0].message.content)


if __name__ == "__main__":
    main()
