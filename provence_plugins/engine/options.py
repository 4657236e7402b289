"""How a pruner is set up, and the checkpoint and the backend that follow from it."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple, TypedDict

from provence_plugins.engine.policy import PruningPolicy
from provence_plugins.engine.scoring import ScorerFactory
from provence_plugins.errors import InvalidInputError
from provence_plugins.model.backend import Backend, BackendOptions, load_backend
from provence_plugins.model.backends import BackendName
from provence_plugins.model.checkpoint import Checkpoint, open_checkpoint
from provence_plugins.model.families import longest_window
from provence_plugins.text.sentences import SentenceSplitter, SplitterName
from provence_plugins.types import Passage


class PruneRequest(NamedTuple):
    """One item of `Pruner.prune_many`; a plain pair does as well."""

    query: str
    passages: Sequence[str | Passage]


class PrunerOptions(TypedDict, total=False):
    """How a pruner is set up; every key may be left out.

    Attributes:
        backend: "onnx", "torch", or an object of one's own that fulfils `Backend`; left out, ONNX Runtime where the
            model has an ONNX file, and torch elsewhere.
        device: "cpu", "cuda", "cuda:1", "mps", or several with commas between them ("cuda:0,cuda:1"); left out, the
            best that the backend finds.
        dtype: Precision of the weights: "int8", "float32", "bfloat16" or "float16"; left out, the backend's choice.
        threads: Threads of one forward pass; left out, as many as there are processors.
        attention: How torch computes attention: "eager", "sdpa", "flash_attention_2"; left out, the encoder's choice.
        compiled: Let torch compile the network at its first pass.
        window_tokens: Longest window, query and special tokens included; left out, the checkpoint's own.
        revision: Branch, tag or commit of a hub id.
        splitter: Name of a sentence splitter, or a callable from a text to spans; left out, the checkpoint's own.
        policy: Used by every call that brings none.
        scorer: `DirectScorer`, or `SharedScorer` to batch the windows of many callers together; options are given
            with `functools.partial`.
        max_batch_tokens: Budget of a batch, padding included; left out, what runs fastest on the backend.
        cache_tokens: Scores of so many tokens are remembered across calls, about 10 bytes for each, so that the same
            text under the same query is not scored again; left out, none. What repeats in one call is scored once in
            any case.
    """

    backend: BackendName | Backend | None
    device: str | None
    dtype: str | None
    threads: int | None
    attention: str | None
    compiled: bool
    window_tokens: int | None
    revision: str | None
    splitter: SplitterName | SentenceSplitter | None
    policy: PruningPolicy | None
    scorer: ScorerFactory
    max_batch_tokens: int | None
    cache_tokens: int


def choose_checkpoint(model: str | Path | None, options: PrunerOptions) -> Checkpoint:
    """The checkpoint that is asked for, with the window that is asked for.

    Raises:
        CheckpointError: It cannot be found, or not be used.
        InvalidInputError: Its encoder cannot read such a window.
    """
    return _with_window(open_checkpoint(model, revision=options.get("revision")), options.get("window_tokens"))


def choose_backend(checkpoint: Checkpoint, options: PrunerOptions) -> Backend:
    """The backend that is asked for, with the checkpoint loaded into it; one of the caller's own as it is.

    Raises:
        CheckpointError: The checkpoint does not hold what the backend needs.
        BackendError: The backend or its device is not there.
        MissingExtraError: The backend's packages are not installed.
        InvalidInputError: An option has a value that cannot be.
    """
    backend = options.get("backend")
    if backend is not None and not isinstance(backend, str):
        return backend
    chosen = BackendOptions(
        device=options.get("device"),
        dtype=options.get("dtype"),
        threads=options.get("threads"),
        attention=options.get("attention"),
        compiled=options.get("compiled", False),
    )
    return load_backend(checkpoint, backend, chosen)


def _with_window(checkpoint: Checkpoint, tokens: int | None) -> Checkpoint:
    if tokens is None:
        return checkpoint
    longest = longest_window(checkpoint.backbone_config)
    if not 1 <= tokens <= longest:
        raise InvalidInputError(f"window_tokens={tokens} cannot be; the encoder of this model reads 1 to {longest}.")
    return replace(checkpoint, declared_tokens=tokens)
