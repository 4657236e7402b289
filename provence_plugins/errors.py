"""Every exception that this package raises on purpose.

```text
ProvenceError
├── InvalidInputError (ValueError)   an argument has the wrong type or an invalid value
│   └── QueryTooLongError            the query leaves no room for text in a window
├── SplitterError                    a splitter returned invalid spans, or its data is missing
├── MissingExtraError (ImportError)  an optional package is not installed
├── CheckpointError                  a model folder is damaged, incomplete or unknown
│   ├── CheckpointNotFoundError      the folder, the file or the hub repository does not exist
│   └── UnsafeCheckpointError        the folder could run code or reach other files
├── BackendError                     the model failed, or its device is not available
│   └── InvalidScoresError           the model returned NaN or infinite scores
├── ExportError                      an exported model disagrees with its source
├── OverloadedError                  the shared scorer's queue is full
├── ClosedError                      the pruner was closed
├── ReaderError                      a language model cannot be reached, or refuses to answer
│   ├── PromptTooLongError           the prompt does not fit into the language model's context
│   ├── ReaderTimeoutError           the language model took too long
│   └── UnreadableAnswerError        what the language model sent is not an answer
└── DataError                        labelled data cannot be read
```
"""

from collections.abc import Iterator
from contextlib import contextmanager


class ProvenceError(Exception):
    """Base of every exception that this package raises on purpose."""


class InvalidInputError(ProvenceError, ValueError):
    """An argument has the wrong type or an invalid value; the message says what is allowed."""


class QueryTooLongError(InvalidInputError):
    """The query fills a window, so that no room is left for text."""


class SplitterError(ProvenceError):
    """A splitter returned spans that overlap or lie outside the text, or its data is missing."""


class MissingExtraError(ProvenceError, ImportError):
    """An optional package is not installed; the message names the extra to install."""


class CheckpointError(ProvenceError):
    """A model folder is damaged, incomplete, of an unknown format or of another version."""


class CheckpointNotFoundError(CheckpointError):
    """The model folder, a file in it, or the repository on the hub does not exist."""


class UnsafeCheckpointError(CheckpointError):
    """A model folder could run code or reach other files: by pickles, operators or names."""


class BackendError(ProvenceError):
    """The model could not be run: its device is not available, or the backend failed."""


class InvalidScoresError(BackendError):
    """The model returned NaN or infinite scores: an overflow in half precision, or bad weights."""


class ExportError(ProvenceError):
    """An exported model gives other probabilities than its source; nothing was written."""


class OverloadedError(ProvenceError):
    """The shared scorer's queue is full; try again later or raise `max_pending_tokens`."""


class ClosedError(ProvenceError):
    """The pruner or scorer was used after it was closed."""

    def __init__(
        self,
        message: str = "This pruner was closed. Make a new one, or close it after its last use.",
    ) -> None:
        super().__init__(message)


class ReaderError(ProvenceError):
    """A language model cannot be reached or loaded, or refuses to answer; the message tells why."""


class PromptTooLongError(ReaderError):
    """Prompt and answer together do not fit into the context of the language model."""


class ReaderTimeoutError(ReaderError):
    """The language model did not answer within the time that it was given."""


class UnreadableAnswerError(ReaderError):
    """The language model sent something that is not an answer, such as a page instead of JSON."""


class DataError(ProvenceError):
    """Labelled data cannot be read; the message names the file, the line and what is wrong."""


@contextmanager
def needs_extra(extra: str) -> Iterator[None]:
    """Translate the absence of an optional package into an error that names the extra to install.

    Args:
        extra: Name of the extra, as in `pip install "provence-plugins[extra]"`.

    Raises:
        MissingExtraError: A package imported inside the block is not installed. An import error of
            this package's own modules is raised unchanged.
    """
    try:
        yield
    except ModuleNotFoundError as error:
        if error.name is None or error.name.partition(".")[0] == __package__:
            raise
        raise MissingExtraError(
            f'The package {error.name} is not installed. Install it with: pip install "provence-plugins[{extra}]"',
            name=error.name,
        ) from error


def is_panic(error: BaseException) -> bool:
    """Return whether an exception is a panic of a Rust extension."""
    # Every extension has a class of its own by this name, and none can be imported.
    return type(error).__name__ == "PanicException"


@contextmanager
def translate_panics(error_type: type[ProvenceError], doing: str) -> Iterator[None]:
    """Translate a panic of a Rust extension, not an `Exception`, into an error of ours.

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
        raise error_type(
            f"A Rust extension panicked while {doing}: {error}. This is a fault of that extension: "
            f"leave out or change the text that causes it."
        ) from error
