"""The command that serves a model over HTTP."""

import tomllib
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, cast

import typer

from provence_plugins.cli.options import ModelOptions, PolicyOptions
from provence_plugins.errors import InvalidInputError, needs_extra
from provence_plugins.keywords import refuse_unknown
from provence_plugins.serving.logs import LogFormat, LogLevel, write_logs
from provence_plugins.serving.settings import ServeSettings

if TYPE_CHECKING:
    from provence_plugins.engine.options import PrunerOptions

_DEFAULTS = ServeSettings()

# Options that a file of settings must not contain.
_NOT_IN_A_FILE = ("config", "help")


def _read_config(context: typer.Context, path: Path | None) -> Path | None:
    """Take the settings of a file as the defaults of all options.

    Raises:
        InvalidInputError: The file is not TOML, or names an unknown setting.
        OSError: The file cannot be read.
    """
    if path is not None:
        try:
            values = tomllib.loads(path.read_bytes().decode())
            known = [option.name for option in context.command.params if option.name not in _NOT_IN_A_FILE]
            refuse_unknown(values, [name for name in known if name], noun="setting")
        except ValueError as error:
            raise InvalidInputError(f"{path}: {error}") from error
        context.default_map = values
    return path


@dataclass(frozen=True, slots=True, kw_only=True)
class ProcessOptions:
    """Where the settings of a server stand, and what it logs."""

    config: Annotated[
        Path | None,
        typer.Option(
            is_eager=True,
            callback=_read_config,
            help="TOML file with these options, such as max_requests = 32; options and environment variables "
            "override it.",
            show_default="none",
        ),
    ] = None
    log_format: Annotated[
        LogFormat, typer.Option(help="Format of the log; auto is text on a terminal and JSON elsewhere.")
    ] = "auto"
    log_level: Annotated[LogLevel, typer.Option(help="Lowest level of the events that are logged.")] = "info"


@dataclass(frozen=True, slots=True, kw_only=True)
class ListenOptions:
    """Where a server listens; the fields are those of `Listener`."""

    host: Annotated[
        str, typer.Option(help="Address to listen on; 0.0.0.0 accepts other machines, so set a key too.")
    ] = "127.0.0.1"
    port: Annotated[int, typer.Option(min=0, max=65535, help="Port to listen on; 0 chooses a free one.")] = 8000
    workers: Annotated[
        int,
        typer.Option(min=1, help="Number of processes, each with a device of its own or a share of the processors."),
    ] = 1
    max_connections: Annotated[int, typer.Option(min=1, help="Maximum number of open connections of a process.")] = (
        1_000
    )
    shutdown_seconds: Annotated[
        int, typer.Option(min=1, help="Maximum number of seconds to finish accepted requests at the end.")
    ] = 60


@dataclass(frozen=True, slots=True, kw_only=True)
class LimitOptions:
    """What a server accepts; the fields are those of `ServeSettings`."""

    api_key: Annotated[
        str | None,
        typer.Option(
            help="Key that clients must send as a bearer token; prefer PROVENCE_API_KEY, which ps does not show.",
            show_default="no key: every client is accepted",
        ),
    ] = None
    max_requests: Annotated[
        int, typer.Option(min=1, help="Maximum number of running and waiting requests; further ones get status 429.")
    ] = _DEFAULTS.max_requests
    max_pending_tokens: Annotated[
        int, typer.Option(min=1, help="Maximum number of tokens waiting for the model; further ones get status 429.")
    ] = _DEFAULTS.max_pending_tokens
    gather_seconds: Annotated[
        float,
        typer.Option(min=0, help="Maximum number of seconds that a request waits for others to share its batch."),
    ] = _DEFAULTS.gather_seconds
    timeout_seconds: Annotated[
        float, typer.Option(help="Maximum number of seconds for an answer; later the request fails with status 504.")
    ] = _DEFAULTS.timeout_seconds
    max_body_bytes: Annotated[
        int, typer.Option(min=1, help="Maximum size of a request in bytes; a larger one gets status 413.")
    ] = _DEFAULTS.max_body_bytes
    body_seconds: Annotated[
        float, typer.Option(help="Maximum number of seconds for sending a request; a slower client gets status 408.")
    ] = _DEFAULTS.body_seconds
    max_passages: Annotated[
        int, typer.Option(min=1, help="Maximum number of passages of a request; more get status 413.")
    ] = _DEFAULTS.max_passages


def serve(
    listen: ListenOptions,
    limits: LimitOptions,
    policy: PolicyOptions,
    model: ModelOptions,
    process: ProcessOptions,
    cache_tokens: Annotated[
        int, typer.Option(min=0, help="Remember the scores of this many tokens across requests.")
    ] = 0,
) -> None:
    """Serve a model over HTTP (extra: serve).

    Every option can also be set by an environment variable: PROVENCE_PORT=9000 is --port 9000.
    """
    with needs_extra("serve"):
        from provence_plugins.serving.listening import Listener
        from provence_plugins.serving.server import serve_here
        from provence_plugins.serving.workers import Job, serve_with_workers

    values = {**asdict(model), "cache_tokens": cache_tokens}
    settings = ServeSettings(
        model=values.pop("model"),
        options=cast("PrunerOptions", values),
        policy=policy.build(),
        **asdict(limits),
    )
    listener = Listener(**asdict(listen))
    write_logs(process.log_format, process.log_level)
    with listener.open() as listening:
        if listener.workers == 1:
            serve_here(settings, listener, listening, when_ready=lambda: None)
        else:
            raise typer.Exit(
                serve_with_workers(Job(settings, listener, process.log_format, process.log_level), listening)
            )
