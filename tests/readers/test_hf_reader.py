import math
from collections.abc import Callable
from pathlib import Path

import pytest

from provence_plugins.errors import InvalidInputError, PromptTooLongError
from provence_plugins.readers.hf_reader import HfReader
from provence_plugins.readers.reader import Message, ReaderOptions

POSITIONS = 48
QUESTION = [Message("system", "Be short."), Message("user", "Where is it?")]


@pytest.fixture(scope="module", params=[True, False], ids=["with a chat template", "without"])
def folder(request: pytest.FixtureRequest, make_causal_folder: Callable[..., Path]) -> Path:
    template = "{% for message in messages %}{{ message.content }} {% endfor %}"
    return make_causal_folder(
        positions=POSITIONS, tokenizer_settings={"chat_template": template} if request.param else {}
    )


def test_an_answer_is_what_the_network_finds_most_probable_token_by_token(folder: Path) -> None:
    import torch

    reader = HfReader(str(folder), ReaderOptions())
    answer = reader.answer(QUESTION, max_tokens=5)
    ids = reader._encode(QUESTION, room=5)[0].tolist()
    chosen: list[int] = []
    for _ in range(5):
        with torch.inference_mode():
            best = int(reader._model.network(torch.tensor([ids + chosen])).logits[0, -1].argmax())
        if best == 3:
            break
        chosen.append(best)
    assert answer.text == reader._model.tokenizer.decode(chosen, skip_special_tokens=True).strip()
    assert (answer.prompt_tokens, answer.answer_tokens) == (len(ids), len(chosen))
    assert answer.prefill_seconds is not None
    assert 0 < answer.prefill_seconds <= answer.seconds


def test_a_score_is_the_mean_log_probability_of_the_tokens_of_the_answer(folder: Path) -> None:
    import torch

    reader = HfReader(str(folder), ReaderOptions())
    value = reader.score(QUESTION, "on the island")
    prompt = reader._encode(QUESTION, room=0)[0].tolist()
    answer = reader._model.tokenizer("on the island", add_special_tokens=False)["input_ids"]
    total = 0.0
    for place in range(len(answer)):
        with torch.inference_mode():
            last = reader._model.network(torch.tensor([prompt + answer[:place]])).logits[0, -1]
        total += math.log(torch.softmax(last.double(), 0)[answer[place]])
    assert value == pytest.approx(total / len(answer), abs=1e-4)


def test_a_blank_answer_has_no_score(folder: Path) -> None:
    assert HfReader(str(folder), ReaderOptions()).score(QUESTION, " ") is None


def test_a_prompt_that_is_too_long_is_an_error_with_both_numbers(folder: Path) -> None:
    reader = HfReader(str(folder), ReaderOptions())
    with pytest.raises(PromptTooLongError, match=rf"answer needs 4, but the reader's context holds {POSITIONS}"):
        reader.answer([Message("user", "where " * 100)], max_tokens=4)


def test_a_folder_without_a_model_is_an_error_with_its_name(tmp_path: Path) -> None:
    with pytest.raises(InvalidInputError, match="as a causal language model"):
        HfReader(str(tmp_path), ReaderOptions())
