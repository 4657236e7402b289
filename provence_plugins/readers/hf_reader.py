"""A causal language model in the layout of Transformers, run by torch inside this process."""

import copy
import inspect
import math
import time
from collections.abc import Sequence
from pathlib import Path
from threading import Lock
from typing import TYPE_CHECKING, NamedTuple

from provence_plugins.errors import InvalidInputError, PromptTooLongError, needs_extra
from provence_plugins.model.foreign_folder import require_no_code
from provence_plugins.readers.reader import Answer, Message, ReaderOptions

if TYPE_CHECKING:
    import torch
    from torch import Tensor
    from transformers import Cache, PreTrainedModel, PreTrainedTokenizerBase

# What a model without a limit of its own gets; those that state none read any length.
_UNLIMITED = 1 << 30


class LanguageModel(NamedTuple):
    """A causal language model with its tokenizer."""

    tokenizer: "PreTrainedTokenizerBase"
    network: "PreTrainedModel"
    max_tokens: int


class _ReadPrompt(NamedTuple):
    """A prompt that the network has read, with the next token's scores and the cache."""

    ids: list[int]
    last_logits: "Tensor"
    cache: "Cache"


def load_language_model(folder: str | Path) -> LanguageModel:
    """Load a causal language model with a fast tokenizer.

    Weights that are stored in bfloat16 are run in it, all others in float32.

    Raises:
        MissingExtraError: The packages torch and transformers are not installed.
        InvalidInputError: There is no such model in the folder.
    """
    with needs_extra("torch"):
        from transformers import AutoModelForCausalLM, AutoTokenizer
    try:
        if not Path(folder).is_dir():
            raise FileNotFoundError("there is no such folder")
        require_no_code(Path(folder))
        tokenizer = AutoTokenizer.from_pretrained(str(folder))
        network = AutoModelForCausalLM.from_pretrained(str(folder), dtype=_precision(Path(folder))).train(False)
    except (OSError, ValueError) as error:
        raise InvalidInputError(
            f"Cannot open {folder} as a causal language model: {error}. Name a folder that holds one."
        ) from error
    if not tokenizer.is_fast:
        raise InvalidInputError(
            f"The tokenizer of {folder} is not a fast one, so it does not give the offsets of tokens. "
            f"Add a tokenizer.json."
        )
    return LanguageModel(tokenizer, network, getattr(network.config, "max_position_embeddings", _UNLIMITED))


class HfReader:
    """Runs a model with Transformers; one prompt at a time."""

    def __init__(self, folder: str, options: ReaderOptions) -> None:
        """Load the model.

        Args:
            folder: A causal language model in the layout of Transformers.
            options: `threads` and `context_tokens` are used; the threads are those of torch in this
                whole process.

        Raises:
            MissingExtraError: The packages torch and transformers are not installed.
            InvalidInputError: There is no such model in the folder.
        """
        self._model = load_language_model(folder)
        self._limit = min(self._model.max_tokens, options.context_tokens)
        if options.threads is not None:
            _set_threads(options.threads)
        self._reads_last_logits = "logits_to_keep" in inspect.signature(self._model.network.forward).parameters
        self._last: _ReadPrompt | None = None
        self._lock = Lock()
        self.name = Path(folder).resolve().name

    def answer(self, messages: Sequence[Message], *, max_tokens: int) -> Answer:
        """Answer a conversation; see `Reader`. No prompt is reused: times are comparable."""
        import torch

        prompt = self._encode(messages, room=max_tokens)
        end = self._end_tokens()
        with self._lock, torch.inference_mode():
            begin = time.perf_counter()
            read = self._read(prompt)
            prefill = time.perf_counter() - begin
            # The score of the right answer goes on from the prompt alone, so this answer gets a
            # copy.
            cache = copy.deepcopy(read.cache)
            ids: list[int] = []
            logits = read.last_logits
            while len(ids) < max_tokens:
                best = int(logits.argmax())
                if best in end:
                    break
                ids.append(best)
                logits = self._continue([best], cache)[-1]
            seconds = time.perf_counter() - begin
        text = str(self._model.tokenizer.decode(ids, skip_special_tokens=True))
        return Answer(text.strip(), len(prompt), len(ids), prefill, seconds, is_complete=len(ids) < max_tokens)

    def score(self, messages: Sequence[Message], answer: str) -> float | None:
        """Return the mean log-probability of an answer; see `Reader`. Its prompt is remembered."""
        import torch

        ids = self._model.tokenizer(answer.strip(), add_special_tokens=False)["input_ids"]
        if not ids:
            return None
        prompt = self._encode(messages, room=len(ids))
        with self._lock, torch.inference_mode():
            read = self._last
            if read is None or read.ids != prompt:
                read = self._read(prompt)
            after = self._continue(ids, copy.deepcopy(read.cache))
        logits = torch.cat([read.last_logits[None], after[:-1]])
        probabilities = logits.float().log_softmax(dim=-1)
        mean = float(probabilities.gather(1, torch.tensor(ids)[:, None]).mean())
        return mean if math.isfinite(mean) else None

    def close(self) -> None:
        """Do nothing: the model is freed with the reader."""

    def _read(self, prompt: list[int]) -> _ReadPrompt:
        """Read a prompt from its first token on, and remember it for the score of its answer."""
        import torch

        only_last = {"logits_to_keep": 1} if self._reads_last_logits else {}
        output = self._model.network(torch.tensor([prompt]), use_cache=True, **only_last)
        self._last = _ReadPrompt(prompt, output.logits[0, -1], output.past_key_values)
        return self._last

    def _continue(self, ids: list[int], cache: "Cache") -> "Tensor":
        """Read tokens that follow a cache; return the scores after each (tokens, vocabulary)."""
        import torch

        logits: Tensor = self._model.network(torch.tensor([ids]), past_key_values=cache, use_cache=True).logits[0]
        return logits

    def _encode(self, messages: Sequence[Message], *, room: int) -> list[int]:
        """Return the ids of a prompt.

        Raises:
            PromptTooLongError: Prompt and answer do not fit into the model's context.
        """
        tokenizer = self._model.tokenizer
        if tokenizer.chat_template:
            turns = [message.to_dict() for message in messages]
            text = str(tokenizer.apply_chat_template(turns, tokenize=False, add_generation_prompt=True))
            ids = tokenizer(text, add_special_tokens=False, verbose=False)["input_ids"]
        else:
            text = "\n\n".join(message.content for message in messages)
            ids = tokenizer(f"{text}\n", verbose=False)["input_ids"]
        if len(ids) + room > self._limit:
            raise PromptTooLongError(
                f"The prompt has {len(ids)} tokens and the answer needs {room}, but the reader's "
                f"context holds {self._limit}. Show it fewer passages, or use a model with a "
                f"longer context."
            )
        return list(ids)

    def _end_tokens(self) -> set[int]:
        ends = [self._model.tokenizer.eos_token_id]
        config = self._model.network.generation_config
        if config and isinstance(config.eos_token_id, list):
            ends += config.eos_token_id
        elif config:
            ends.append(config.eos_token_id)
        return {token for token in ends if token is not None}


def _precision(folder: Path) -> "torch.dtype":
    import torch
    from transformers import AutoConfig

    stored = getattr(AutoConfig.from_pretrained(str(folder)), "dtype", None)
    return torch.bfloat16 if stored is torch.bfloat16 else torch.float32


def _set_threads(threads: int) -> None:
    import torch

    torch.set_num_threads(threads)
