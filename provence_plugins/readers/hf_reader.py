"""A causal language model in the layout of Transformers, run by torch inside this process."""

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
    from torch import Tensor
    from transformers import PreTrainedModel, PreTrainedTokenizerBase

# What a model without a limit of its own gets; those that state none read any length.
_UNLIMITED = 1 << 30


class LanguageModel(NamedTuple):
    """A causal language model with its tokenizer."""

    tokenizer: "PreTrainedTokenizerBase"
    network: "PreTrainedModel"
    max_tokens: int


def load_language_model(folder: str | Path) -> LanguageModel:
    """Load a causal language model with a fast tokenizer.

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
        network = AutoModelForCausalLM.from_pretrained(str(folder), dtype="float32").train(False)
    except (OSError, ValueError) as error:
        raise InvalidInputError(
            f"Cannot open {folder} as a causal language model: {error}. Name a folder that holds one."
        ) from error
    if not tokenizer.is_fast:
        raise InvalidInputError(
            f"The tokenizer of {folder} is not a fast one, which tells the offsets of its tokens. Add a tokenizer.json."
        )
    return LanguageModel(tokenizer, network, getattr(network.config, "max_position_embeddings", _UNLIMITED))


class HfReader:
    """Runs a model with Transformers; one prompt at a time."""

    def __init__(self, folder: str, options: ReaderOptions) -> None:
        """Load the model.

        Args:
            folder: A causal language model in the layout of Transformers.
            options: `context_tokens` is used. Threads are those of torch; set OMP_NUM_THREADS to change them.

        Raises:
            MissingExtraError: The packages torch and transformers are not installed.
            InvalidInputError: There is no such model in the folder.
        """
        self._model = load_language_model(folder)
        self._limit = min(self._model.max_tokens, options.context_tokens)
        self._lock = Lock()
        self.name = Path(folder).resolve().name

    def answer(self, messages: Sequence[Message], *, max_tokens: int) -> Answer:
        """Answer a conversation; see `Reader`."""
        import torch

        prompt = self._encode(messages, room=max_tokens)
        network = self._model.network
        end = self._end_tokens()
        with self._lock, torch.inference_mode():
            begin = time.perf_counter()
            output = network(prompt, use_cache=True)
            prefill = time.perf_counter() - begin
            ids: list[int] = []
            while len(ids) < max_tokens:
                best = int(output.logits[0, -1].argmax())
                if best in end:
                    break
                ids.append(best)
                output = network(torch.tensor([[best]]), past_key_values=output.past_key_values, use_cache=True)
            seconds = time.perf_counter() - begin
        text = str(self._model.tokenizer.decode(ids, skip_special_tokens=True))
        return Answer(text.strip(), prompt.shape[1], len(ids), prefill, seconds, is_complete=len(ids) < max_tokens)

    def score(self, messages: Sequence[Message], answer: str) -> float | None:
        """Return the mean log-probability of a given answer; see `Reader`."""
        import torch

        ids = self._model.tokenizer(answer.strip(), add_special_tokens=False)["input_ids"]
        if not ids:
            return None
        prompt = self._encode(messages, room=len(ids))
        answer_ids = torch.tensor([ids])
        with self._lock, torch.inference_mode():
            logits = self._model.network(torch.cat([prompt, answer_ids], dim=1)).logits[0]
        before = logits[prompt.shape[1] - 1 : -1].float().log_softmax(dim=-1)
        mean = float(before.gather(1, answer_ids[0, :, None]).mean())
        return mean if math.isfinite(mean) else None

    def close(self) -> None:
        """Do nothing: the model is freed with the reader."""

    def _encode(self, messages: Sequence[Message], *, room: int) -> "Tensor":
        """Return the ids of a prompt, of shape (1, tokens).

        Raises:
            PromptTooLongError: Prompt and answer do not fit into the model's context.
        """
        import torch

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
                f"The prompt has {len(ids)} tokens and the answer needs {room}, but the reader's context holds "
                f"{self._limit}. Show it fewer passages, or take a model with a longer context."
            )
        return torch.tensor([ids])

    def _end_tokens(self) -> set[int]:
        end = self._model.network.generation_config.eos_token_id if self._model.network.generation_config else None
        of_config = end if isinstance(end, list) else [end]
        return {token for token in (*of_config, self._model.tokenizer.eos_token_id) if token is not None}
