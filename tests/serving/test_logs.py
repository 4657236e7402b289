import json
import logging
import subprocess
import sys
from pathlib import Path

import pytest

from provence_plugins.serving.logs import JsonFormatter, TextFormatter

ROOT = Path(__file__).parents[2]


def record(message: str, **facts: object) -> logging.LogRecord:
    made = logging.LogRecord("provence_plugins.serving", logging.INFO, "", 0, message, (), None)
    made.facts = facts
    return made


def test_an_event_is_one_json_object() -> None:
    line = JsonFormatter().format(record("two\nlines\x1b[2J", status=200, path="/a\nb"))
    values = json.loads(line)
    assert "\n" not in line
    assert values.pop("time").endswith("+00:00")
    assert values == {"level": "info", "message": "two lines␛[2J", "status": 200, "path": "/a\nb"}


def test_an_event_is_one_line_for_reading_that_says_nothing_twice() -> None:
    line = TextFormatter().format(record("POST /prune 200", path="/prune", status=200, seconds=0.25))
    assert line == "provence: POST /prune 200 seconds=0.25"


@pytest.mark.parametrize(("log_format", "begins"), [("json", "{"), ("text", "provence: "), ("auto", "{")])
def test_logs_go_to_standard_error_in_the_chosen_form(log_format: str, begins: str) -> None:
    script = (
        "import logging\n"
        "from provence_plugins.serving.logs import write_logs\n"
        f"write_logs({log_format!r}, 'info')\n"
        "logging.getLogger('provence_plugins.serving').info('here')\n"
        "logging.getLogger('other').info('not here')\n"
        "logging.getLogger('other').warning('here too')\n"
    )
    done = subprocess.run([sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True, check=True)
    first, second = done.stderr.splitlines()
    assert first.startswith(begins)
    assert "here" in first
    assert "here too" in second
    assert done.stdout == ""
