"""The command that judges methods on labelled data."""

import shlex
import sys
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from fnmatch import fnmatch
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal, TypeVar

import typer

from provence_plugins.cli.options import spread
from provence_plugins.errors import InvalidInputError
from provence_plugins.model.backends import BackendName

if TYPE_CHECKING:
    from provence_plugins.data.examples import Example
    from provence_plugins.evaluation.experiment import FigureOptions
    from provence_plugins.evaluation.methods.catalogue import MethodOptions

T = TypeVar("T")

_METHODS = ("lead", "bm25", "model")


@dataclass(frozen=True, slots=True, kw_only=True)
class DataOptions:
    """What methods are judged on."""

    exclude: Annotated[
        list[str] | None, typer.Option(help="Leave out files of this name, * and ? standing for anything; repeatable.")
    ] = None
    limit: Annotated[int | None, typer.Option(min=1, help="Most questions of each source; left out, all.")] = None
    splitter: Annotated[
        Literal["sentencex", "nltk", "regex", "lines"], typer.Option(help="How all methods' sentences are found.")
    ] = "sentencex"
    needles: Annotated[
        int, typer.Option(min=0, help="Needles of each size, and passages shown at several lengths; 0 for neither.")
    ] = 50
    seed: Annotated[int, typer.Option(help="Of everything that is drawn.")] = 0
    group: Annotated[
        list[str] | None,
        typer.Option(
            metavar="NAME=PATTERN[,PATTERN...]",
            help="Report the sources that match by themselves too; * and ? stand for anything. Repeatable.",
        ),
    ] = None

    def read(self, patterns: Sequence[str]) -> "list[Example]":
        """The examples of all files that are not excluded.

        Raises:
            InvalidInputError: No file is left.
            DataError: A line is malformed.
        """
        from provence_plugins.data.examples import first_questions, read_examples
        from provence_plugins.data.files import find_files

        files = find_files(patterns)
        left = [path for path in files if not any(fnmatch(path.name, pattern) for pattern in self.exclude or ())]
        if not left:
            raise InvalidInputError(f"--exclude leaves none of {len(files)} files. Leave it out, or name others.")
        examples = [example for path in left for example in read_examples(path)]
        return examples if self.limit is None else first_questions(examples, self.limit)

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
class RunOptions:
    """How models of ours are run; the fields are options of `Pruner`, but for the last."""

    backend: Annotated[BackendName | None, typer.Option(help="Runtime; left out, what suits.")] = None
    device: Annotated[str | None, typer.Option(help="cpu, cuda, cuda:1, mps; left out, the best there is.")] = None
    dtype: Annotated[str | None, typer.Option(help="int8, float32, bfloat16 or float16.")] = None
    threads: Annotated[int | None, typer.Option(min=1, help="Threads of the runtime.")] = None
    trust_remote_code: Annotated[
        bool, typer.Option("--trust-remote-code", help="Let the code in the folder of open-provence run.")
    ] = False

    def build(self, seed: int) -> "MethodOptions":
        """The options themselves."""
        from provence_plugins.engine.options import PrunerOptions
        from provence_plugins.evaluation.methods.catalogue import MethodOptions

        pruner = PrunerOptions(backend=self.backend, device=self.device, dtype=self.dtype, threads=self.threads)
        return MethodOptions(pruner, seed, self.trust_remote_code)


@dataclass(frozen=True, slots=True, kw_only=True)
class OutputOptions:
    """Where results go beside standard output."""

    output: Annotated[Path | None, typer.Option(help="Folder for the result file, JSON; left out, none.")] = None
    figures: Annotated[Path | None, typer.Option(help="Folder for the pictures; left out, that of --output.")] = None
    name: Annotated[str, typer.Option(help="How the names of the files begin.")] = "quality"
    image: Annotated[Literal["svg", "png"], typer.Option(help="Kind of the pictures.")] = "svg"
    title: Annotated[str, typer.Option(help="Heading of the result.")] = "Quality"

    def prepare(self) -> "FigureOptions | None":
        """Make the folders, and say where pictures go, if anywhere.

        Raises:
            MissingExtraError: There are to be pictures, and matplotlib is not installed.
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
            folder = "" if row.folder is None else ":FOLDER" if row.needs_folder else "[:FOLDER]"
            extra = "" if row.extra is None else f" (extra: {row.extra})"
            typer.echo(f"{name + folder:<30}{row.what}{extra}")
        raise typer.Exit


@spread
def evaluate(
    data: Annotated[list[str], typer.Argument(metavar="DATA...", help="Labelled JSON lines; glob patterns too.")],
    examples: DataOptions,
    run: RunOptions,
    output: OutputOptions,
    method: Annotated[
        list[str] | None,
        typer.Option(help="NAME or NAME:FOLDER, see --methods; repeatable; left out, lead, bm25 and model."),
    ] = None,
    predictions: Annotated[
        list[str] | None,
        typer.Option(
            metavar="[NAME=]FILE",
            help="Judge the output of any system: JSON lines with the spans or texts that it kept. Repeatable.",
        ),
    ] = None,
    against: Annotated[
        str | None, typer.Option(help="The --method that the others are compared with; left out, the last.")
    ] = None,
    methods: Annotated[
        bool, typer.Option("--methods", callback=_list_methods, is_eager=True, help="Print the methods and leave.")
    ] = False,
) -> None:
    """Judge how well methods keep answers while they remove text (extra: eval).

    DATA are files of labelled JSON lines, as for training. The result is printed as Markdown.
    """
    from provence_plugins.evaluation.experiment import make_result, run_experiment
    from provence_plugins.evaluation.measure import prepare
    from provence_plugins.evaluation.methods.catalogue import open_method, open_predictions, short_names

    figures = output.prepare()
    systems = _name_predictions(predictions or [])
    specs = list(dict.fromkeys(method or (() if systems else _METHODS)))
    names = dict(zip(specs, short_names(specs), strict=True))
    reference = None if against is None else names.get(against, against)
    dataset = prepare(
        examples.read(data),
        examples.splitter,
        needles=examples.needles,
        seed=examples.seed,
        groups=examples.read_groups(),
    )
    chosen = run.build(examples.seed)
    opened = {name: open_method(spec, chosen) for spec, name in names.items()}
    for name, path in systems.items():
        if name in opened:
            raise InvalidInputError(f"--predictions {name} has the name of a method. Give another: NAME={path}.")
        opened[name] = open_predictions(path)
    experiment = run_experiment(opened, dataset, _show_progress, against=reference)
    command = shlex.join(["provence", *sys.argv[1:]])
    result = make_result(experiment, title=output.title, command=command, figures=figures)
    if output.output is not None:
        result.write(output.output / f"{output.name}.json")
    typer.echo(result.to_markdown().encode("utf-8", "backslashreplace"), nl=False)


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


def _show_progress(items: Sequence[T], what: str, /) -> Iterable[T]:
    from tqdm import tqdm

    return tqdm(items, desc=what, disable=not sys.stderr.isatty(), leave=False)
