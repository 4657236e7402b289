"""The command line: arguments in; lines, files and an exit code out."""

import json
import logging
import os
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from provence_plugins import __version__
from provence_plugins.cli.evaluate import evaluate
from provence_plugins.cli.models import export, push, train
from provence_plugins.cli.options import ModelOptions, PolicyOptions, spread
from provence_plugins.errors import InvalidInputError, ProvenceError
from provence_plugins.types import Passage

# What loads numpy, a runtime or torch is imported by the command that needs it: help and usage errors come at once.
if TYPE_CHECKING:
    from provence_plugins.cli.doctor import Diagnosis
    from provence_plugins.engine.results import PruneResult

_STDIN = Path("-")

app = typer.Typer(
    name="provence",
    help="Keep the sentences that help to answer a question.",
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    add_completion=False,
    no_args_is_help=True,
)


def main() -> None:
    """Run the command line; what goes wrong is one line on standard error and exit code 2."""
    try:
        app(prog_name="provence")
    except ProvenceError as error:
        _fail(str(error))
    except OSError as error:
        _fail(f"{error.filename}: {error.strerror}." if error.filename else str(error))


Query = Annotated[str, typer.Option("--query", "-q", help="The question.")]
Files = Annotated[
    list[Path] | None,
    typer.Argument(metavar="FILE", help="Each is one passage of UTF-8 text; left out or -, standard input."),
]
Title = Annotated[str | None, typer.Option(help="Title of the page that the passages come from.")]


@dataclass(frozen=True, slots=True, kw_only=True)
class ViewOptions:
    """In which shape a result is printed."""

    as_json: Annotated[bool, typer.Option("--json", help="Print everything that is known, as JSON.")] = False
    as_html: Annotated[bool, typer.Option("--html", help="Print an HTML page, removed text struck through.")] = False
    show: Annotated[bool, typer.Option("--show", help="Print a view with removed text marked.")] = False
    color: Annotated[
        bool | None, typer.Option("--color/--no-color", help="Colours of --show; left out, on a terminal.")
    ] = None

    def choose(self) -> Callable[["PruneResult"], str]:
        """The function that prints a result as asked."""
        asked = {_as_json: self.as_json, _as_html: self.as_html, self._as_terminal: self.show}
        chosen = [view for view, wanted in asked.items() if wanted]
        if len(chosen) > 1:
            raise typer.BadParameter("--json, --html and --show exclude each other.")
        return chosen[0] if chosen else _as_text

    def _as_terminal(self, result: "PruneResult") -> str:
        usual = sys.stdout.isatty() and "NO_COLOR" not in os.environ
        return result.to_terminal(color=usual if self.color is None else self.color)


def _print_version(asked: bool) -> None:
    if asked:
        _print(f"provence {__version__}\n")
        raise typer.Exit


@app.callback()
def provence(
    version: Annotated[
        bool, typer.Option("--version", callback=_print_version, is_eager=True, help="Print the version and leave.")
    ] = False,
) -> None:
    """Keep the sentences that help to answer a question."""
    logging.basicConfig(level=logging.WARNING, format="provence: %(message)s")


@app.command()
@spread
def prune(
    query: Query,
    view: ViewOptions,
    policy: PolicyOptions,
    model: ModelOptions,
    files: Files = None,
    title: Title = None,
    stats: Annotated[bool, typer.Option("--stats", help="Print figures to standard error.")] = False,
) -> None:
    """Print what helps to answer a question."""
    render, chosen = view.choose(), policy.build()
    passages = [Passage(_read(path), title) for path in files or [_STDIN]]
    with model.open() as pruner:
        began = time.perf_counter()
        result = pruner.prune(query, passages, chosen)
        seconds = time.perf_counter() - began
    _print(render(result))
    if stats:
        typer.echo("\n" + _stats(result, seconds, f"{model.model or 'bundled'}, {pruner!r}"), err=True)


@app.command()
@spread
def rerank(
    query: Query,
    model: ModelOptions,
    files: Files = None,
    title: Title = None,
    top_n: Annotated[int | None, typer.Option(help="How many to print.")] = None,
) -> None:
    """Print relevance and name of files, best first."""
    paths = files or [_STDIN]
    passages = [Passage(_read(path), title) for path in paths]
    with model.open() as pruner:
        ranked = pruner.rerank(query, passages, top_n)
    _print("".join(f"{passage.relevance:.4f}\t{paths[passage.index]}\n" for passage in ranked))


@app.command()
@spread
def bulk(
    source: Annotated[str, typer.Argument(metavar="IN", help="JSON lines, perhaps in .gz; - is standard input.")],
    target: Annotated[str, typer.Argument(metavar="OUT", help="JSON lines; - is standard output.")],
    policy: PolicyOptions,
    model: ModelOptions,
    resume: Annotated[bool, typer.Option("--resume", help="Go on where an earlier run ended.")] = False,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace what OUT holds.")] = False,
) -> None:
    """Prune the requests of a file of JSON lines.

    A line is {"query": ..., "passages": [...]}; a passage is a text, or {"text": ..., "title": ...}.
    """
    from tqdm import tqdm

    from provence_plugins.cli.bulk import STREAM, count_lines, open_input, open_output, prune_lines

    if resume and overwrite:
        raise typer.BadParameter("--resume and --overwrite exclude each other.")
    chosen, watched = policy.build(), sys.stderr.isatty()
    # A pipe can be read only once.
    total = count_lines(source) if watched and source != STREAM and Path(source).is_file() else None
    with (
        model.open() as pruner,
        open_input(source) as lines,
        open_output(target, source=source, resume=resume, overwrite=overwrite) as output,
        tqdm(total=total, initial=output.lines, unit=" lines", disable=not watched) as bar,
    ):
        failed = output.failed
        for line in prune_lines(lines, pruner, chosen, done=output.lines):
            output.write(line)
            bar.update()
            if line.error is not None:
                failed += 1
                tqdm.write(f"provence: line {line.number}: {_one_line(line.error)}", file=sys.stderr)
    raise typer.Exit(1 if failed else 0)


for _command in (evaluate, train, export, push):
    app.command()(_command)


@app.command()
def doctor(
    model: Annotated[str | None, typer.Option(help="Model folder or hub id; left out, the bundled model.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Print facts of this installation.

    The exit code is 0 when the model opens and prunes a passage without a network.
    """
    from provence_plugins.cli.doctor import diagnose

    diagnosis = diagnose(model)
    _print(_json(diagnosis.to_dict()) if as_json else _table(_facts(diagnosis)))
    raise typer.Exit(0 if diagnosis.ready else 1)


def _read(path: Path) -> str:
    # Bytes in and bytes out: no newline is translated on any system.
    given = sys.stdin.buffer.read() if path == _STDIN else path.read_bytes()
    try:
        return given.decode()
    except UnicodeDecodeError as error:
        raise InvalidInputError(f"{path} is no UTF-8 text ({error}). Convert it first.") from error


def _print(text: str) -> None:
    typer.echo(text.encode("utf-8", "backslashreplace"), nl=False)


def _fail(message: str) -> None:
    typer.echo(f"provence: {_one_line(message)}", err=True)
    sys.exit(2)


def _one_line(text: str) -> str:
    return " ".join(text.split())


# Any: plain values of every kind.
def _json(value: dict[str, Any]) -> str:
    return json.dumps(value, ensure_ascii=False, indent=2) + "\n"


def _as_json(result: "PruneResult") -> str:
    return _json(result.to_dict())


def _as_text(result: "PruneResult") -> str:
    texts = [passage.text for passage in result.passages]
    return "".join(text + ("\n" if text.endswith("\n") else "\n\n") for text in texts[:-1]) + "".join(texts[-1:])


def _as_html(result: "PruneResult") -> str:
    return (
        '<!doctype html>\n<html>\n<head>\n<meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"<title>{escape(result.query)}</title>\n"
        "<style>:root { color-scheme: light dark } body { font-family: sans-serif; max-width: 50em; margin: 2em auto; "
        "padding: 0 1em }</style>\n"
        f"</head>\n<body>\n{result.to_html()}\n</body>\n</html>\n"
    )


def _table(rows: Sequence[tuple[str, str]]) -> str:
    width = max(len(name) for name, _ in rows)
    return "".join(f"{name:<{width}}  {value}\n" for name, value in rows)


def _stats(result: "PruneResult", seconds: float, model: str) -> str:
    stats = result.stats
    rows = [
        ("tokens", f"{stats.tokens_before} before, {stats.tokens_after} after, {stats.removed_share:.0%} removed"),
        ("passages", f"{stats.passages_kept} kept, {stats.passages_dropped} dropped"),
        ("seconds", f"{seconds:.2f}"),
        ("model", model),
    ]
    return _table(rows)


def _facts(diagnosis: "Diagnosis") -> list[tuple[str, str]]:
    rows = [(name, version or "not installed") for name, version in diagnosis.versions.items()]
    rows += [("processors", str(diagnosis.processors)), ("devices", ", ".join(diagnosis.devices))]
    rows += [("telemetry", "on, see the page on security" if diagnosis.telemetry else "off")]
    if model := diagnosis.model:
        rows += [("model", model.name), ("folder", model.folder)]
        rows += [("", f"{name}  {size:,} bytes") for name, size in model.files.items()]
        rows += [
            ("format", model.format + (f", version {model.format_version}" if model.format_version else "")),
            ("threshold", f"{model.threshold:g}"),
            ("max tokens", str(model.max_tokens)),
            ("backends", ", ".join(model.backends) or "none"),
        ]
    return [*rows, ("offline ready", "yes" if diagnosis.ready else f"no: {_one_line(diagnosis.problem or '')}")]
