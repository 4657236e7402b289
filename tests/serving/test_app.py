import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from fastapi.testclient import TestClient

from provence_plugins.errors import CheckpointNotFoundError, InvalidInputError
from provence_plugins.serving.app import create_app
from provence_plugins.serving.settings import ServeSettings


def test_the_schema_describes_the_routes(client: TestClient) -> None:
    schema = client.get("/openapi.json").json()
    assert "/prune" in schema["paths"]


@pytest.mark.parametrize("path", ["/docs", "/redoc"])
def test_no_page_loads_scripts_from_elsewhere(path: str, client: TestClient) -> None:
    assert client.get(path).status_code == 404


def test_an_unknown_model_stops_the_start() -> None:
    with pytest.raises(CheckpointNotFoundError), TestClient(create_app(ServeSettings(model="no/such/folder"))):
        pass


@pytest.mark.parametrize("options", [{"settings": {}}, {"service": 3}, {"setting": None}], ids=str)
def test_an_argument_of_another_type_is_refused_by_name(options: dict[str, Any]) -> None:
    [name] = options
    with pytest.raises(InvalidInputError, match=name):
        create_app(**options)


def test_a_missing_extra_is_named() -> None:
    script = (
        "import sys; sys.modules['fastapi'] = None\n"
        "from provence_plugins.errors import MissingExtraError\n"
        "try: import provence_plugins.serving.app\n"
        "except MissingExtraError as error: print(error)"
    )
    root = Path(__file__).parents[2]
    done = subprocess.run([sys.executable, "-c", script], cwd=root, capture_output=True, text=True, check=True)
    assert (
        done.stdout == 'The package fastapi is not installed. Install it with: pip install "provence-plugins[serve]"\n'
    )
