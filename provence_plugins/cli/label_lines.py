"""Label the question–passage pairs in groups of lines, with a pruner or with a chat model."""

from collections import deque
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from itertools import compress
from typing import Any

from provence_plugins.cli.bulk_lines import BulkLine, GroupPruner, LineGroup, prune_outcomes
from provence_plugins.data.silver import raw_score, silver_values
from provence_plugins.engine.passages import ScoredPassage
from provence_plugins.engine.policy import PruningPolicy
from provence_plugins.engine.pruner import Pruner
from provence_plugins.engine.requests import PruneRequest, decode_json
from provence_plugins.engine.results import PruneResult
from provence_plugins.errors import InvalidInputError, ReaderTimeoutError, UnreadableAnswerError
from provence_plugins.labelling.chat_labeller import ChatLabeller
from provence_plugins.labelling.pairs import Pair, labelled_line, read_pair, without_texts
from provence_plugins.labelling.similarity import SimilarityMixer

# Nothing is dropped by it, and which sentences are kept is not asked.
_KEEP_ALL = PruningPolicy(threshold=0.0)

# Requests that are sent or wait, for each that may run at a time: enough that none of the threads
# is ever idle.
_AHEAD = 2


@dataclass(frozen=True, slots=True)
class _Line:
    """A line that holds a pair, its number, and what of it is written beside the labels."""

    number: int
    # Any: whatever JSON holds.
    content: dict[str, Any]
    pair: Pair


def label_with_pruner(
    pruner: Pruner,
    mixer: SimilarityMixer | None = None,
    *,
    labels_only: bool = False,
) -> GroupPruner:
    """Return a function that writes the scores of a pruner, with batches across lines.

    Args:
        pruner: The teacher.
        mixer: Mixes its relevance with the similarity of question and passage; None leaves it as it
            is.
        labels_only: Whether texts are left out.
    """

    def label(groups: Iterator[LineGroup]) -> Iterator[BulkLine]:
        for group in groups:
            read = [_read(number, line, labels_only) for number, line in enumerate(group.lines, group.first)]
            rows = [row for row in read if isinstance(row, _Line)]
            requests = (PruneRequest(row.pair.question, [row.pair.passage]) for row in rows)
            outcomes = prune_outcomes(requests, pruner, _KEEP_ALL)
            labelled: Iterator[BulkLine] = map(_from_pruner, rows, outcomes)
            if mixer is not None:
                labelled = _mixed(rows, list(outcomes), mixer)
            for row in read:
                yield row if isinstance(row, BulkLine) else next(labelled)

    return label


def label_with_chat(
    labeller: ChatLabeller,
    *,
    concurrency: int,
    done: int,
    labels_only: bool = False,
) -> GroupPruner:
    """Return a function that writes what a chat model cites.

    Args:
        labeller: Asks the model.
        concurrency: Maximum number of requests at a time.
        done: Number of lines that were labelled before; they are not asked again.
        labels_only: Whether texts are left out.
    """

    def label(groups: Iterator[LineGroup]) -> Iterator[BulkLine]:
        pool = ThreadPoolExecutor(concurrency, thread_name_prefix="provence-label")
        asked: deque[Future[BulkLine]] = deque()
        try:
            for number, line in _numbered(groups):
                if number > done:
                    asked.append(pool.submit(_from_chat, _read(number, line, labels_only), labeller))
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
        row = _read(0, line, labels_only=False)
        if isinstance(row, _Line):
            yield row.pair


def _numbered(groups: Iterator[LineGroup]) -> Iterator[tuple[int, bytes]]:
    for group in groups:
        yield from enumerate(group.lines, group.first)


def _read(number: int, line: bytes, labels_only: bool) -> _Line | BulkLine:
    try:
        content = decode_json(line)
        pair = read_pair(content)
        assert isinstance(content, dict)
        return _Line(number, without_texts(content) if labels_only else content, pair)
    except InvalidInputError as error:
        return _failed(number, error)


def _failed(number: int, error: Exception) -> BulkLine:
    return BulkLine(number, str(error), {"line": number, "error": str(error)})


def _mixed(
    rows: Sequence[_Line],
    outcomes: Sequence[PruneResult | Exception],
    mixer: SimilarityMixer,
) -> Iterator[BulkLine]:
    """Yield the lines of rows; only those that the pruner scored are mixed."""
    scored = [isinstance(outcome, PruneResult) for outcome in outcomes]
    pairs = [row.pair for row in compress(rows, scored)]
    probabilities = [
        _passage_of(outcome).relevance_probability for outcome in outcomes if isinstance(outcome, PruneResult)
    ]
    mixed = iter(mixer.mix(pairs, probabilities))
    for row, outcome, is_scored in zip(rows, outcomes, scored, strict=True):
        yield _from_pruner(row, outcome, next(mixed) if is_scored else None)


def _from_pruner(
    row: _Line,
    outcome: PruneResult | Exception,
    relevance: float | None = None,
) -> BulkLine:
    """Return the line of a row, with another relevance than the pruner's if one is given."""
    if not isinstance(outcome, PruneResult):
        return _failed(row.number, outcome)
    scored = _passage_of(outcome)
    if not scored.is_legible:
        return BulkLine(row.number, None, {"line": row.number, "discarded": "unknown script"})
    silver = silver_values(scored.sentences, scored.probabilities)
    if relevance is None:
        relevance = raw_score(scored.relevance_probability)
    return BulkLine(row.number, None, labelled_line(row.number, row.content, silver, relevance))


def _passage_of(outcome: PruneResult) -> ScoredPassage:
    """Return the only passage of a request, which is kept or dropped."""
    [passage] = (*outcome.passages, *outcome.dropped)
    return passage.scored


def _from_chat(row: _Line | BulkLine, labeller: ChatLabeller) -> BulkLine:
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
