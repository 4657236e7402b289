import asyncio
import json
from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest
from fastapi.testclient import TestClient

JSON = {"Content-Type": "application/json"}


@pytest.mark.parametrize(
    ("body", "message"),
    [
        (b"", "The body is empty."),
        (b"{", "This is not valid JSON: "),
        (b'{"query": "x"', "This is not valid JSON: "),
        (b'{"query": "\xff"}', "This is not valid JSON: 'utf-8' codec can't decode byte 0xff"),
        (b'{"query": NaN}', "This is not valid JSON: NaN is not a finite number."),
        (b"1e999", "This is not valid JSON: 1e999 is not a finite number."),
        (b"[" * 100_000, "This is not valid JSON: "),
        (b"9" * 10_000, "This is not valid JSON: "),
        ('{"query": "x"}'.encode("utf-16"), "This is not valid JSON: "),
    ],
    ids=["empty", "cut", "cut later", "not UTF-8", "NaN", "infinite", "deep", "digits", "UTF-16"],
)
def test_what_is_not_json_is_one_line(body: bytes, message: str, client: TestClient) -> None:
    answer = client.post("/prune", content=body, headers=JSON)
    assert answer.status_code == 400
    assert answer.json()["error_type"] == "malformed"
    assert answer.json()["error"].startswith(message)
    assert "\n" not in answer.json()["error"]


def test_a_byte_order_mark_is_ignored(client: TestClient, request_body: dict[str, Any]) -> None:
    answer = client.post("/prune", content=json.dumps(request_body).encode("utf-8-sig"), headers=JSON)
    assert answer.status_code == 200


@pytest.mark.parametrize(
    "headers",
    [{"Content-Type": "text/plain"}, {}, {**JSON, "Content-Encoding": "gzip"}],
    ids=["text", "none", "compressed"],
)
def test_other_content_is_refused(headers: dict[str, str], client: TestClient) -> None:
    answer = client.post("/prune", content=b"{}", headers=headers)
    assert (answer.status_code, answer.json()["error_type"]) == (415, "unsupported_content")


def test_parameters_of_the_content_type_do_not_matter(client: TestClient, request_body: dict[str, Any]) -> None:
    headers = {"Content-Type": "Application/JSON; charset=utf-8"}
    assert client.post("/prune", content=json.dumps(request_body), headers=headers).status_code == 200


def test_a_body_that_is_too_large_is_refused_by_its_declared_length(serve: Any) -> None:
    answer = serve(max_body_bytes=100).post("/prune", json={"query": "x" * 100, "passages": []})
    assert (answer.status_code, answer.json()["error_type"]) == (413, "too_large")


def test_a_body_without_a_length_is_refused_once_it_is_too_large(serve: Any) -> None:
    parts = iter([b"x" * 60, b"x" * 60])
    answer = serve(max_body_bytes=100).post("/prune", content=parts, headers=JSON)
    assert (answer.status_code, answer.json()["error_type"]) == (413, "too_large")


async def test_a_client_that_sends_too_slowly_is_told_so(serve: Any) -> None:
    async def trickle() -> AsyncIterator[bytes]:
        yield b'{"query": '
        await asyncio.sleep(60)

    app = serve(body_seconds=0.05).app
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://test") as client:
        answer = await client.post("/prune", content=trickle(), headers=JSON)
    assert (answer.status_code, answer.json()["error_type"]) == (408, "slow_client")
