"""The command that serves the Model Context Protocol: mcp."""

import os
import signal
from dataclasses import dataclass
from pathlib import Path
from types import FrameType
from typing import Annotated, NoReturn

import typer

from provence_plugins.cli import streams
from provence_plugins.cli.interrupts import INTERRUPTED
from provence_plugins.cli.options import ModelOptions, PolicyOptions, require_opener

_KEY = "PROVENCE_API_KEY"


@dataclass(frozen=True, slots=True, kw_only=True)
class HttpOptions:
    """Whether and where a server listens."""

    http: Annotated[
        bool, typer.Option("--http", help="Serve streamable HTTP instead of standard input and output.")
    ] = False
    host: Annotated[str, typer.Option(help="Address to listen on with --http.")] = "127.0.0.1"
    port: Annotated[
        int, typer.Option(min=0, max=65535, help="Port to listen on with --http; 0 chooses a free one.")
    ] = 8765


def mcp(
    policy: PolicyOptions,
    model: ModelOptions,
    listen: HttpOptions,
    root: Annotated[
        list[Path] | None,
        typer.Option(help="Folder whose files prune_files may read; may be repeated.", show_default="no prune_files"),
    ] = None,
    recall_characters: Annotated[
        int, typer.Option(min=0, help="Number of characters of original texts that are remembered for recall.")
    ] = 16_000_000,
) -> None:
    """Serve agents over the Model Context Protocol (extra: mcp).

    The tools are prune_text, prune_files, rerank and recall.
    """
    from provence_plugins.engine.shared_scorer import SharedScorer
    from provence_plugins.serving.allowed_files import AllowedFiles
    from provence_plugins.serving.mcp_server import create_mcp_server

    require_opener(listen, "http")
    chosen = policy.build()
    files = AllowedFiles(root) if root else None
    with model.open(SharedScorer) as pruner:
        server = create_mcp_server(pruner, chosen, files=files, recall_characters=recall_characters)
        if listen.http:
            from provence_plugins.serving.mcp_http import listen_for_mcp

            listening = listen_for_mcp(server, host=listen.host, port=listen.port, api_key=os.environ.get(_KEY) or None)
            streams.report(f"MCP is served at {listening.address}. Stop with Ctrl-C.")
            listening.run()
        else:
            streams.standard_input()
            streams.standard_output()
            signal.signal(signal.SIGINT, _stop_at_once)
            server.run("stdio")


def _stop_at_once(number: int, frame: FrameType | None) -> NoReturn:
    """End the process; the thread that reads standard input would wait for its next line."""
    streams.report("Interrupted.")
    os._exit(INTERRUPTED)
