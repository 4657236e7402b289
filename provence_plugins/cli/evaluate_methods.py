"""The methods that `provence evaluate` compares."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, cast

import typer

from provence_plugins.cli import streams
from provence_plugins.cli.options import RunOptions
from provence_plugins.errors import InvalidInputError
from provence_plugins.model.formats import MOST_COMPARISON

if TYPE_CHECKING:
    from provence_plugins.evaluation.methods.catalogue import LoadedMethod, MethodRow


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
    passage_comparison: Annotated[
        float | None,
        typer.Option(
            min=0,
            max=MOST_COMPARISON,
            help="How much a surer passage of the same question counts against the sentences of a passage.",
            show_default="each model's own",
        ),
    ] = None
    trust_remote_code: Annotated[
        bool, typer.Option("--trust-remote-code", help="Allow the method open-provence to run code from its folder.")
    ] = False
    methods: Annotated[
        bool, typer.Option("--methods", callback=_list_methods, is_eager=True, help="List the methods and exit.")
    ] = False

    def open(
        self,
        run: RunOptions,
        seed: int,
        default: Sequence[str],
    ) -> "tuple[dict[str, LoadedMethod], str | None]":
        """Return the methods by their names in tables, and the name of the reference.

        Args:
            run: How the models of this package are run.
            seed: Seed of random methods.
            default: The methods where none are named.

        Raises:
            InvalidInputError: A method is unknown or lacks its folder, two have the same name, or
                none compares passages where a comparison is asked for.
            MissingExtraError: The packages of a method are not installed.
        """
        from provence_plugins.engine.options import PrunerOptions
        from provence_plugins.evaluation.methods.catalogue import (
            MethodOptions,
            find_method,
            open_method,
            open_predictions,
            short_names,
        )

        files = _name_predictions(self.predictions or [])
        specs = list(dict.fromkeys(self.method or (() if files else default)))
        names = dict(zip(specs, short_names(specs), strict=True))
        options = MethodOptions(cast(PrunerOptions, asdict(run)), seed, self.trust_remote_code, self.passage_comparison)
        if self.passage_comparison is not None and not any(find_method(spec).compares_passages for spec in specs):
            raise InvalidInputError(
                f"--passage-comparison {self.passage_comparison:g} has no use without a method that compares passages. "
                f"Add --method model, or leave it out."
            )
        opened = {}
        for spec, name in names.items():
            opened[name] = open_method(spec, options)
        for name, path in files.items():
            if name in opened:
                raise InvalidInputError(f"--predictions {name} has the name of a method. Give another: NAME={path}.")
            opened[name] = open_predictions(path)
        reference = None if self.against is None else names.get(self.against, self.against)
        return opened, reference


def _name_predictions(specs: Sequence[str]) -> dict[str, Path]:
    """Return files of predictions by their names in tables: those given, or those of the files.

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
