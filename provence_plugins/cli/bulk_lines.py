"""Prune requests in JSON lines, a group of lines at a time: one result for each line, in order."""

import json
from codecs import getincrementaldecoder
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from provence_plugins.engine.policy import PruningPolicy
from provence_plugins.engine.pruner import Pruner
from provence_plugins.engine.requests import PruneRequest, decode_json, is_deeper_than, read_request
from provence_plugins.engine.results import PruneResult, PruneStats
from provence_plugins.errors import InvalidInputError, InvalidScoresError
from provence_plugins.thresholds import Thresholds

# Lines are pruned in groups whose bounds depend on the input alone. A resumed run prunes the group
# in which it was stopped again from its beginning: the same batches give the same numbers to the
# last bit, which other batches would not.
_GROUP_LINES = 256
_GROUP_BYTES = 4_000_000

# Keys that are reserved for the output.
OWN_KEYS = {"line", "error", *PruneResult("", (), (), PruningPolicy(), Thresholds(0.0)).to_dict()}

# Most passages are dropped; their texts lie in the input and would make the output as large.
_DROPPED_KEYS = ("index", "relevance", "tokens_before")

# Far below the depth at which Python stops to read or write JSON.
_MAX_DEPTH = 100

# The first bytes of a binary file tell it from text.
_BYTES_TOLD_APART = 64


@dataclass(frozen=True, slots=True)
class BulkLine:
    """The outcome of one line of input.

    Attributes:
        number: Number of the line, from 1.
        error: Why the line could not be pruned; None when it was.
        content: The values of its line of output.
        stats: Tokens and passages before and after; zeros for an error.
    """

    number: int
    error: str | None
    # Any: whatever JSON the caller's own keys hold.
    content: dict[str, Any]
    stats: PruneStats = field(default_factory=PruneStats)

    def to_json(self) -> str:
        """Return the line of output, its line end included."""
        return json.dumps(self.content, ensure_ascii=False, allow_nan=False) + "\n"


@dataclass(frozen=True, slots=True)
class LineGroup:
    """Consecutive lines of the input that are pruned together.

    Attributes:
        first: Number of the first of them, from 1.
        lines: The lines.
    """

    first: int
    lines: Sequence[bytes]

    @property
    def last(self) -> int:
        """Number of the last line."""
        return self.first + len(self.lines) - 1


GroupPruner = Callable[[Iterator[LineGroup]], Iterator[BulkLine]]
"""Prunes the lines of groups, in order: in this process, in several, or on a cluster."""


def prune_lines(
    lines: Iterable[bytes],
    prune_groups: GroupPruner,
    *,
    done: int = 0,
    check_group: Callable[[Sequence[bytes]], None] | None = None,
) -> Iterator[BulkLine]:
    """Prune the request of every line, in order, with batches that reach across lines.

    A request is an object with `query` and `passages`, a list of strings and of objects with `text`
    and `title`. Its other keys go into its line of output unchanged. A line without such a request
    gives an error, and so does a line for which the model returns NaN; the rest continues. Memory
    does not grow with the number of lines.

    Args:
        lines: The requests.
        prune_groups: Where they are pruned, see `prune_here`.
        done: Number of lines at the beginning that were pruned before and are skipped.
        check_group: Called with each group of lines before any of them is pruned.

    Raises:
        InvalidInputError: There are fewer lines than `done`, or the lines are not text.
    """
    number = 0

    def due() -> Iterator[LineGroup]:
        nonlocal number
        for group in group_lines(lines):
            if check_group is not None:
                check_group(group.lines)
            number = group.last
            if number > done:
                yield group

    for line in prune_groups(due()):
        if line.number > done:
            yield line
    if number < done:
        raise InvalidInputError(
            f"The input has {number} lines, but the output already has {done}, so the input has "
            f"changed. Resume with the same input, or start over with --overwrite."
        )


def prune_here(pruner: Pruner, policy: PruningPolicy | None = None) -> GroupPruner:
    """Return a function that prunes groups in this process.

    Args:
        pruner: The pruner.
        policy: What to keep; None takes the pruner's own policy.
    """

    def prune(groups: Iterator[LineGroup]) -> Iterator[BulkLine]:
        for group in groups:
            yield from prune_group(group, pruner, policy)

    return prune


def group_lines(lines: Iterable[bytes]) -> Iterator[LineGroup]:
    """Cut lines into groups that are pruned together; the same lines give the same groups.

    Raises:
        InvalidInputError: The lines are not text.
    """
    first, size = 1, 0
    group: list[bytes] = []
    for line in lines:
        if first == 1 and not group:
            _require_text(line)
        group.append(line)
        size += len(line)
        if len(group) == _GROUP_LINES or size >= _GROUP_BYTES:
            yield LineGroup(first, group)
            first, group, size = first + len(group), [], 0
    if group:
        yield LineGroup(first, group)


def _require_text(line: bytes) -> None:
    """Refuse a binary file as a whole instead of reporting each of its "lines"."""
    begin = line[:_BYTES_TOLD_APART].strip()
    is_text = not any(byte < 0x20 and byte not in b"\t\r" for byte in begin)
    try:
        getincrementaldecoder("utf-8")().decode(begin)
    except UnicodeDecodeError:
        is_text = False
    if not is_text:
        raise InvalidInputError(
            f"The input is a binary file: it begins with {begin[:8]!r}. Give JSON lines in UTF-8; "
            f"the name of a file that is compressed with gzip must end in .gz."
        )


@dataclass(frozen=True, slots=True)
class _Line:
    """A line that holds a request, and the other keys of the line, which its result gets too."""

    request: PruneRequest
    other: dict[str, Any]


def prune_group(
    group: LineGroup,
    pruner: Pruner,
    policy: PruningPolicy | None = None,
) -> Iterator[BulkLine]:
    """Prune the lines of a group, in order.

    Args:
        group: The lines.
        pruner: The pruner.
        policy: What to keep; None takes the pruner's own policy.

    Raises:
        ProvenceError: The model or the splitter failed for a reason that is not in one of the
            lines.
    """
    read = [_read_or_error(line) for line in group.lines]
    requests = (line.request for line in read if isinstance(line, _Line))
    outcomes = prune_outcomes(requests, pruner, policy)
    for number, line in enumerate(read, group.first):
        outcome = next(outcomes) if isinstance(line, _Line) else line
        if isinstance(line, _Line) and isinstance(outcome, PruneResult):
            content = {"line": number, **line.other, **_compact(outcome)}
            yield BulkLine(number, None, content, outcome.stats)
        else:
            yield BulkLine(number, str(outcome), {"line": number, "error": str(outcome)})


def _compact(result: PruneResult) -> dict[str, Any]:
    values = result.to_dict()
    values["dropped"] = [{key: passage[key] for key in _DROPPED_KEYS} for passage in values["dropped"]]
    return values


def prune_outcomes(
    requests: Iterator[PruneRequest], pruner: Pruner, policy: PruningPolicy | None
) -> Iterator[PruneResult | InvalidInputError | InvalidScoresError]:
    """Yield the result of each request, in order, or the error of one that cannot be pruned."""
    # The requests that were read and whose outcome is not known yet.
    pending: deque[PruneRequest] = deque()

    def read() -> Iterator[PruneRequest]:
        for request in requests:
            pending.append(request)
            yield request

    while True:
        try:
            for result in pruner.prune_many(read(), policy):
                pending.popleft()
                yield result
            return
        except InvalidInputError as error:
            # The results before it are out, and the requests after it are not yet taken.
            pending.popleft()
            yield error
        except InvalidScoresError:
            # One request spoils the batches that it shares with others, so each of them is pruned
            # by itself.
            while pending:
                yield _outcome_alone(pending.popleft(), pruner, policy)


def _outcome_alone(
    request: PruneRequest, pruner: Pruner, policy: PruningPolicy | None
) -> PruneResult | InvalidInputError | InvalidScoresError:
    try:
        return pruner.prune(*request, policy)
    except (InvalidInputError, InvalidScoresError) as error:
        return error


def _read_or_error(line: bytes) -> _Line | InvalidInputError:
    try:
        return _read(line)
    except InvalidInputError as error:
        return error


def _read(line: bytes) -> _Line:
    request, other = read_request(decode_json(line))
    if taken := OWN_KEYS & other.keys():
        raise InvalidInputError(f"The key {min(taken)!r} is reserved for the output. Rename this key of the line.")
    if is_deeper_than(other, _MAX_DEPTH):
        raise InvalidInputError(f"A key of the line is nested more than {_MAX_DEPTH} deep. Flatten it.")
    return _Line(request, other)
