import asyncio
from typing import Any

import pytest
from fastapi import HTTPException, Request

from provence_plugins.errors import OverloadedError
from provence_plugins.serving.admission import CLIENT_LEFT, Admission, run_while_wanted


def request_whose_client(leaves_after: float) -> Request:
    async def receive() -> dict[str, Any]:
        await asyncio.sleep(leaves_after)
        return {"type": "http.disconnect"}

    return Request({"type": "http"}, receive)


class Work:
    """Work that takes a while, and knows whether it was cancelled."""

    def __init__(self, seconds: float) -> None:
        self.seconds = seconds
        self.was_cancelled = False

    async def __call__(self) -> str:
        try:
            await asyncio.sleep(self.seconds)
        except asyncio.CancelledError:
            self.was_cancelled = True
            raise
        return "done"


async def test_work_is_done_for_a_client_that_waits() -> None:
    assert await run_while_wanted(request_whose_client(60), Work(0), seconds=60) == "done"


async def test_work_is_cancelled_when_the_client_leaves() -> None:
    work = Work(60)
    with pytest.raises(HTTPException) as error:
        await run_while_wanted(request_whose_client(0.01), work, seconds=60)
    assert error.value.status_code == CLIENT_LEFT
    assert work.was_cancelled


async def test_work_is_cancelled_when_its_time_is_over() -> None:
    work = Work(60)
    with pytest.raises(HTTPException) as error:
        await run_while_wanted(request_whose_client(60), work, seconds=0.01)
    assert error.value.status_code == 504
    assert work.was_cancelled


async def test_work_is_cancelled_with_the_task_that_waits_for_it() -> None:
    work = Work(60)
    task = asyncio.ensure_future(run_while_wanted(request_whose_client(60), work, seconds=60))
    await asyncio.sleep(0.01)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert work.was_cancelled


async def test_an_error_of_the_work_is_raised() -> None:
    async def fail() -> None:
        raise OverloadedError("full")

    with pytest.raises(OverloadedError):
        await run_while_wanted(request_whose_client(60), fail, seconds=60)


def test_requests_beyond_the_limit_are_refused_until_one_has_ended() -> None:
    admission = Admission(limit=2)
    with admission.admit():
        with admission.admit(), pytest.raises(OverloadedError, match="at most 2"), admission.admit():
            pass
        with admission.admit():
            assert admission.requests == 2
    assert admission.requests == 0


def test_the_advice_follows_the_speed_of_the_last_answers() -> None:
    admission = Admission(limit=1_000)
    assert admission.retry_seconds == 1
    for _ in range(10):
        with admission.admit():
            pass
    assert admission.retry_seconds == 1
    admission._answered.extendleft([admission._answered[0] - 30])
    admission.requests = 11
    assert 29 <= admission.retry_seconds <= 32
