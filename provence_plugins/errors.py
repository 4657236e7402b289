"""Every exception that this package raises on purpose.

ProvenceError
├── InvalidInputError (ValueError)   an argument that no call can accept
│   └── QueryTooLongError            the query leaves no room for text in a window
├── SplitterError                    a sentence splitter gave spans that cannot be used
├── MissingExtraError (ImportError)  an optional package is not installed
├── CheckpointError                  a model folder cannot be used
│   ├── CheckpointNotFoundError      there is no such folder, file or hub id
│   └── UnsafeCheckpointError        only pickled weights, which could run code
├── BackendError                     the model could not be run
├── ExportError                      an exported model disagrees with the one it was made from
├── OverloadedError                  the shared scorer's queue is full
├── ClosedError                      the pruner was closed
└── DataError                        a line of labelled data cannot be read
"""

from collections.abc import Iterator
from contextlib import contextmanager


class ProvenceError(Exception):
    """Base of every exception that this package raises on purpose."""


class InvalidInputError(ProvenceError, ValueError):
    """An argument has the wrong type or a value that no call can accept."""


class QueryTooLongError(InvalidInputError):
    """The query alone fills a window, so that no text could be read with it."""


class SplitterError(ProvenceError):
    """A sentence splitter returned spans out of order, overlapping or outside the text, or lacks its data."""


class MissingExtraError(ProvenceError, ImportError):
    """An optional package is needed and not installed; the message names the extra that brings it."""


class CheckpointError(ProvenceError):
    """A model folder is damaged, incomplete, of another format version or of an unknown layout."""


class CheckpointNotFoundError(CheckpointError):
    """There is no such model folder, no such file in it, or no such repository on the hub."""


class UnsafeCheckpointError(CheckpointError):
    """A model folder holds only pickled weights, which can run code when they are read."""


class BackendError(ProvenceError):
    """The model could not be run: an unknown backend, a missing device, a failure inside the runtime."""


class ExportError(ProvenceError):
    """An exported model gives other probabilities than the one it was made from; nothing was written."""


class OverloadedError(ProvenceError):
    """The shared scorer's queue is full; try again later or give it a larger `max_pending_tokens`."""


class ClosedError(ProvenceError):
    """The pruner or scorer was used after it was closed."""

    def __init__(
        self, message: str = "This pruner was closed. Make a new one, or close it after its last use."
    ) -> None:
        super().__init__(message)


class DataError(ProvenceError):
    """A line of labelled data is malformed; the message names the file, the line and what is wrong."""


@contextmanager
def needs_extra(extra: str) -> Iterator[None]:
    """Translate the absence of an optional package into an error that names the extra to install.

    Args:
        extra: Name of the extra, as in `pip install "provence-plugins[extra]"`.

    Raises:
        MissingExtraError: A package imported inside the block is not installed. An import error of our own modules
            stays what it is.
    """
    try:
        yield
    except ModuleNotFoundError as error:
        if error.name is None or error.name.partition(".")[0] == __package__:
            raise
        raise MissingExtraError(
            f'this needs {error.name}. Install it with: pip install "provence-plugins[{extra}]"', name=error.name
        ) from error


def is_panic(error: BaseException) -> bool:
    """Tell whether an exception is a panic of a Rust extension."""
    # Every extension has a class of its own by this name, and none can be imported.
    return type(error).__name__ == "PanicException"


@contextmanager
def translate_panics(error_type: type[ProvenceError], doing: str) -> Iterator[None]:
    """Translate a panic of a Rust extension, which is not an `Exception`, into an error of this package.

    Other exceptions pass: `KeyboardInterrupt`, `SystemExit` and cancellation keep their meaning.

    Args:
        error_type: What to raise instead.
        doing: What the extension was doing, for the message: "splitting a text of 20 characters".

    Raises:
        ProvenceError: Rust code panicked inside the block.
    """
    try:
        yield
    except BaseException as error:
        if not is_panic(error):
            raise
        raise error_type(f"A Rust extension panicked while {doing}: {error}") from error
