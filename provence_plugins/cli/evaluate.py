"""The command that measures methods on labelled data."""

import shlex
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from provence_plugins.cli import streams
from provence_plugins.cli.evaluate_data import DataOptions
from provence_plugins.cli.evaluate_methods import ComparisonOptions
from provence_plugins.cli.evaluate_ranking import rank, read_graded
from provence_plugins.cli.evaluate_reader import (
    EQUAL_SIZE_METHODS,
    ReaderChoices,
    ReadingRun,
    make_reading_result,
)
from provence_plugins.cli.options import RunOptions, refuse_options, require_opener
from provence_plugins.cli.progress import show_progress

if TYPE_CHECKING:
    from provence_plugins.evaluation.experiment import Experiment, FigureOptions
    from provence_plugins.evaluation.methods.catalogue import LoadedMethod
    from provence_plugins.evaluation.reporting.result_files import ResultFile

_METHODS = ("lead", "bm25", "model")

# What is told apart only where the sentences that methods keep are measured.
_OF_SENTENCES = ("needles", "group", "by")


@dataclass(frozen=True, slots=True, kw_only=True)
class OutputOptions:
    """Where results are written in addition to standard output."""

    output: Annotated[Path | None, typer.Option(help="Folder for the result file in JSON.", show_default="no file")] = (
        None
    )
    figures: Annotated[
        Path | None, typer.Option(help="Folder for the figures.", show_default="the folder of --output")
    ] = None
    name: Annotated[str, typer.Option(help="Prefix of the names of the files.")] = "quality"
    image: Annotated[Literal["svg", "png"], typer.Option(help="Format of the figures.")] = "svg"
    title: Annotated[str, typer.Option(help="Heading of the result.")] = "Quality"

    def prepare(self) -> "FigureOptions | None":
        """Make the folders, and return where figures go; None for nowhere.

        Raises:
            MissingExtraError: Figures are wanted, and matplotlib is not installed.
        """
        from provence_plugins.evaluation.experiment import FigureOptions
        from provence_plugins.evaluation.reporting.plots import require_matplotlib

        if self.output is not None:
            self.output.mkdir(parents=True, exist_ok=True)
        place = self.figures or self.output
        if place is None:
            return None
        require_matplotlib()
        return FigureOptions(place, self.name, self.image)


def evaluate(
    data: Annotated[
        list[str], typer.Argument(metavar="DATA...", help="Files of labelled JSON lines, or glob patterns.")
    ],
    examples: DataOptions,
    run: RunOptions,
    output: OutputOptions,
    comparison: ComparisonOptions,
    reading: ReaderChoices,
) -> None:
    """Measure answers kept and text removed by methods (extra: eval).

    DATA are files of labelled JSON lines, as for training. The result is printed as Markdown.
    """
    from provence_plugins.evaluation.experiment import make_result

    _refuse_unused(examples, output, comparison, reading)
    figures = output.prepare()
    default = _METHODS if reading.reader is None else EQUAL_SIZE_METHODS
    methods, reference = comparison.open(run, examples.seed, default)
    command = show_command()
    if reading.reader is not None:
        outcome = make_reading_run(reading, examples, run, output).ask(examples.read_all(data), methods)
        result = make_reading_result(outcome, title=output.title, command=command, figures=figures)
    elif examples.qrels is not None:
        result = _ranking_result(data, examples, methods, reference, title=output.title)
    else:
        experiment = _measure(data, examples, methods, reference)
        result = make_result(experiment, title=output.title, command=command, figures=figures)
    if output.output is not None:
        result.write(output.output / f"{output.name}.json")
    streams.print_text(result.to_markdown())


def _refuse_unused(
    examples: DataOptions,
    output: OutputOptions,
    comparison: ComparisonOptions,
    reading: ReaderChoices,
) -> None:
    """Refuse options that what is measured does not use.

    Raises:
        typer.BadParameter: There is one.
    """
    require_opener(reading, "reader")
    if reading.reader is not None:
        refuse_options(examples, ("qrels", *_OF_SENTENCES), "--reader")
        refuse_options(comparison, ("against", "passage_comparison"), "--reader")
    elif examples.qrels is not None:
        refuse_options(examples, _OF_SENTENCES, "--qrels")
        refuse_options(comparison, ("passage_comparison",), "--qrels")
        refuse_options(output, ("figures", "image"), "--qrels")


def _ranking_result(
    data: Sequence[str],
    examples: DataOptions,
    methods: "dict[str, LoadedMethod]",
    against: str | None,
    *,
    title: str,
) -> "ResultFile":
    from provence_plugins.evaluation.reporting.machine import describe_commit, describe_machine
    from provence_plugins.evaluation.reporting.result_files import ResultFile

    assert examples.qrels is not None
    graded = read_graded(examples.find(data), examples.qrels, examples.limit)
    tables = rank(graded, methods, against, examples.splitter)
    return ResultFile(title, show_command(), describe_machine(), describe_commit(), tables)


def show_command() -> str:
    """Return the command that is running, as a shell would read it."""
    return shlex.join(["provence", *sys.argv[1:]])


def _measure(
    data: Sequence[str],
    examples: DataOptions,
    methods: "dict[str, LoadedMethod]",
    against: str | None,
) -> "Experiment":
    from provence_plugins.evaluation.experiment import run_experiment
    from provence_plugins.evaluation.measure import prepare

    dataset = prepare(
        examples.read(data),
        examples.splitter,
        needles=examples.needles,
        seed=examples.seed,
        groups=examples.read_groups(),
        breakdowns=examples.read_breakdowns(),
    )
    return run_experiment(methods, dataset, show_progress, against=against)


def make_reading_run(
    reading: ReaderChoices, examples: DataOptions, run: RunOptions, output: OutputOptions
) -> ReadingRun:
    """Return the run of a reader that options describe."""
    from provence_plugins.evaluation.reading.questions import QuestionOptions

    questions = QuestionOptions(
        passages=reading.passages,
        answerable=examples.limit,
        unanswerable=reading.unanswerable,
        splitter=examples.splitter,
        seed=examples.seed,
    )
    record = reading.record or (output.output or Path()) / f"{output.name}.answers.jsonl"
    return ReadingRun(choices=reading, questions=questions, model=run, record=record)
