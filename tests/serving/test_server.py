import signal
import socket
import threading
from pathlib import Path

import pytest

pytest.importorskip("uvicorn")

from provence_plugins.serving.listening import Listener
from provence_plugins.serving.server import serve_here
from provence_plugins.serving.settings import ServeSettings


def test_a_signal_that_comes_before_the_first_request_can_be_taken_ends_the_server(tiny_folder: Path) -> None:
    earlier = signal.getsignal(signal.SIGTERM)
    # A server that missed the signal would run for ever.
    rescue = threading.Timer(30, signal.raise_signal, [signal.SIGINT])
    rescue.start()
    try:
        with socket.create_server(("127.0.0.1", 0)) as listening:
            # A worker whose parent is gone raises the signal itself, at whatever moment.
            serve_here(
                ServeSettings(model=tiny_folder),
                Listener(),
                listening,
                when_ready=lambda: signal.raise_signal(signal.SIGTERM),
            )
    finally:
        rescue.cancel()
        signal.signal(signal.SIGTERM, earlier)
