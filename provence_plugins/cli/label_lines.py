"""Label the question–passage pairs in groups of lines, with a pruner or with a chat model."""

from collections import deque
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

from provence_plugins.cli.bulk_lines import BulkLine, GroupPruner, LineGroup, prune_outcomes
from provence_plugins.data.silver import raw_score, silver_values
from provence_plugins.engine.policy import PruningPolicy
from provence_plugins.engine.pruner import Pruner
from provence_plugins.engine.requests import PruneRequest, decode_json
from provence_plugins.engine.results import PruneResult
from provence_plugins.errors import InvalidInputError, ReaderTimeoutError, UnreadableAnswerError
from provence_plugins.labelling.chat_labeller import ChatLabeller
from provence_plugins.labelling.pairs import Pair, labelled_line, read_pair

# Nothing is dropped by it, and which sentences are kept is not asked.
_KEEP_ALL = PruningPolicy(threshold=0.0)

# Requests that are sent or wait, for each that may run at a time: enough that none of the threads
# is ever idle.
_AHEAD = 2


@dataclass(frozen=True, slots=True)
class _Line:
    """A line that holds a pair, and its number."""

    number: int
    # Any: whatever JSON holds.
    content: dict[str, Any]
    pair: Pair


def label_with_pruner(pruner: Pruner) -> GroupPruner:
    """Return a function that writes the scores of a pruner, with batches across lines."""

    def label(groups: Iterator[LineGroup]) -> Iterator[BulkLine]:
        for group in groups:
            read = [_read(number, line) for number, line in enumerate(group.lines, group.first)]
            requests = (PruneRequest(row.pair.question, [row.pair.passage]) for row in read if isinstance(row, _Line))
            outcomes = prune_outcomes(requests, pruner, _KEEP_ALL)
            for row in read:
                yield row if isinstance(row, BulkLine) else _from_pruner(row, next(outcomes))

    return label


def label_with_chat(labeller: ChatLabeller, *, concurrency: int, done: int) -> GroupPruner:
    """Return a function that writes what a chat model cites.

    Args:
        labeller: Asks the model.
        concurrency: Maximum number of requests at a time.
        done: Number of lines that were labelled before; they are not asked again.
    """

    def label(groups: Iterator[LineGroup]) -> Iterator[BulkLine]:
        pool = ThreadPoolExecutor(concurrency, thread_name_prefix="provence-label")
        asked: deque[Future[BulkLine]] = deque()
        try:
            for number, line in _numbered(groups):
                if number > done:
                    asked.append(pool.submit(_from_chat, number, line, labeller))
                # Lines are written in order, so what is answered ahead of a slow request is lost if
                # the run is killed.
                if len(asked) >= concurrency * _AHEAD:
                    yield asked.popleft().result()
            while asked:
                yield asked.popleft().result()
        finally:
            # After an error or Ctrl-C the requests that wait are not sent.
            pool.shutdown(wait=False, cancel_futures=True)

    return label


def read_pairs(lines: Iterator[bytes]) -> Iterator[Pair]:
    """Yield the pairs of lines; lines without a valid pair are skipped."""
    for line in lines:
        row = _read(0, line)
        if isinstance(row, _Line):
            yield row.pair


def _numbered(groups: Iterator[LineGroup]) -> Iterator[tuple[int, bytes]]:
    for group in groups:
        yield from enumerate(group.lines, group.first)


def _read(number: int, line: bytes) -> _Line | BulkLine:
    try:
        content = decode_json(line)
        pair = read_pair(content)
        assert isinstance(content, dict)
        return _Line(number, content, pair)
    except InvalidInputError as error:
        return _failed(number, error)


def _failed(number: int, error: Exception) -> BulkLine:
    return BulkLine(number, str(error), {"line": number, "error": str(error)})


def _from_pruner(row: _Line, outcome: PruneResult | Exception) -> BulkLine:
    if not isinstance(outcome, PruneResult):
        return _failed(row.number, outcome)
    [passage] = (*outcome.passages, *outcome.dropped)
    scored = passage.scored
    if not scored.is_legible:
        return BulkLine(row.number, None, {"line": row.number, "discarded": "unknown script"})
    silver = silver_values(scored.sentences, scored.probabilities)
    score = raw_score(scored.relevance_probability)
    return BulkLine(row.number, None, labelled_line(row.number, row.content, silver, score))


def _from_chat(number: int, line: bytes, labeller: ChatLabeller) -> BulkLine:
    row = _read(number, line)
    if isinstance(row, BulkLine):
        return row
    try:
        label = labeller.label(row.pair)
    except (ReaderTimeoutError, UnreadableAnswerError) as error:
        return _failed(row.number, error)
    if label.silver is None:
        discarded = {"line": row.number, "discarded": label.discarded, "answer": label.answer}
        return BulkLine(row.number, None, discarded)
    return BulkLine(row.number, None, labelled_line(row.number, row.content, label.silver))
