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
    ids = reader._encode(QUESTION, room=5)
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
    prompt = reader._encode(QUESTION, room=0)
    answer = reader._model.tokenizer("on the island", add_special_tokens=False)["input_ids"]
    total = 0.0
    for place in range(len(answer)):
        with torch.inference_mode():
            last = reader._model.network(torch.tensor([prompt + answer[:place]])).logits[0, -1]
        total += math.log(torch.softmax(last.double(), 0)[answer[place]])
    assert value == pytest.approx(total / len(answer), abs=1e-4)


def test_a_score_is_the_same_after_an_answer_whose_prompt_it_reuses(folder: Path) -> None:
    reader = HfReader(str(folder), ReaderOptions())
    alone = reader.score(QUESTION, "on the island")
    reader.answer(QUESTION, max_tokens=5)
    read = reader._last
    assert reader.score(QUESTION, "on the island") == pytest.approx(alone, abs=1e-5)
    assert reader.score(QUESTION, "on the island") == pytest.approx(alone, abs=1e-5)
    assert reader._last is read
    other = [Message("user", "Who is it?")]
    assert reader.score(other, "on the island") == HfReader(str(folder), ReaderOptions()).score(other, "on the island")


@pytest.mark.parametrize(("stored", "run"), [("bfloat16", "bfloat16"), ("float16", "float32"), ("float32", "float32")])
def test_only_weights_stored_in_bfloat16_are_run_in_it(
    stored: str, run: str, make_causal_folder: Callable[..., Path]
) -> None:
    from transformers import AutoModelForCausalLM

    folder = make_causal_folder(positions=POSITIONS)
    AutoModelForCausalLM.from_pretrained(folder, dtype=stored).save_pretrained(folder)
    reader = HfReader(str(folder), ReaderOptions())
    assert str(reader._model.network.dtype) == f"torch.{run}"
    score = reader.score(QUESTION, "on the island")
    assert score is not None
    assert score < 0


def test_the_threads_of_the_options_are_those_of_torch(folder: Path) -> None:
    import torch

    before = torch.get_num_threads()
    try:
        HfReader(str(folder), ReaderOptions(threads=before + 1))
        assert torch.get_num_threads() == before + 1
        HfReader(str(folder), ReaderOptions())
        assert torch.get_num_threads() == before + 1
    finally:
        torch.set_num_threads(before)


def test_a_blank_answer_has_no_score(folder: Path) -> None:
    assert HfReader(str(folder), ReaderOptions()).score(QUESTION, " ") is None


def test_a_prompt_that_is_too_long_is_an_error_with_both_numbers(folder: Path) -> None:
    reader = HfReader(str(folder), ReaderOptions())
    with pytest.raises(PromptTooLongError, match=rf"answer needs 4, but the reader's context holds {POSITIONS}"):
        reader.answer([Message("user", "where " * 100)], max_tokens=4)


def test_a_folder_without_a_model_is_an_error_with_its_name(tmp_path: Path) -> None:
    with pytest.raises(InvalidInputError, match="as a causal language model"):
        HfReader(str(tmp_path), ReaderOptions())
