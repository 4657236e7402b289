"""The options of a pruner, and the model that they open."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from numbers import Integral, Real
from os import PathLike
from pathlib import Path
from typing import TypedDict

from provence_plugins.engine.direct_scorer import DirectScorer
from provence_plugins.engine.policy import PruningPolicy, check_policy
from provence_plugins.engine.scoring import BatchedModel, Scorer, ScorerFactory
from provence_plugins.errors import InvalidInputError
from provence_plugins.keywords import check_switch, show_value
from provence_plugins.model.backend import Backend, BackendOptions, load_backend
from provence_plugins.model.backends import BACKENDS, BackendName
from provence_plugins.model.checkpoint import Checkpoint, open_checkpoint
from provence_plugins.model.families import longest_window
from provence_plugins.model.formats import MOST_COMPARISON
from provence_plugins.text.sentences import SentenceSplitter, SplitterName
from provence_plugins.thresholds import Threshold


class PrunerOptions(TypedDict, total=False):
    """The keywords of `Pruner`, for code that passes them on; None means the default.

    Attributes:
        threshold: A sentence is kept when its probability is at least this number, or the model's
            threshold of this name, as in `PruningPolicy`. The same as
            `policy=PruningPolicy(threshold=...)`, so it cannot be given together with `policy`.
        policy: Used by every call that has no policy of its own. [default: PruningPolicy()]
        backend: "onnx", "torch", or an object that fulfils `Backend`. [default: "onnx" if the model
            has an ONNX file, else "torch"]
        device: "cpu", "cuda", "cuda:1", "mps", or several separated by commas ("cuda:0,cuda:1").
            [default: the best one that the backend finds]
        dtype: Precision of the weights: "int8", "float32", "bfloat16" or "float16". [default: set
            by the backend]
        threads: Threads of one forward pass. [default: one for each processor]
        attention: How torch computes attention: "eager", "sdpa", "flash_attention_2". [default: set
            by the encoder]
        compiled: Let torch compile the network at its first pass. [default: False]
        window_tokens: Maximum number of tokens of a window, query and special tokens included.
            [default: set by the model]
        comparison: How much a better sentence of the same passage counts against a sentence, 0 to
            10; 0 leaves each sentence the probability that the model gives it. The thresholds of a
            model were measured with its own value. [default: set by the model]
        revision: Branch, tag or commit of a repo id.
        splitter: Name of a sentence splitter, or a callable from a text to spans. [default: set by
            the model]
        language: ISO 639 code of the language whose abbreviations the splitter "sentencex" knows,
            such as "de"; "auto" detects it for each text by its script and frequent words.
            [default: "auto"]
        scorer: `DirectScorer`, or `SharedScorer` to batch the windows of many callers together;
            bind its options with `functools.partial`. [default: DirectScorer]
        max_batch_tokens: Maximum number of tokens of a batch, padding included. [default: set by
            the backend]
        cache_tokens: Remember the scores of this many tokens across calls, at about 10 bytes each,
            so that the same text under the same query is not scored again; 0 remembers nothing.
            Repeats within a call are scored once in any case. [default: 0]
    """

    threshold: Threshold | None
    policy: PruningPolicy | None
    backend: BackendName | Backend | None
    device: str | None
    dtype: str | None
    threads: int | None
    attention: str | None
    compiled: bool | None
    window_tokens: int | None
    comparison: float | None
    revision: str | None
    splitter: SplitterName | SentenceSplitter | None
    language: str | None
    scorer: ScorerFactory | None
    max_batch_tokens: int | None
    cache_tokens: int | None


# What is not named here is checked where it is used.
_TYPES: dict[str, tuple[type, str]] = {
    "model": (PathLike, "a folder or a repo id"),
    "device": (str, "a string"),
    "dtype": (str, "a string"),
    "attention": (str, "a string"),
    "revision": (str, "a string"),
    "threads": (Integral, "an integer"),
    "window_tokens": (Integral, "an integer"),
    "comparison": (Real, "a number"),
    "max_batch_tokens": (Integral, "an integer"),
    "cache_tokens": (Integral, "an integer"),
    "language": (str, 'a code such as "de" or "auto"'),
    "scorer": (Callable, "a class or function such as SharedScorer"),  # type: ignore[dict-item]
}
_PARTS_OF_BACKEND = ("description", "max_batch_tokens", "forward")
_PARTS_OF_SCORER = ("score", "submit", "close")


def check_types(given: Mapping[str, object]) -> None:
    """Check the types of the arguments of a pruner.

    Raises:
        InvalidInputError: One has another type.
    """
    for name, (kind, words) in _TYPES.items():
        value = given[name]
        fits = isinstance(value, kind) or (name == "model" and isinstance(value, str))
        if value is not None and (not fits or isinstance(value, bool)):
            raise InvalidInputError(f"{name} must be {words} or None; got {show_value(value)}.")
    if given["compiled"] is not None:
        check_switch("compiled", given["compiled"])


def choose_policy(policy: PruningPolicy | None, threshold: Threshold | None) -> PruningPolicy:
    """Return the policy that a pruner uses for calls without one.

    Raises:
        InvalidInputError: Both are given, or one is invalid.
    """
    if policy is None:
        return PruningPolicy(threshold=threshold)
    if threshold is not None:
        raise InvalidInputError(
            f"threshold cannot be given together with policy. Write "
            f"policy=PruningPolicy(threshold={threshold!r}, ...) with the other settings of your "
            f"policy."
        )
    return check_policy(policy)


def open_model(
    model: str | Path | None,
    revision: str | None,
    window_tokens: int | None = None,
    comparison: float | None = None,
) -> Checkpoint:
    """Open a model, with windows of another length or another comparison of sentences if asked for.

    Raises:
        CheckpointError: The model cannot be found or used.
        InvalidInputError: `window_tokens` is more than the encoder reads, or less than 1, or
            `comparison` is out of its range.
    """
    checkpoint = open_checkpoint(model, revision=revision)
    if comparison is not None:
        if not 0 <= comparison <= MOST_COMPARISON:
            raise InvalidInputError(f"comparison must be between 0 and {MOST_COMPARISON:g}; got {comparison!r}.")
        checkpoint = checkpoint.with_comparison(float(comparison))
    if window_tokens is None:
        return checkpoint
    longest = longest_window(checkpoint.backbone_config)
    if not 1 <= window_tokens <= longest:
        raise InvalidInputError(
            f"window_tokens must be between 1 and {longest} (this model's limit); got {window_tokens}."
        )
    return replace(checkpoint, declared_tokens=window_tokens)


def open_backend(
    checkpoint: Checkpoint,
    backend: BackendName | Backend | None,
    options: BackendOptions,
) -> Backend:
    """Load a checkpoint into a backend; a backend object is returned as it is.

    Raises:
        CheckpointError: The checkpoint does not have the files that the backend needs.
        BackendError: The device is not available.
        MissingExtraError: The packages of the backend are not installed.
        InvalidInputError: An option has a value that the backend does not know, or is given
            together with a backend object.
    """
    if backend is None or isinstance(backend, str):
        return load_backend(checkpoint, backend, options)
    if options != BackendOptions():
        raise InvalidInputError(
            "device, dtype, threads, attention and compiled have no effect on a backend object. "
            "Leave them out, or name a backend."
        )
    known = ", ".join(map(repr, BACKENDS))
    _require_parts(backend, _PARTS_OF_BACKEND, f"backend must be one of {known}, or an object")
    return backend


def make_scorer(scorer: ScorerFactory | None, model: BatchedModel) -> Scorer:
    """Return the scorer of a pruner.

    Raises:
        InvalidInputError: `scorer` returned something else.
    """
    made = DirectScorer(model) if scorer is None else scorer(model)
    _require_parts(made, _PARTS_OF_SCORER, "scorer must be a class or function that returns an object")
    return made


def choose_batch_tokens(given: int | None, checkpoint: Checkpoint, backend: Backend) -> int:
    """Return the maximum number of tokens of a batch.

    Raises:
        InvalidInputError: A batch could not hold one window.
    """
    if given is None:
        return max(backend.max_batch_tokens, checkpoint.max_tokens)
    if given < checkpoint.max_tokens:
        raise InvalidInputError(
            f"max_batch_tokens must be at least {checkpoint.max_tokens}, the longest window of this model; got {given}."
        )
    return given


def _require_parts(value: object, parts: Sequence[str], rule: str) -> None:
    missing = [name for name in parts if not hasattr(value, name)]
    if missing:
        raise InvalidInputError(
            f"{rule} with {', '.join(parts)}; got {type(value).__name__}, which has no {missing[0]}."
        )
