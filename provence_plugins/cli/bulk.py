"""The command that prunes the requests of a file of JSON lines."""

import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, BinaryIO

import typer

from provence_plugins.cli.options import ModelOptions, PolicyOptions
from provence_plugins.cli.streams import InterruptedRunError, report

if TYPE_CHECKING:
    from provence_plugins.cli.bulk_lines import BulkLine
    from provence_plugins.cli.bulk_record import RunSettings
    from provence_plugins.engine.policy import PruningPolicy

# A fingerprint stands for the model: the same files may lie in another place when a run is resumed.
_MODEL_NAMES = ("model", "revision")


def bulk(
    source: Annotated[
        str, typer.Argument(metavar="IN", help="JSON lines, packed if the name ends in .gz; - is standard input.")
    ],
    target: Annotated[str, typer.Argument(metavar="OUT", help="JSON lines; - is standard output.")],
    policy: PolicyOptions,
    model: ModelOptions,
    resume: Annotated[
        bool, typer.Option("--resume", help="Continue an earlier run with the same input and options.")
    ] = False,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace the content of OUT.")] = False,
) -> None:
    """Prune the requests of a file of JSON lines.

    A line is {"query": ..., "passages": [...]}; a passage is a text, or {"text": ..., "title": ...}.
    """
    from tqdm import tqdm

    from provence_plugins.cli.bulk_files import STREAM, count_lines, open_input, open_output
    from provence_plugins.cli.bulk_lines import prune_lines

    if resume and overwrite:
        raise typer.BadParameter("Use only one of --resume and --overwrite.")
    chosen, is_watched = policy.build(), sys.stderr.isatty()
    # A pipe can be read only once.
    total = count_lines(source) if is_watched and source != STREAM and Path(source).is_file() else None
    with model.open() as pruner, open_input(source) as lines:
        settings = _settings(model, chosen, lines)
        with (
            open_output(target, lines, settings, resume=resume, overwrite=overwrite) as output,
            tqdm(total=total, initial=output.lines, unit=" lines", disable=not is_watched, leave=False) as bar,
        ):
            tally = _Tally(earlier=output.lines, failed=output.failed, can_resume=output.can_resume)
            with tally.explain_stop():
                for line in prune_lines(lines, pruner, chosen, done=output.lines, check_group=output.check_group):
                    output.write(line.to_json())
                    tally.add(line)
                    bar.update()
                    if line.error is not None:
                        with tqdm.external_write_mode(sys.stderr):
                            report(f"line {line.number}: {line.error}")
    report(tally.summary())
    raise typer.Exit(1 if tally.failed else 0)


def _settings(model: ModelOptions, policy: "PruningPolicy", lines: BinaryIO) -> "RunSettings":
    from provence_plugins.cli.bulk_files import file_size
    from provence_plugins.cli.bulk_record import RunSettings, fingerprint_model
    from provence_plugins.model.checkpoint import open_checkpoint

    options = {**asdict(model), **asdict(policy)}
    for name in _MODEL_NAMES:
        del options[name]
    folder = open_checkpoint(model.model, revision=model.revision).folder
    return RunSettings(fingerprint_model(folder), file_size(lines), options)


class _Tally:
    """Counts what a run has done, for its last words.

    Args:
        earlier: Number of lines that the resumed run had written.
        failed: How many of them are errors.
        can_resume: Whether this run can be resumed.
    """

    def __init__(self, *, earlier: int, failed: int, can_resume: bool) -> None:
        from provence_plugins.engine.results import PruneStats

        self.failed = failed
        self._earlier = earlier
        self._can_resume = can_resume
        self._lines = 0
        self._stats = PruneStats()
        self._began = time.perf_counter()

    def add(self, line: "BulkLine") -> None:
        """Count a line that was written."""
        self._lines += 1
        self._stats += line.stats
        self.failed += line.error is not None

    def summary(self) -> str:
        """Return one line about the whole run."""
        seconds = time.perf_counter() - self._began
        stats = self._stats
        parts = [f"{self._written} written"]
        if self._earlier:
            parts.append(f"{self._earlier:,} of them by earlier runs")
        if self.failed:
            parts.append(f"{self.failed:,} of them errors")
        parts += [
            f"{stats.tokens_before:,} tokens before, {stats.tokens_after:,} after, {stats.removed_share:.0%} removed",
            f"{seconds:.1f} seconds, {self._lines / seconds:.1f} lines a second",
        ]
        return "; ".join(parts)

    @contextmanager
    def explain_stop(self) -> Iterator[None]:
        """Say how many lines are complete, and how to go on, when the run is interrupted or a disk is full."""
        try:
            yield
        except KeyboardInterrupt as stop:
            raise InterruptedRunError(f"Interrupted. {self._state()}.") from stop
        except BrokenPipeError:
            raise
        except OSError as error:
            raise OSError(error.errno, f"{error.strerror}. {self._state()}", error.filename) from error

    @property
    def _written(self) -> str:
        count = self._earlier + self._lines
        return f"{count:,} line" if count == 1 else f"{count:,} lines"

    def _state(self) -> str:
        advice = "; continue with --resume" if self._can_resume else ""
        return f"{self._written} complete{advice}"
