"""Runs in LangChain's traces, and the settings that a call brings along in its configuration."""

from collections.abc import Awaitable, Callable, Mapping
from typing import Any, NamedTuple, TypeVar

from provence_plugins.engine.results import PruneResult
from provence_plugins.errors import InvalidInputError
from provence_plugins.integrations.versions import needs_framework

with needs_framework("langchain"):
    from langchain_core.callbacks import Callbacks, adispatch_custom_event, dispatch_custom_event
    from langchain_core.runnables import RunnableConfig, RunnableLambda, ensure_config
    from langchain_core.runnables.config import get_callback_manager_for_config

PRUNED_EVENT = "context_pruned"
"""Name of the custom event that tells a trace how many tokens there were before and after."""

KEPT_EVENT = "context_kept"
"""Name of the custom event that tells a trace why a text was left as it is."""

CONFIG_KEY = "provence"
"""Key among the configurable values of a call: a dictionary of policy fields for it alone."""

T = TypeVar("T")


class Run(NamedTuple):
    """A run of ours in a trace.

    Attributes:
        name: Its name.
        inputs: What the trace shows as its input.
        facts: What the event says in addition to the query and the numbers of tokens and texts.
        reason: Why nothing is pruned, if nothing is.
    """

    name: str
    # Any: plain values for a trace.
    inputs: dict[str, Any]
    facts: dict[str, Any]
    reason: str = "pruning failed, as the log says"

    def event(self, result: PruneResult | None) -> tuple[str, dict[str, Any]]:
        """Return the name and the content of the event about a result; None keeps all texts."""
        if result is None:
            return KEPT_EVENT, {**self.facts, "reason": self.reason}
        return PRUNED_EVENT, {
            **self.facts,
            "query": result.query,
            "threshold": result.threshold,
            "documents_before": len(result.passages) + len(result.dropped),
            "documents_after": len(result.passages),
            "tokens_before": result.tokens_before,
            "tokens_after": result.tokens_after,
        }


def is_traced(callbacks: Callbacks | None = None) -> bool:
    """Return whether there is a listener: a handler, one of the run around, or a tracer.

    A run costs more than deciding what is kept does, so it is made only then.
    """
    config = ensure_config(None if callbacks is None else RunnableConfig(callbacks=callbacks))
    return bool(get_callback_manager_for_config(config).handlers)


# Any: checked where the values are used.
def changes_of_call(config: RunnableConfig | None = None) -> Mapping[str, Any]:
    """Return the policy fields that a call was configured with, by itself or by the run around it.

    Raises:
        InvalidInputError: The configured value is not a dictionary.
    """
    changes = ensure_config(config).get("configurable", {}).get(CONFIG_KEY, {})
    if not isinstance(changes, Mapping):
        raise InvalidInputError(
            f'config["configurable"]["{CONFIG_KEY}"] must be a dictionary of policy fields such as '
            f'{{"threshold": 0.3}}; got {type(changes).__name__}.'
        )
    return changes


def prune_in_run(
    run: Run,
    prune: Callable[[], PruneResult | None],
    write: Callable[[PruneResult | None], T],
) -> T:
    """Prune and write the result, in a traced run if there is a listener."""
    if not is_traced():
        return write(prune())
    written: list[T] = []

    def work(inputs: dict[str, Any], config: RunnableConfig) -> dict[str, Any]:
        result = prune()
        name, data = run.event(result)
        dispatch_custom_event(name, data, config=config)
        written.append(write(result))
        return data

    RunnableLambda(work, name=run.name).invoke(run.inputs)
    return written[0]


async def aprune_in_run(
    run: Run,
    prune: Callable[[], Awaitable[PruneResult | None]],
    write: Callable[[PruneResult | None], T],
) -> T:
    """Do the same as `prune_in_run` in asyncio."""
    if not is_traced():
        return write(await prune())
    written: list[T] = []

    async def work(inputs: dict[str, Any], config: RunnableConfig) -> dict[str, Any]:
        result = await prune()
        name, data = run.event(result)
        await adispatch_custom_event(name, data, config=config)
        written.append(write(result))
        return data

    await RunnableLambda(work, name=run.name).ainvoke(run.inputs)
    return written[0]
