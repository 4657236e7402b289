"""Run the application in this process, until a signal ends it."""

import gc
import logging
import signal
import socket
from collections.abc import Callable
from types import FrameType

from provence_plugins.errors import needs_extra

with needs_extra("serve"):
    import uvicorn

from provence_plugins.serving.app import create_app
from provence_plugins.serving.listening import Listener, PatientProtocol, shown_address
from provence_plugins.serving.service import Service
from provence_plugins.serving.settings import ServeSettings

logger = logging.getLogger(__name__)


def serve_here(
    settings: ServeSettings,
    listener: Listener,
    listening: socket.socket,
    *,
    when_ready: Callable[[], None],
) -> None:
    """Load the model and answer requests until SIGTERM or SIGINT, then finish those taken.

    Args:
        settings: Model and limits.
        listener: How long to wait for requests at the end.
        listening: A socket that listens.
        when_ready: Called when the model is loaded.

    Raises:
        ProvenceError: The model cannot be opened.
        KeyboardInterrupt: SIGINT ended the server.
    """
    service = Service(settings)
    protocol = type("_Protocol", (PatientProtocol,), {"seconds": settings.body_seconds})
    config = uvicorn.Config(
        create_app(service=service),
        http=protocol,
        ws="none",
        log_config=None,
        access_log=False,
        server_header=False,
        limit_concurrency=listener.max_connections,
        timeout_graceful_shutdown=listener.shutdown_seconds,
    )
    server = uvicorn.Server(config)

    def end(number: int, frame: FrameType | None) -> None:
        server.should_exit = True

    # A signal may come before uvicorn handles it, and uvicorn raises the one that ended it again: an
    # orderly end by SIGTERM is a success.
    signal.signal(signal.SIGTERM, end)
    logger.info("serving %s on %s", service.model_name, shown_address(listening))
    # A full garbage collection stops all requests while it searches every object. What is loaded by
    # now stays for good.
    gc.collect()
    gc.freeze()
    when_ready()
    server.run(sockets=[listening])
    logger.info("ended")
