"""The options that commands share, each written once, in groups that a command takes as one value."""

import inspect
from collections.abc import Callable
from dataclasses import asdict, dataclass, fields, is_dataclass
from functools import wraps
from typing import TYPE_CHECKING, Annotated, Any, get_type_hints

import typer

from provence_plugins.engine.policy import ALL_TIES, Order, PruningPolicy, WhenEmpty
from provence_plugins.model.backends import BackendName
from provence_plugins.text.sentences import SplitterName

if TYPE_CHECKING:
    from provence_plugins.engine.pruner import Pruner


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelOptions:
    """Which model is used, and how it is run; the fields are options of `Pruner`."""

    model: Annotated[str | None, typer.Option(help="Model folder or hub id; left out, the bundled model.")] = None
    revision: Annotated[str | None, typer.Option(help="Branch, tag or commit of a hub id.")] = None
    backend: Annotated[BackendName | None, typer.Option(help="Runtime; left out, what suits.")] = None
    device: Annotated[str | None, typer.Option(help="cpu, cuda, cuda:1, mps; left out, the best there is.")] = None
    dtype: Annotated[str | None, typer.Option(help="int8, float32, bfloat16 or float16.")] = None
    threads: Annotated[int | None, typer.Option(min=1, help="Threads of the runtime.")] = None
    attention: Annotated[str | None, typer.Option(help="How torch computes attention: eager, sdpa, ….")] = None
    compiled: Annotated[bool, typer.Option("--compiled", help="Let torch compile the network.")] = False
    window_tokens: Annotated[int | None, typer.Option(help="Longest window; left out, the model's own.")] = None
    splitter: Annotated[
        SplitterName | None,
        typer.Option(help="How sentences are found; left out, as the model was trained."),
    ] = None

    def open(self) -> "Pruner":
        """Load the model."""
        from provence_plugins.engine.pruner import Pruner

        return Pruner(**asdict(self))


@dataclass(frozen=True, slots=True, kw_only=True)
class PolicyOptions:
    """What stays; the fields are those of `PruningPolicy`."""

    threshold: Annotated[
        float | None, typer.Option(help="Lowest probability that stays, 0 to 1; left out, the model's own.")
    ] = None
    max_tokens: Annotated[int | None, typer.Option(help="Budget of tokens over all passages of a question.")] = None
    top_n: Annotated[int | None, typer.Option(help="How many of the most relevant passages stay.")] = None
    min_relevance: Annotated[
        float | None, typer.Option(help="Drop passages whose relevance is below this, 0 to 1.")
    ] = None
    order: Annotated[Order, typer.Option(help="Order of the passages that stay.")] = "input"
    when_empty: Annotated[WhenEmpty, typer.Option(help="What becomes of a passage of which nothing passes.")] = "drop"
    min_sentences: Annotated[int, typer.Option(help="Fewest sentences of a passage that keeps any.")] = 1
    keep_title: Annotated[bool, typer.Option("--keep-title", help="Keep the first sentence with any other.")] = False
    keep_headings: Annotated[
        bool, typer.Option("--headings/--no-headings", help="Keep the heading that a kept sentence stands under.")
    ] = True
    keep_neighbors: Annotated[
        tuple[int, int], typer.Option(help="Keep so many sentences before and after each chosen sentence.")
    ] = (0, 0)
    pins: Annotated[str | None, typer.Option(help="Always keep sentences that match this regular expression.")] = None
    omission: Annotated[
        str | None, typer.Option(help='Mark where sentences are left out, such as "…" or "[{count} left out]".')
    ] = None
    ties: Annotated[
        str,
        typer.Option(help=f"What else a kept sentence brings along: some of {','.join(ALL_TIES)}, or none."),
    ] = ",".join(ALL_TIES)

    def build(self) -> PruningPolicy:
        """Return the policy itself."""
        names = tuple(name.strip() for name in self.ties.split(",") if name.strip() not in ("", "none"))
        return PruningPolicy(**asdict(self) | {"ties": names})


def spread(command: Callable[..., None]) -> Callable[..., None]:
    """Let a command take a group of options as one value: each field of the group becomes an option of its own."""
    hints = get_type_hints(command, include_extras=True)
    # Any: a class made by `dataclass`, of which mypy knows neither fields nor call.
    groups: dict[str, Any] = {name: kind for name, kind in hints.items() if is_dataclass(kind)}
    parameters: list[inspect.Parameter] = []
    for name, parameter in inspect.signature(command).parameters.items():
        group = inspect.signature(groups[name]).parameters.values() if name in groups else [parameter]
        parameters += (each.replace(kind=inspect.Parameter.KEYWORD_ONLY) for each in group)

    @wraps(command)
    def flat(**values: Any) -> None:
        own = {
            name: kind(**{field.name: values.pop(field.name) for field in fields(kind)})
            for name, kind in groups.items()
        }
        command(**values, **own)

    flat.__dict__["__signature__"] = inspect.Signature(parameters)
    flat.__annotations__ = {each.name: each.annotation for each in parameters}
    return flat
