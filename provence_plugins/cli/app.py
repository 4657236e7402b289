"""The command `provence`: its subcommands, and what every one of them does on an error."""

import logging
from typing import Annotated, NoReturn

import typer

from provence_plugins import __version__
from provence_plugins.cli import streams
from provence_plugins.cli.build import build
from provence_plugins.cli.bulk import bulk
from provence_plugins.cli.calibrate import calibrate
from provence_plugins.cli.contract import contract
from provence_plugins.cli.doctor import doctor
from provence_plugins.cli.evaluate import evaluate
from provence_plugins.cli.interrupts import INTERRUPTED, was_interrupted
from provence_plugins.cli.label import label
from provence_plugins.cli.mcp import mcp
from provence_plugins.cli.models import export, package, push, train
from provence_plugins.cli.options import flatten_options
from provence_plugins.cli.prune import prune, rerank
from provence_plugins.cli.serve import serve
from provence_plugins.errors import ProvenceError
from provence_plugins.text.visible import show_on_one_line

# What loads numpy, a backend or torch is imported by the command that needs it: help and usage
# errors come at once.
COMMANDS = (
    prune,
    rerank,
    bulk,
    serve,
    mcp,
    evaluate,
    contract,
    calibrate,
    build,
    label,
    train,
    export,
    package,
    push,
    doctor,
)

# A server is also configured by its environment. Its variables have the names of its options:
# PROVENCE_PORT.
_CONTEXTS = {"serve": {"auto_envvar_prefix": "PROVENCE"}}

app = typer.Typer(
    name="provence",
    help="Keep the sentences that help to answer a question.",
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    add_completion=False,
    context_settings={"max_content_width": 100},
    no_args_is_help=True,
)

for _command in COMMANDS:
    app.command(context_settings=_CONTEXTS.get(_command.__name__))(flatten_options(_command))


def main() -> None:
    """Run the command line.

    An error is one line on standard error and exit code 2; Ctrl-C is one line and exit code 130.
    """
    streams.open_closed_streams()
    try:
        app(prog_name="provence")
    except streams.InterruptedRunError as stop:
        streams.end_interrupted(str(stop))
    except SystemExit as stop:
        if stop.code == INTERRUPTED:
            streams.end_interrupted("Interrupted.")
        raise
    except ProvenceError as error:
        _end_on(str(error))
    except OSError as error:
        _end_on(f"{error.filename}: {error.strerror}." if error.filename else str(error))


def _end_on(message: str) -> NoReturn:
    # A library that Ctrl-C has stopped may fail with an error of its own.
    if was_interrupted():
        streams.end_interrupted("Interrupted.")
    streams.fail(message)


class _OneLineFormatter(logging.Formatter):
    """Formats a message as one line without control characters, which a quoted file may hold."""

    def format(self, record: logging.LogRecord) -> str:
        return show_on_one_line(super().format(record))


def _log_to_standard_error() -> None:
    handler = logging.StreamHandler()
    handler.setFormatter(_OneLineFormatter("provence: %(message)s"))
    logging.basicConfig(level=logging.WARNING, handlers=[handler])
    logging.captureWarnings(True)


def _show_version(asked: bool) -> None:
    if asked:
        streams.print_text(f"provence {__version__}\n")
        raise typer.Exit


@app.callback()
def provence(
    version: Annotated[
        bool, typer.Option("--version", callback=_show_version, is_eager=True, help="Show the version and exit.")
    ] = False,
) -> None:
    """Keep the sentences that help to answer a question."""
    _log_to_standard_error()
