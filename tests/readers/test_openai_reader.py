import socket
import time
from itertools import count

import pytest
from chat_server import Reply, completion, serve_chat

from provence_plugins.errors import (
    InvalidInputError,
    PromptTooLongError,
    ReaderError,
    ReaderTimeoutError,
    UnreadableAnswerError,
)
from provence_plugins.readers import openai_reader
from provence_plugins.readers.openai_reader import OpenAIReader
from provence_plugins.readers.reader import Message, ReaderOptions

QUESTION = [Message("system", "Be short."), Message("user", "Where do quokkas live?")]


def test_an_answer_comes_with_its_text_its_tokens_and_its_time() -> None:
    with serve_chat(lambda request: completion(" On Rottnest Island. ", prompt_tokens=31)) as server:
        reader = OpenAIReader(f"{server.url}#tiny", ReaderOptions())
        answer = reader.answer(QUESTION, max_tokens=5)
        reader.close()
    assert (answer.text, answer.prompt_tokens, answer.answer_tokens) == ("On Rottnest Island.", 31, 3)
    assert answer.is_complete
    assert answer.seconds > 0
    [request] = server.requests
    assert (request["model"], request["max_tokens"], request["temperature"]) == ("tiny", 5, 0)
    assert request["messages"][1] == {"role": "user", "content": "Where do quokkas live?"}


def test_the_access_key_comes_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "abc")
    with serve_chat(lambda request: completion("Yes.")) as server:
        OpenAIReader(f"{server.url}#tiny", ReaderOptions()).answer(QUESTION, max_tokens=5)
    assert server.headers[0]["Authorization"] == "Bearer abc"


def test_an_answer_that_the_limit_cut_is_not_complete() -> None:
    with serve_chat(lambda request: completion("On Rott", finish="length")) as server:
        assert not OpenAIReader(f"{server.url}#tiny", ReaderOptions()).answer(QUESTION, max_tokens=3).is_complete


def test_the_time_of_the_prompt_is_read_where_the_server_tells_it() -> None:
    reply = completion("Yes.")
    reply.body["timings"] = {"prompt_ms": 1500.0}
    with serve_chat(lambda request: reply) as server:
        assert OpenAIReader(f"{server.url}#tiny", ReaderOptions()).answer(QUESTION, max_tokens=3).prefill_seconds == 1.5


@pytest.mark.parametrize("address", ["", "http://127.0.0.1/v1", "http://127.0.0.1/v1#", "127.0.0.1#tiny", "ftp://a#b"])
def test_an_address_without_a_model_or_protocol_is_refused(address: str) -> None:
    with pytest.raises(InvalidInputError, match="openai:URL#MODEL"):
        OpenAIReader(address, ReaderOptions())


@pytest.mark.parametrize("status", [429, 500, 503])
def test_a_busy_server_is_asked_again(status: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(openai_reader, "_FIRST_PAUSE", 0.0)
    calls = count(1)
    with serve_chat(lambda request: Reply("busy", status) if next(calls) < 3 else completion("Yes.")) as server:
        assert OpenAIReader(f"{server.url}#tiny", ReaderOptions()).answer(QUESTION, max_tokens=3).text == "Yes."
    assert len(server.requests) == 3


def test_a_server_that_stays_busy_is_an_error_with_its_status(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(openai_reader, "_FIRST_PAUSE", 0.0)
    with serve_chat(lambda request: Reply("come back later", 503)) as server:
        reader = OpenAIReader(f"{server.url}#tiny", ReaderOptions(attempts=2))
        with pytest.raises(ReaderError, match=r"status 503, come back later"):
            reader.answer(QUESTION, max_tokens=3)
    assert len(server.requests) == 2


def test_a_server_that_is_down_is_an_error_with_its_address() -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    reader = OpenAIReader(f"http://127.0.0.1:{port}/v1#tiny", ReaderOptions(attempts=1))
    with pytest.raises(ReaderError, match=f"127.0.0.1:{port}.* cannot be reached"):
        reader.answer(QUESTION, max_tokens=3)


def test_a_slow_server_is_a_timeout_and_is_not_asked_again() -> None:
    def wait(request: object) -> Reply:
        time.sleep(0.5)
        return completion("Late.")

    with serve_chat(wait) as server:
        reader = OpenAIReader(f"{server.url}#tiny", ReaderOptions(timeout=0.05))
        with pytest.raises(ReaderTimeoutError, match=r"within 0\.05 seconds"):
            reader.answer(QUESTION, max_tokens=3)
    assert len(server.requests) == 1


@pytest.mark.parametrize(
    "error",
    [
        {"type": "exceed_context_size_error", "message": "request (9031 tokens) exceeds the available context size"},
        {"code": "context_length_exceeded", "message": "too long"},
        "This model's maximum context length is 4096 tokens.",
    ],
    ids=["llama.cpp", "OpenAI", "vLLM"],
)
def test_a_prompt_that_is_too_long_has_an_error_of_its_own(error: object) -> None:
    with serve_chat(lambda request: Reply({"error": error}, 400)) as server:
        reader = OpenAIReader(f"{server.url}#tiny", ReaderOptions())
        with pytest.raises(PromptTooLongError, match="does not fit into the reader's context"):
            reader.answer(QUESTION, max_tokens=3)


@pytest.mark.parametrize(
    "body",
    ["<html>Hello</html>", {"choices": []}, {"choices": [{"text": "no message"}]}, [1], None],
    ids=["a page", "no choice", "no message", "a list", "null"],
)
def test_what_is_not_a_chat_completion_is_an_error_that_quotes_it(body: object) -> None:
    with serve_chat(lambda request: Reply(body)) as server:
        reader = OpenAIReader(f"{server.url}#tiny", ReaderOptions())
        with pytest.raises(UnreadableAnswerError, match=r"not JSON|not a chat completion"):
            reader.answer(QUESTION, max_tokens=3)


def test_a_refusal_is_an_error_with_what_the_server_says_on_one_line() -> None:
    with serve_chat(lambda request: Reply({"error": {"message": "no\nsuch \x1b[31mmodel"}}, 404)) as server:
        reader = OpenAIReader(f"{server.url}#tiny", ReaderOptions())
        with pytest.raises(ReaderError, match="status 404, error: no such ␛") as raised:
            reader.answer(QUESTION, max_tokens=3)
    assert type(raised.value) is ReaderError


def test_a_server_does_not_tell_the_probability_of_an_answer() -> None:
    assert OpenAIReader("http://127.0.0.1:9/v1#tiny", ReaderOptions()).score(QUESTION, "Yes.") is None
