"""Files that one run at a time may write."""

import errno
import logging
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from io import FileIO
from pathlib import Path

from provence_plugins.errors import InvalidInputError

if sys.platform == "win32":
    import msvcrt
else:
    import fcntl

logger = logging.getLogger(__name__)

# On Windows a lock keeps readers out of the bytes that it covers, so it covers one far beyond the
# end of most files.
_LOCKED_BYTE = 2**31 - 2

# POSIX says EAGAIN, Windows one of the others.
_HELD_BY_ANOTHER = (errno.EAGAIN, errno.EACCES, errno.EDEADLK)


@contextmanager
def open_locked(path: Path) -> Iterator[FileIO]:
    """Open a file for one run at a time, without changing anything in it; a missing one is created.

    Raises:
        InvalidInputError: Another run has it open.
        OSError: The file cannot be opened for writing.
    """

    def create(name: str, flags: int) -> int:
        return os.open(name, flags | os.O_CREAT, 0o666)

    with open(path, "r+b", buffering=0, opener=create) as file:
        try:
            _lock(file.fileno())
        except OSError as error:
            if error.errno in _HELD_BY_ANOTHER:
                raise InvalidInputError(
                    f"{path} is being written by another run. Wait until that run has ended, or name another output."
                ) from error
            logger.warning("%s cannot be locked (%s). Make sure that no other run writes to it.", path, error.strerror)
        yield file


if sys.platform == "win32":

    def _lock(descriptor: int) -> None:
        os.lseek(descriptor, _LOCKED_BYTE, os.SEEK_SET)
        msvcrt.locking(descriptor, msvcrt.LK_NBLCK, 1)

else:

    def _lock(descriptor: int) -> None:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
