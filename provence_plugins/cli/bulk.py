"""The command that prunes the requests of a file, alone, in several processes or on a cluster."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Annotated

import typer

from provence_plugins.cli.options import ModelOptions, PolicyOptions
from provence_plugins.cli.streams import report

if TYPE_CHECKING:
    from provence_plugins.cli.bulk_input import LineSource
    from provence_plugins.cli.bulk_lines import GroupPruner
    from provence_plugins.cli.bulk_record import RunSettings
    from provence_plugins.cli.bulk_workers import EngineSettings

# A fingerprint identifies the model: its files may have moved when a run is resumed.
_MODEL_NAMES = ("model", "revision")


@dataclass(frozen=True, slots=True, kw_only=True)
class WritingOptions:
    """What to do with an output that already exists."""

    resume: Annotated[
        bool, typer.Option("--resume", help="Continue an earlier run with the same input and options.")
    ] = False
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace the content of OUT.")] = False

    def check(self) -> None:
        """Check that at most one of the options is given.

        Raises:
            BadParameter: Both are given.
        """
        if self.resume and self.overwrite:
            raise typer.BadParameter("Use only one of --resume and --overwrite.")


@dataclass(frozen=True, slots=True, kw_only=True)
class PlaceOptions:
    """Where lines are pruned: in this process, in several, or on a cluster."""

    workers: Annotated[
        int | None,
        typer.Option(
            min=1,
            help="Number of processes, each with the model.",
            show_default="1; with --ray as many as the cluster has room for",
        ),
    ] = None
    ray: Annotated[
        str | None,
        typer.Option(
            help="Prune on a Ray cluster: its address HOST:PORT, auto for the one that runs here, or local to start "
            "one on this machine.",
            show_default="no cluster",
        ),
    ] = None

    @contextmanager
    def open(
        self,
        settings: "EngineSettings",
        source: str,
        *,
        only_requests: bool,
    ) -> Iterator["GroupPruner"]:
        """Load the model wherever lines are pruned.

        Raises:
            ProvenceError: The model or the cluster cannot be opened.
        """
        if self.ray is not None:
            from provence_plugins.cli.bulk_ray import open_cluster, require_file

            require_file(source)
            with open_cluster(self.ray, settings, self.workers) as cluster:
                yield cluster.prune_file(source, only_requests=only_requests)
        elif self.workers is not None and self.workers > 1:
            from provence_plugins.cli.bulk_workers import open_workers

            with open_workers(settings, self.workers) as pool:
                yield pool.prune_groups
        else:
            from provence_plugins.cli.bulk_lines import prune_here

            with settings.model.open() as pruner:
                yield prune_here(pruner, settings.policy)


def bulk(
    source: Annotated[
        str,
        typer.Argument(
            metavar="IN",
            help="JSON lines, compressed if it ends in .gz, or a file that ends in .parquet; - is standard input.",
        ),
    ],
    target: Annotated[
        str,
        typer.Argument(metavar="OUT", help="JSON lines, or a file that ends in .parquet; - is standard output."),
    ],
    policy: PolicyOptions,
    model: ModelOptions,
    writing: WritingOptions,
    place: PlaceOptions,
) -> None:
    """Prune the requests of a file of JSON lines or a Parquet file.

    A line is {"query": ..., "passages": [...]}; a passage is a text, or {"text": ..., "title":
    ...}. A Parquet file has the same names as columns.
    """
    from provence_plugins.cli.bulk_files import open_output
    from provence_plugins.cli.bulk_input import count_lines, is_parquet, open_input
    from provence_plugins.cli.bulk_lines import prune_lines
    from provence_plugins.cli.bulk_tally import PruneTally, write_lines
    from provence_plugins.cli.bulk_workers import EngineSettings

    writing.check()
    only_requests = is_parquet(target)
    total = count_lines(source) if sys.stderr.isatty() else None
    engine = EngineSettings(model, policy.build())
    with (
        open_input(source, only_requests=only_requests) as lines,
        place.open(engine, source, only_requests=only_requests) as prune_groups,
    ):
        settings = _run_settings(engine, lines)
        with open_output(target, lines, settings, resume=writing.resume, overwrite=writing.overwrite) as output:
            tally = PruneTally(earlier=output.lines, failed=output.failed, can_resume=output.can_resume)
            results = prune_lines(lines, prune_groups, done=output.lines, check_group=output.check_group)
            write_lines(results, output, tally, total=total)
    report(tally.summary())
    raise typer.Exit(1 if tally.failed else 0)


def _run_settings(engine: "EngineSettings", lines: "LineSource") -> "RunSettings":
    from provence_plugins.cli.bulk_input import file_size
    from provence_plugins.cli.bulk_record import RunSettings

    # How many processes prune is not among them: it changes nothing in the output.
    options = {**asdict(engine.model), **asdict(engine.policy)}
    for name in _MODEL_NAMES:
        del options[name]
    return RunSettings(engine.fingerprint(), file_size(lines), options)
