"""Write the results of a run over lines, and count them for its summary."""

import sys
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from provence_plugins.cli.bulk_input import DamagedInputError
from provence_plugins.cli.streams import InterruptedRunError, report
from provence_plugins.errors import BackendError, ReaderError

if TYPE_CHECKING:
    from provence_plugins.cli.bulk_lines import BulkLine
    from provence_plugins.cli.bulk_output import BulkOutput


class Tally:
    """Counts what a run has done.

    Args:
        earlier: Number of lines that the resumed run had written.
        failed: How many of them are errors.
        can_resume: Whether this run can be resumed.
    """

    def __init__(self, *, earlier: int, failed: int, can_resume: bool) -> None:
        self.failed = failed
        self._earlier = earlier
        self._can_resume = can_resume
        self._lines = 0
        self._began = time.perf_counter()

    def add(self, line: "BulkLine") -> None:
        """Count a line that was written."""
        self._lines += 1
        self.failed += line.error is not None

    def facts(self) -> list[str]:
        """Return what the lines of this run have in common."""
        return []

    def summary(self) -> str:
        """Return one line about the whole run."""
        seconds = time.perf_counter() - self._began
        parts = [f"{self._written} written"]
        if self._earlier:
            parts.append(f"{self._earlier:,} of them by earlier runs")
        if self.failed:
            parts.append(f"{self.failed:,} of them errors")
        return "; ".join([*parts, *self.facts(), f"{seconds:.1f} seconds, {self._lines / seconds:.1f} lines a second"])

    @contextmanager
    def explain_stop(self) -> Iterator[None]:
        """Say how many lines are complete and how to continue, when something ends the run."""
        try:
            yield
        except KeyboardInterrupt as stop:
            raise InterruptedRunError(f"Interrupted. {self._state()}.") from stop
        except BrokenPipeError:
            raise
        except (BackendError, ReaderError) as error:
            raise type(error)(f"{error} {self._state()}.") from error
        except DamagedInputError as error:
            # No advice: a run cannot be resumed with a repaired file of another size.
            raise DamagedInputError(f"{error} {self._written} complete.") from error
        except OSError as error:
            if error.errno is None:
                raise OSError(f"{error}. {self._state()}.") from error
            raise OSError(error.errno, f"{error.strerror}. {self._state()}", error.filename) from error

    @property
    def _written(self) -> str:
        count = self._earlier + self._lines
        return f"{count:,} line" if count == 1 else f"{count:,} lines"

    def _state(self) -> str:
        advice = "; continue with --resume" if self._can_resume else ""
        return f"{self._written} complete{advice}"


class PruneTally(Tally):
    """Counts the tokens that pruning removes, beside lines and errors."""

    def __init__(self, *, earlier: int, failed: int, can_resume: bool) -> None:
        from provence_plugins.engine.results import PruneStats

        super().__init__(earlier=earlier, failed=failed, can_resume=can_resume)
        self._stats = PruneStats()

    def add(self, line: "BulkLine") -> None:
        """Count a line that was written."""
        super().add(line)
        self._stats += line.stats

    def facts(self) -> list[str]:
        """Return how many tokens were removed."""
        stats = self._stats
        counts = f"{stats.tokens_before:,} tokens before, {stats.tokens_after:,} after"
        return [f"{counts}, {stats.removed_share:.0%} removed"]


class LabelTally(Tally):
    """Counts the answers that were discarded, too, by their reasons."""

    def __init__(self, *, earlier: int, failed: int, can_resume: bool) -> None:
        super().__init__(earlier=earlier, failed=failed, can_resume=can_resume)
        self._discarded: Counter[str] = Counter()

    def add(self, line: "BulkLine") -> None:
        """Count a line that was written."""
        super().add(line)
        if "discarded" in line.content:
            self._discarded[line.content["discarded"]] += 1

    def facts(self) -> list[str]:
        """Return how many answers were discarded by this run, and why."""
        if not self._discarded:
            return []
        reasons = ", ".join(f"{count:,} {reason}" for reason, count in self._discarded.most_common())
        return [f"{self._discarded.total():,} answers discarded ({reasons})"]


def write_lines(
    results: "Iterator[BulkLine]",
    output: "BulkOutput",
    tally: Tally,
    *,
    total: int | None,
) -> None:
    """Write the results of a run, show the progress on a terminal, and report each error.

    Args:
        results: The results that earlier runs have not written yet.
        output: Where they go.
        tally: Counts them.
        total: Number of lines of the input; None if it is not known.
    """
    from tqdm import tqdm

    is_watched = sys.stderr.isatty()
    with (
        tqdm(total=total, initial=output.lines, unit=" lines", disable=not is_watched, leave=False) as bar,
        tally.explain_stop(),
    ):
        for line in results:
            output.write(line.to_json())
            tally.add(line)
            bar.update()
            if line.error is not None:
                with tqdm.external_write_mode(sys.stderr):
                    report(f"line {line.number}: {line.error}")
        output.finish()
