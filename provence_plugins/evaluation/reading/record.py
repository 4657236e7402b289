"""The record of a run: every answer at once, so that a stopped run can be continued."""

import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any, TextIO

from provence_plugins.data.locked_files import open_locked
from provence_plugins.errors import InvalidInputError
from provence_plugins.readers.reader import Message

_KIND = "provence_reader_run"
_FORMAT = 1


@dataclass(frozen=True, slots=True)
class RecordedAnswer:
    """What a reader said to one prompt.

    Attributes:
        prompt: Fingerprint of the prompt, of the answer that was scored and of the limit of tokens.
        session: Which run asked; times of one run can be compared.
        text: The answer; "" after a failure.
        log_probability: Mean log-probability per token of the right answer; None when it is not
            known.
        prompt_tokens: Tokens of the prompt; None when the reader does not tell.
        answer_tokens: Tokens of the answer; None when the reader does not tell, or an earlier
            version wrote the row.
        prefill_seconds: Seconds until the prompt was read; None when the reader does not tell.
        seconds: Seconds of the whole answer.
        failure: Why there is no answer; "" when there is one.
        arm: The arm that it was asked in; another arm may show the same text.
        choosing_seconds: How long the choice of this arm's text took; None in a row of an earlier
            version.
    """

    prompt: str
    session: str
    text: str = ""
    log_probability: float | None = None
    prompt_tokens: int | None = None
    answer_tokens: int | None = None
    prefill_seconds: float | None = None
    seconds: float = 0.0
    failure: str = ""
    arm: str = ""
    choosing_seconds: float | None = None


class ReadingRecord:
    """The answers of earlier runs by their prompts, and the file that gets the new ones."""

    def __init__(self, stream: TextIO, answers: dict[str, RecordedAnswer]) -> None:
        self._stream = stream
        self._answers = answers

    def __len__(self) -> int:
        """Return the number of answers; failures do not count."""
        return len(self._answers)

    def find(self, prompt: str) -> RecordedAnswer | None:
        """Return the answer to a prompt; None if there is none yet, or if it failed before."""
        return self._answers.get(prompt)

    def add(self, answer: RecordedAnswer, about: Mapping[str, str]) -> None:
        """Write an answer, with facts that help a person to find it.

        Raises:
            OSError: The file takes no more.
        """
        _write(self._stream, {**about, **asdict(answer)})
        if not answer.failure:
            self._answers[answer.prompt] = answer


@contextmanager
def open_record(path: Path, reader: str) -> Iterator[ReadingRecord]:
    """Open a new record, or that of an earlier run with the same reader, for this run alone.

    A record of another reader that holds no answer, such as that of a run whose reader was mistyped, is replaced.

    Args:
        path: The file, JSON lines.
        reader: How the reader was named.

    Raises:
        InvalidInputError: The file is not a record, holds answers of another reader, or is in use by
            another run.
        OSError: The file cannot be read or written.
    """
    # One lock for a file, whichever link to it is named.
    with open_locked(path.resolve()):
        answers = _read(path, reader) if path.stat().st_size else {}
        with open(path, "a", encoding="utf-8") as stream:
            if not path.stat().st_size:
                _write(stream, {_KIND: _FORMAT, "reader": reader})
            yield ReadingRecord(stream, answers)


def fingerprint(messages: Sequence[Message], right_answer: str, max_tokens: int) -> str:
    """Return what an answer depends on, for one reader, as a short text."""
    content = [[message.to_dict() for message in messages], right_answer, max_tokens]
    return sha256(json.dumps(content).encode()).hexdigest()[:32]


# Any: plain values of every kind.
def _write(stream: TextIO, row: Mapping[str, Any]) -> None:
    # In ASCII, half a surrogate pair is an escape, and no character of an answer looks like the end of a line.
    stream.write(json.dumps(row, allow_nan=False) + "\n")
    stream.flush()


def _read(path: Path, reader: str) -> dict[str, RecordedAnswer]:
    """Return the answers of a record, cut half a line off its end, and empty it if it has none and another reader."""
    content = path.read_bytes()
    whole = content[: content.rfind(b"\n") + 1]
    lines = whole.split(b"\n")
    header = _parse(lines[0])
    if header is None or header.get(_KIND) != _FORMAT:
        raise InvalidInputError(f"{path} is not the record of a run with a reader. Name another file with --record.")
    answers: dict[str, RecordedAnswer] = {}
    for line in lines[1:]:
        answer = _to_answer(_parse(line))
        if answer is not None and not answer.failure:
            answers[answer.prompt] = answer
    is_of_another = header.get("reader") != reader
    if is_of_another and answers:
        raise InvalidInputError(
            f"{path} holds the answers of the reader {header.get('reader')!r}, and this run has "
            f"{reader!r}. Name another file with --record, one for each reader."
        )
    kept = 0 if is_of_another else len(whole)
    if kept < len(content):
        # A run that was killed left half a line, or one with another reader asked nothing.
        with open(path, "r+b") as stream:
            stream.truncate(kept)
    return answers


def _to_answer(row: dict[str, Any] | None) -> RecordedAnswer | None:
    if row is None or not {"prompt", "session"} <= row.keys():
        return None
    known = row.keys() & RecordedAnswer.__dataclass_fields__.keys()
    return RecordedAnswer(**{name: row[name] for name in known})


def _parse(line: bytes) -> dict[str, Any] | None:
    try:
        value = json.loads(line)
    except ValueError:
        return None
    return value if isinstance(value, dict) else None
