"""The options that commands share, each written once, in groups that commands take as values."""

import inspect
from collections.abc import Callable, Collection, Sequence
from dataclasses import asdict, dataclass, fields, is_dataclass
from functools import wraps
from typing import TYPE_CHECKING, Annotated, Any, get_type_hints

import typer

from provence_plugins.cli.streams import report
from provence_plugins.engine.policy import ALL_TIES, Deduplicate, Order, PruningPolicy, WhenEmpty
from provence_plugins.errors import InvalidInputError
from provence_plugins.model.backends import BackendName
from provence_plugins.model.folder import expand_home
from provence_plugins.text.sentences import SplitterName
from provence_plugins.thresholds import THRESHOLD_NAMES

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

    from provence_plugins.engine.pruner import Pruner
    from provence_plugins.engine.scoring import ScorerFactory
    from provence_plugins.model.checkpoint import Checkpoint


MODEL_HELP = "Model folder, name of an installed model, or Hugging Face repo id"

_NAMES = ", ".join(THRESHOLD_NAMES[:-1]) + f" or {THRESHOLD_NAMES[-1]}"


@dataclass(frozen=True, slots=True, kw_only=True)
class RunOptions:
    """How a model is run; the fields are keywords of `Pruner`."""

    backend: Annotated[
        BackendName | None,
        typer.Option(help="Inference backend.", show_default="onnx if the model has an ONNX file, else torch"),
    ] = None
    device: Annotated[
        str | None,
        typer.Option(help="Device, such as cpu, cuda, cuda:1 or mps.", show_default="the best that the backend finds"),
    ] = None
    dtype: Annotated[
        str | None,
        typer.Option(
            help="Precision of the weights: int8, float32, bfloat16 or float16.", show_default="the backend's choice"
        ),
    ] = None
    threads: Annotated[
        int | None,
        typer.Option(min=1, help="Number of threads of the backend.", show_default="one for each processor"),
    ] = None
    attention: Annotated[
        str | None,
        typer.Option(
            help="Attention implementation of torch: eager, sdpa or flash_attention_2.",
            show_default="the encoder's choice",
        ),
    ] = None
    compiled: Annotated[bool, typer.Option("--compiled", help="Compile the network with torch.")] = False
    window_tokens: Annotated[
        int | None,
        typer.Option(help="Maximum number of tokens of a window, the query included.", show_default="the model's own"),
    ] = None
    comparison: Annotated[
        float | None,
        typer.Option(
            help="How much a better sentence of the same passage counts against a sentence, 0 to 10.",
            show_default="the model's own",
        ),
    ] = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelOptions(RunOptions):
    """Which model is used, and how it is run; the fields are keywords of `Pruner`."""

    model: Annotated[
        str | None,
        typer.Option(help=f"{MODEL_HELP}.", show_default="the bundled model"),
    ] = None
    revision: Annotated[
        str | None, typer.Option(help="Branch, tag or commit of the repo.", show_default="its main branch")
    ] = None
    splitter: Annotated[
        SplitterName | None,
        typer.Option(help="Sentence splitter.", show_default="the one that the model was trained with"),
    ] = None
    language: Annotated[
        str, typer.Option(help="Language of the sentence splitter: an ISO 639 code, or auto to detect it in each text.")
    ] = "auto"

    def open(self, scorer: "ScorerFactory | None" = None) -> "Pruner":
        """Load the model.

        Args:
            scorer: See `Pruner`.
        """
        from provence_plugins.engine.pruner import Pruner

        return Pruner(**asdict(self), scorer=scorer)


@dataclass(frozen=True, slots=True, kw_only=True)
class PolicyOptions:
    """What is kept; the fields are those of `PruningPolicy`, and old spellings of them."""

    threshold: Annotated[
        str | None,
        typer.Option(
            metavar="NUMBER|NAME",
            help=f"Keep sentences with at least this probability, 0 to 1, or {_NAMES}.",
            show_default="the model's own",
        ),
    ] = None
    max_tokens: Annotated[
        int | None,
        typer.Option(help="Maximum number of tokens of all passages together.", show_default="no limit"),
    ] = None
    top_n: Annotated[
        int | None,
        typer.Option(help="Keep at most this many passages, the most relevant ones.", show_default="all"),
    ] = None
    min_relevance: Annotated[
        float | None, typer.Option(help="Drop passages whose relevance is below this, 0 to 1.", show_default="none")
    ] = None
    order: Annotated[Order, typer.Option(help="Order of the passages in the output.")] = "input"
    when_empty: Annotated[
        WhenEmpty,
        typer.Option(help="What to do with a passage when none of its sentences reaches the threshold."),
    ] = "drop"
    min_sentences: Annotated[
        int, typer.Option(help="Keep at least this many sentences of each passage that is kept.")
    ] = 1
    keep_title: Annotated[
        bool, typer.Option("--keep-title/--no-keep-title", help="Keep the first sentence of each passage that is kept.")
    ] = False
    keep_headings: Annotated[
        bool, typer.Option("--keep-headings/--no-keep-headings", help="Keep the headings above each kept sentence.")
    ] = True
    keep_neighbors: Annotated[
        tuple[int, int], typer.Option(help="Keep this many sentences before and after each chosen sentence.")
    ] = (0, 0)
    pins: Annotated[
        str | None,
        typer.Option(help="Always keep sentences that match this regular expression.", show_default="none"),
    ] = None
    omission: Annotated[
        str | None,
        typer.Option(
            help='Text that marks where sentences are left out, for example "…" or "[{count} left out]".',
            show_default="no mark",
        ),
    ] = None
    ties: Annotated[
        str,
        typer.Option(help=f"What else is kept with a sentence: some of {', '.join(ALL_TIES)}, or none."),
    ] = ",".join(ALL_TIES)
    token_counter: Annotated[
        str | None,
        typer.Option(
            help="What --max-tokens counts: characters, words, a tiktoken encoding, or the path of a tokenizer.json.",
            show_default="tokens of the pruning model",
        ),
    ] = None
    deduplicate: Annotated[
        Deduplicate | None,
        typer.Option(help="Drop sentences that only repeat a kept one of another passage.", show_default="none"),
    ] = None
    passage_comparison: Annotated[
        float | None,
        typer.Option(
            help="How much a surer passage counts against the sentences of a passage, 0 to 10.",
            show_default="the model's own, 0 with a number as threshold",
        ),
    ] = None
    headings: Annotated[bool | None, typer.Option("--headings/--no-headings", hidden=True)] = None

    def build(self) -> PruningPolicy:
        """Return the policy itself.

        Raises:
            InvalidInputError: A value is out of its range.
        """
        values = asdict(self)
        old = values.pop("headings")
        if old is not None:
            prefix = "" if old else "no-"
            report(f"--{prefix}headings is deprecated. Use --{prefix}keep-headings.")
            values["keep_headings"] = old
        values["threshold"] = read_threshold(self.threshold)
        names = [name.strip() for name in self.ties.split(",")]
        values["ties"] = tuple(name for name in names if name not in ("", "none"))
        return PruningPolicy(**values)


def require_own_folder(checkpoint: "Checkpoint", given: str, advice: str) -> None:
    """Refuse to write into a model that is not a folder, such as an installed or bundled one.

    Args:
        checkpoint: The opened model.
        given: What the user called it.
        advice: What to do instead, a sentence.

    Raises:
        InvalidInputError: The model was not given as a folder.
    """
    if checkpoint.folder != expand_home(given):
        raise InvalidInputError(
            f"{given!r} is an installed, published or bundled model, whose files are not changed. {advice}"
        )


def require_opener(group: "DataclassInstance", opener: str, names: Collection[str] | None = None) -> None:
    """Refuse options that have no effect without another option of their group.

    Args:
        group: The values of a group of options.
        opener: Name of the field without which the others are not used.
        names: Names of these others; None for all fields of the group.

    Raises:
        typer.BadParameter: The opener is None or False, and one of the others is not at its
            default.
    """
    given = [name for name in _given(group) if names is None or name in names]
    if not getattr(group, opener) and given:
        raise typer.BadParameter(f"{_list_flags(given)} can be used only with {flag(opener)}.")


def refuse_options(group: "DataclassInstance", names: Collection[str], mode: str) -> None:
    """Refuse options that one mode of a command does not use.

    Args:
        group: The values of a group of options.
        names: Names of the fields that are not used.
        mode: The option that turns the mode on, such as "--llm".

    Raises:
        typer.BadParameter: One of the fields is not at its default.
    """
    given = [name for name in _given(group) if name in names]
    if given:
        raise typer.BadParameter(f"{_list_flags(given)} cannot be used with {mode}.")


def _given(group: "DataclassInstance") -> list[str]:
    return [field.name for field in fields(group) if getattr(group, field.name) != field.default]


def _list_flags(names: Sequence[str]) -> str:
    return " and ".join(map(flag, names))


def flag(name: str) -> str:
    """Return the option of a field of a group: "--max-tokens" for "max_tokens"."""
    return f"--{name.replace('_', '-')}"


# Any: a number, or a text that the policy judges.
def read_threshold(given: str | None) -> Any:
    """Return the number that a text holds, or the text, which may be the name of a threshold."""
    if given is None:
        return None
    try:
        return float(given)
    except ValueError:
        return given


def flatten_options(command: Callable[..., None]) -> Callable[..., None]:
    """Turn a command with groups of options into one that takes each option alone, as Typer does.

    `def prune(query: Query, policy: PolicyOptions)` becomes a function with the parameters `query`,
    `threshold`, `max_tokens`, …, one for each field of `PolicyOptions`. When it is called, it
    builds the groups from the values and calls `prune`. A command without groups keeps its
    parameters.

    Args:
        command: A function; each parameter that is annotated with a dataclass is a group of
            options.
    """
    hints = get_type_hints(command, include_extras=True)
    # Any: a class made by `dataclass`, of which mypy knows neither fields nor call.
    groups: dict[str, Any] = {name: kind for name, kind in hints.items() if is_dataclass(kind)}
    parameters: list[inspect.Parameter] = []
    for name, parameter in inspect.signature(command).parameters.items():
        if name in groups:
            parameters += inspect.signature(groups[name]).parameters.values()
        else:
            parameters.append(parameter.replace(annotation=hints[name]))
    # Options with and without defaults may come in any order if all are given by name.
    parameters = [parameter.replace(kind=inspect.Parameter.KEYWORD_ONLY) for parameter in parameters]

    @wraps(command)
    def flat(**values: Any) -> None:
        built = {}
        for name, kind in groups.items():
            of_group = {field.name: values.pop(field.name) for field in fields(kind)}
            built[name] = kind(**of_group)
        command(**values, **built)

    # Typer reads the parameters from these two.
    flat.__dict__["__signature__"] = inspect.Signature(parameters)
    flat.__annotations__ = {parameter.name: parameter.annotation for parameter in parameters}
    return flat
