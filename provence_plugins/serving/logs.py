"""Write the log of a server to standard error: one line for each event, as JSON or for reading."""

import json
import logging
import sys
from datetime import UTC, datetime
from typing import Any, Literal, get_args

from provence_plugins.text.visible import show_on_one_line

LogFormat = Literal["auto", "json", "text"]
LogLevel = Literal["debug", "info", "warning", "error"]

LOG_FORMATS: tuple[LogFormat, ...] = get_args(LogFormat)


class JsonFormatter(logging.Formatter):
    """Formats an event as JSON on one line: time, level, message and facts."""

    def format(self, record: logging.LogRecord) -> str:
        """Return the line of an event."""
        values: dict[str, Any] = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "message": show_on_one_line(record.getMessage()),
            **getattr(record, "facts", {}),
        }
        return json.dumps(values)


class TextFormatter(logging.Formatter):
    """Formats an event as a line for reading: what happened, then its other facts as name=value."""

    def format(self, record: logging.LogRecord) -> str:
        """Return the line of an event."""
        message = record.getMessage()
        facts = [f"{name}={value}" for name, value in getattr(record, "facts", {}).items() if str(value) not in message]
        return show_on_one_line(" ".join([f"provence: {message}", *facts]))


def write_logs(log_format: LogFormat, level: LogLevel) -> None:
    """Let this process log to standard error.

    Args:
        log_format: "json", "text", or "auto" for text on a terminal and JSON elsewhere.
        level: Minimum level of the events that are logged. Libraries log from "warning" on.
    """
    chosen = log_format
    if chosen == "auto":
        chosen = "text" if sys.stderr is not None and sys.stderr.isatty() else "json"
    handler = logging.StreamHandler()
    handler.setFormatter(JsonFormatter() if chosen == "json" else TextFormatter())
    logging.basicConfig(level=max(logging.WARNING, _number(level)), handlers=[handler], force=True)
    logging.getLogger("provence_plugins").setLevel(_number(level))
    logging.captureWarnings(True)


def _number(level: LogLevel) -> int:
    return logging.getLevelNamesMapping()[level.upper()]
