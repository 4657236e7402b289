"""Run the engine's own work off an event loop, with threads kept free for short calls."""

import asyncio
from collections.abc import Callable
from typing import TypeVar

from provence_plugins.threads import TaskPool

T = TypeVar("T")

# Splitting and tokenizing this many characters takes some milliseconds; longer calls never hold up
# shorter ones.
_SHORT_CHARACTERS = 20_000

# Most of the work holds the interpreter, so that more threads would only keep the event loop
# waiting for it.
_SHORT_THREADS = 2
_LONG_THREADS = 1


class Background:
    """Threads for the work before and after scoring; short calls never wait for a long one."""

    def __init__(self) -> None:
        self._short = TaskPool(name="provence-plan-short", threads=_SHORT_THREADS)
        self._long = TaskPool(name="provence-plan-long", threads=_LONG_THREADS)

    async def run(self, characters: int, function: Callable[[], T]) -> T:
        """Run a function in one of the threads.

        Args:
            characters: Number of characters of the call's texts.
            function: The work.

        Raises:
            ClosedError: The threads were ended.
        """
        pool = self._short if characters <= _SHORT_CHARACTERS else self._long
        return await asyncio.wrap_future(pool.submit(function))

    def close(self) -> None:
        """Let running functions end, fail waiting ones with ClosedError, and end the threads."""
        self._short.close()
        self._long.close()
