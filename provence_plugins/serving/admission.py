"""Let a limited number of requests in, and give up on those that nobody waits for any more."""

import asyncio
import math
from collections import deque
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from time import monotonic
from typing import TypeVar

from fastapi import HTTPException, Request

from provence_plugins.errors import OverloadedError

T = TypeVar("T")

CLIENT_LEFT = 499
"""Status of a request whose client has closed the connection: for logs and metrics, because nobody
receives it."""

# The advice in Retry-After follows the speed of this many requests that were answered last.
_REMEMBERED = 64
_LONGEST_ADVICE_SECONDS = 60


class Admission:
    """Counts the requests that run or wait, and refuses those beyond a limit.

    Args:
        limit: Maximum number of requests.
    """

    def __init__(self, limit: int) -> None:
        self.requests = 0
        self._limit = limit
        self._answered: deque[float] = deque(maxlen=_REMEMBERED)

    @contextmanager
    def admit(self) -> Iterator[None]:
        """Count a request for as long as the block runs.

        Raises:
            OverloadedError: Too many requests run or wait already.
        """
        if self.requests >= self._limit:
            raise OverloadedError(
                f"{self.requests} requests are running or waiting, and the server accepts at most "
                f"{self._limit}. Try again later."
            )
        self.requests += 1
        try:
            yield
        finally:
            self.requests -= 1
            self._answered.append(monotonic())

    @property
    def retry_seconds(self) -> int:
        """Estimated number of seconds until the present requests are answered."""
        if len(self._answered) < 2:
            return 1
        seconds_per_answer = (monotonic() - self._answered[0]) / len(self._answered)
        return max(1, min(math.ceil(self.requests * seconds_per_answer), _LONGEST_ADVICE_SECONDS))


async def run_while_wanted(
    request: Request,
    work: Callable[[], Awaitable[T]],
    *,
    seconds: float,
) -> T:
    """Return the result of some work; it is cancelled if it takes too long or the client leaves.

    Args:
        request: The request, whose body has been read.
        work: Starts the work.
        seconds: Maximum time.

    Raises:
        HTTPException: The time is over, or the client has left.
    """
    task = asyncio.ensure_future(work())
    leaving = asyncio.ensure_future(_wait_until_client_leaves(request))
    try:
        await asyncio.wait((task, leaving), timeout=seconds, return_when=asyncio.FIRST_COMPLETED)
        if task.done():
            return task.result()
        if leaving.done():
            raise HTTPException(CLIENT_LEFT, "The client has closed the connection.")
        raise HTTPException(
            504,
            f"The request was not answered within {seconds:g} seconds and was given up. Send fewer "
            f"passages, or try again when the server is less busy.",
        )
    finally:
        task.cancel()
        leaving.cancel()
        await asyncio.gather(task, leaving, return_exceptions=True)


async def _wait_until_client_leaves(request: Request) -> None:
    while (await request.receive())["type"] != "http.disconnect":
        pass
