"""The batches of a run, one epoch after another, made ahead by other processes if there are any."""

import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import count, islice
from random import Random

from provence_plugins.data.examples import Example
from provence_plugins.engine.planning import Planner
from provence_plugins.errors import needs_extra
from provence_plugins.tokens.batches import iter_batches, padded_length
from provence_plugins.training.sampling import Draw, LabelledWindow, epoch_of, labelled_windows
from provence_plugins.training.settings import DataSettings

with needs_extra("train"):
    from torch.utils.data import DataLoader, IterableDataset, get_worker_info

# Rows of a batch are padded to a multiple of this. oneDNN keeps a compiled kernel for every shape
# that it has met; with lengths of every kind a run on a CPU grew by several hundred megabytes a
# minute.
LENGTH_STEP = 16

# Examples that are cut into windows and sorted by length together: a number for each this many
# tokens of a batch, and at least so many. Enough for like lengths, few enough to stay mixed.
_TOKENS_PER_EXAMPLE = 12
_FEWEST_EXAMPLES = 256


@dataclass(frozen=True, slots=True)
class TrainingBatch:
    """Windows of one step.

    Attributes:
        items: The windows with their labels.
        epochs: Number of epochs read once this batch is read, the running one counted in part.
    """

    items: list[LabelledWindow]
    epochs: float


def iter_batches_forever(
    examples: Sequence[Example],
    planner: Planner,
    data: DataSettings,
    *,
    batch_tokens: int,
    seed: int,
    workers: int = 0,
) -> Iterator[TrainingBatch]:
    """Yield the batches of one epoch after another.

    The same seed gives the same batches, with any number of workers, which is what a resumed run
    needs.

    Args:
        examples: What an epoch is drawn from.
        planner: Cuts passages into windows.
        data: How they are drawn and cut.
        batch_tokens: Maximum number of tokens in a batch, padding included.
        seed: Seed of every random choice.
        workers: Number of processes that make batches ahead; 0 makes them here.
    """
    portions = _Portions(examples, _BatchMaker(planner, data, batch_tokens, seed))
    # Without a batch size the loader hands over each portion as it is; it takes them from one process after another, so
    # in order.
    loader = DataLoader(portions, batch_size=None, num_workers=workers, worker_init_fn=_prepare_worker)
    for batches in loader:
        yield from batches


@dataclass(frozen=True, slots=True)
class _BatchMaker:
    """Cuts examples into batches; see `iter_batches_forever`."""

    planner: Planner
    data: DataSettings
    batch_tokens: int
    seed: int

    @property
    def portion(self) -> int:
        """Number of examples that are cut together."""
        return max(_FEWEST_EXAMPLES, self.batch_tokens // _TOKENS_PER_EXAMPLE)

    def make(self, draws: Sequence[Draw], random: Random) -> list[list[LabelledWindow]]:
        """Return the windows of some draws in random batches of similar lengths."""
        gathered: list[LabelledWindow] = []
        for draw in draws:
            gathered += labelled_windows(draw.read(), self.planner, self.data, random)
        lengths = [padded_length(len(item.window.ids), multiple=LENGTH_STEP) for item in gathered]
        groups = list(iter_batches(lengths, max_batch_tokens=self.batch_tokens))
        random.shuffle(groups)
        return [[gathered[row] for row in rows] for rows in groups]


class _Portions(IterableDataset[list[TrainingBatch]]):
    """Epochs without end in portions of some hundred examples, each with a seed of its own.

    Of several processes each draws all epochs and cuts its own portions, so that none of them waits
    for the others where a new epoch begins.
    """

    def __init__(self, examples: Sequence[Example], maker: _BatchMaker) -> None:
        self._examples = examples
        self._maker = maker

    def __iter__(self) -> Iterator[list[TrainingBatch]]:
        """Yield the batches of portion after portion, or of every n-th in one of n processes."""
        worker = get_worker_info()
        first, step = (0, 1) if worker is None else (worker.id, worker.num_workers)
        for epoch, number, chosen in islice(self._places(), first, None, step):
            yield self._cut(epoch, number, chosen)

    def _places(self) -> Iterator[tuple[int, int, Sequence[Draw]]]:
        """Yield epoch, number and draws of the epoch for portion after portion."""
        maker = self._maker
        for epoch in count():
            chosen = epoch_of(self._examples, maker.data, Random(f"{maker.seed} {epoch}"))
            yield from ((epoch, number, chosen) for number in range(-(-len(chosen) // maker.portion)))

    def _cut(self, epoch: int, number: int, chosen: Sequence[Draw]) -> list[TrainingBatch]:
        size = self._maker.portion
        part = chosen[number * size : (number + 1) * size]
        groups = self._maker.make(part, Random(f"{self._maker.seed} {epoch} {number}"))
        batches = []
        for read, items in enumerate(groups, start=1):
            examples = number * size + len(part) * read / len(groups)
            batches.append(TrainingBatch(items, epoch + examples / len(chosen)))
        return batches


def _prepare_worker(number: int) -> None:
    # The processes take the place of the tokenizer's threads, which do not survive a fork.
    os.environ["TOKENIZERS_PARALLELISM"] = "false"
