"""Write JSON answers, whatever texts they hold."""

import asyncio
import json
from collections.abc import Callable
from typing import Any

# Writing an answer about this many characters takes some milliseconds, for which the event loop
# should not wait.
_LONG_TEXT = 50_000


# Any: plain values of every kind.
def encode_json(value: Any) -> bytes:
    """Return a value as JSON in UTF-8; half a surrogate pair becomes an escape."""
    try:
        return json.dumps(value, ensure_ascii=False, allow_nan=False).encode()
    except UnicodeEncodeError:
        return json.dumps(value, allow_nan=False).encode()


async def write_aside(describe: Callable[[], Any], *, characters: int) -> bytes:
    """Return a described value as JSON; a long answer is written in a thread.

    Args:
        describe: Returns the value.
        characters: How much text the answer is about.
    """
    if characters <= _LONG_TEXT:
        return encode_json(describe())
    return await asyncio.to_thread(lambda: encode_json(describe()))
