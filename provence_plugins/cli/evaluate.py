"""The command that measures methods on labelled data."""

import shlex
import sys
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from fnmatch import fnmatch
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal, cast

import typer

from provence_plugins.cli import streams
from provence_plugins.cli.evaluate_ranking import rank, read_graded
from provence_plugins.cli.evaluate_reader import (
    EQUAL_SIZE_METHODS,
    ReaderChoices,
    ReadingRun,
    make_reading_result,
)
from provence_plugins.cli.options import RunOptions
from provence_plugins.cli.progress import show_progress
from provence_plugins.errors import InvalidInputError
from provence_plugins.text.sentences import SplitterName

if TYPE_CHECKING:
    from provence_plugins.data.examples import Example
    from provence_plugins.evaluation.experiment import Experiment, FigureOptions
    from provence_plugins.evaluation.methods.catalogue import LoadedMethod, MethodRow
    from provence_plugins.evaluation.reporting.result_files import ResultFile

_METHODS = ("lead", "bm25", "model")


@dataclass(frozen=True, slots=True, kw_only=True)
class DataOptions:
    """The data that methods are measured on."""

    exclude: Annotated[
        list[str] | None,
        typer.Option(
            help="Skip files whose name matches this pattern with * and ?; may be repeated.", show_default="none"
        ),
    ] = None
    limit: Annotated[
        int | None, typer.Option(min=1, help="Maximum number of questions of each source.", show_default="all")
    ] = None
    splitter: Annotated[SplitterName, typer.Option(help="Sentence splitter of all methods.")] = "sentencex"
    qrels: Annotated[
        Path | None,
        typer.Option(
            help="Measure reranking alone, by this file of graded judgements in the form of TREC or BEIR.",
            show_default="none",
        ),
    ] = None
    needles: Annotated[
        int,
        typer.Option(
            min=0, help="Number of needles of each size, and of passages shown at several lengths; 0 skips both."
        ),
    ] = 50
    seed: Annotated[int, typer.Option(help="Seed of every random choice.")] = 0
    group: Annotated[
        list[str] | None,
        typer.Option(
            metavar="NAME=PATTERN[,PATTERN...]",
            help="Report the sources that match these patterns with * and ? in a separate table too; may be repeated.",
            show_default="none",
        ),
    ] = None

    def read(self, patterns: Sequence[str]) -> "list[Example]":
        """Return the examples of all files that are not excluded, of at most `limit` questions of each source."""
        from provence_plugins.data.examples import first_questions

        examples = self.read_all(patterns)
        return examples if self.limit is None else first_questions(examples, self.limit)

    def read_all(self, patterns: Sequence[str]) -> "list[Example]":
        """Return all examples of all files that are not excluded.

        Raises:
            InvalidInputError: No file is left.
            DataError: A line is malformed.
        """
        from provence_plugins.data.examples import read_examples

        return [example for path in self.find(patterns) for example in read_examples(path)]

    def find(self, patterns: Sequence[str]) -> list[Path]:
        """Return all files that are not excluded.

        Raises:
            InvalidInputError: No file is left.
        """
        from provence_plugins.data.files import find_files

        files = find_files(patterns)
        left = [path for path in files if not any(fnmatch(path.name, pattern) for pattern in self.exclude or ())]
        if not left:
            raise InvalidInputError(f"--exclude skips all {len(files)} files. Remove this option, or name other files.")
        return left

    def read_groups(self) -> dict[str, list[str]]:
        """Return the patterns of each group by its name.

        Raises:
            InvalidInputError: A group has no name or no pattern, or two have the same name.
        """
        groups: dict[str, list[str]] = {}
        for given in self.group or ():
            name, _, patterns = given.partition("=")
            if not name or not patterns or name in groups:
                raise InvalidInputError(
                    f"--group must be NAME=PATTERN[,PATTERN...], each name once; got {given!r}. Write for example "
                    f"--group 'news=squad*,newsqa'."
                )
            groups[name] = patterns.split(",")
        return groups


@dataclass(frozen=True, slots=True, kw_only=True)
class OutputOptions:
    """Where results go beside standard output."""

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


def _list_methods(asked: bool) -> None:
    if asked:
        from provence_plugins.evaluation.methods.catalogue import METHODS

        for name, row in METHODS.items():
            extra = "" if row.extra is None else f" (extra: {row.extra})"
            streams.print_text(f"{name + _folder_of(row):<30}{row.what}{extra}\n")
        raise typer.Exit


def _folder_of(row: "MethodRow") -> str:
    if row.folder is None:
        return ""
    return ":FOLDER" if row.needs_folder else "[:FOLDER]"


@dataclass(frozen=True, slots=True, kw_only=True)
class ComparisonOptions:
    """The methods that are measured, and what they are compared with."""

    method: Annotated[
        list[str] | None,
        typer.Option(
            help="NAME or NAME:FOLDER of a method, see --methods; may be repeated.",
            show_default="lead, bm25 and model",
        ),
    ] = None
    predictions: Annotated[
        list[str] | None,
        typer.Option(
            metavar="[NAME=]FILE",
            help="Measure the output of any system: JSON lines with the spans or texts that it kept; may be repeated.",
            show_default="none",
        ),
    ] = None
    against: Annotated[
        str | None,
        typer.Option(help="Method that the others are compared with.", show_default="the last --method"),
    ] = None
    trust_remote_code: Annotated[
        bool, typer.Option("--trust-remote-code", help="Allow the method open-provence to run code from its folder.")
    ] = False
    methods: Annotated[
        bool, typer.Option("--methods", callback=_list_methods, is_eager=True, help="List the methods and exit.")
    ] = False

    def open(self, run: RunOptions, seed: int, default: Sequence[str]) -> "tuple[dict[str, LoadedMethod], str | None]":
        """Return the methods by their names in tables, and the name of the one that the others are compared with.

        Args:
            run: How the models of this package are run.
            seed: Seed of random methods.
            default: The methods where none are named.

        Raises:
            InvalidInputError: A method is unknown or lacks its folder, or two have the same name.
            MissingExtraError: The packages of a method are not installed.
        """
        from provence_plugins.engine.options import PrunerOptions
        from provence_plugins.evaluation.methods.catalogue import (
            MethodOptions,
            open_method,
            open_predictions,
            short_names,
        )

        files = _name_predictions(self.predictions or [])
        specs = list(dict.fromkeys(self.method or (() if files else default)))
        names = dict(zip(specs, short_names(specs), strict=True))
        options = MethodOptions(cast(PrunerOptions, asdict(run)), seed, self.trust_remote_code)
        opened = {}
        for spec, name in names.items():
            opened[name] = open_method(spec, options)
        for name, path in files.items():
            if name in opened:
                raise InvalidInputError(f"--predictions {name} has the name of a method. Give another: NAME={path}.")
            opened[name] = open_predictions(path)
        reference = None if self.against is None else names.get(self.against, self.against)
        return opened, reference


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
    """Measure how many answers methods keep while they remove text (extra: eval).

    DATA are files of labelled JSON lines, as for training. The result is printed as Markdown.
    """
    from provence_plugins.evaluation.experiment import make_result

    figures = output.prepare()
    default = _METHODS if reading.reader is None else EQUAL_SIZE_METHODS
    methods, reference = comparison.open(run, examples.seed, default)
    command = _command()
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
    return ResultFile(title, _command(), describe_machine(), describe_commit(), tables)


def _command() -> str:
    return shlex.join(["provence", *sys.argv[1:]])


def _measure(
    data: Sequence[str], examples: DataOptions, methods: "dict[str, LoadedMethod]", against: str | None
) -> "Experiment":
    from provence_plugins.evaluation.experiment import run_experiment
    from provence_plugins.evaluation.measure import prepare

    dataset = prepare(
        examples.read(data),
        examples.splitter,
        needles=examples.needles,
        seed=examples.seed,
        groups=examples.read_groups(),
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


def _name_predictions(specs: Sequence[str]) -> dict[str, Path]:
    """Return the files of predictions by their names in tables, which are those of the files where none is given.

    Raises:
        InvalidInputError: Two have the same name.
    """
    files: dict[str, Path] = {}
    for spec in specs:
        before, sign, after = spec.partition("=")
        path = Path(after if sign else before)
        name = before if sign else path.name.split(".")[0]
        if name in files:
            raise InvalidInputError(
                f"Two files of --predictions are called {name!r}. Name one of them with --predictions NAME={path}."
            )
        files[name] = path
    return files
