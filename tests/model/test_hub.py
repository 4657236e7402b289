"""Uploading, against a hub of our own on this machine that answers as the real one does."""

import base64
import json
import shutil
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from provence_plugins.errors import CheckpointError, CheckpointNotFoundError
from provence_plugins.model.hub import upload


@dataclass
class Hub:
    """What was asked of the hub."""

    created: list[dict[str, Any]] = field(default_factory=list)
    files: dict[str, bytes] = field(default_factory=dict)
    branch: str = ""
    address: str = ""


@pytest.fixture
def hub(monkeypatch: pytest.MonkeyPatch) -> Iterator[Hub]:
    state = Hub()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            if self.path.endswith("/repos/create"):
                state.created.append(json.loads(body))
                self.answer({"url": f"{state.address}/owner/name", "id": "1", "name": "owner/name"})
            elif "/preupload/" in self.path:
                names = [entry["path"] for entry in json.loads(body)["files"]]
                rows = [{"path": name, "uploadMode": "regular", "shouldIgnore": False} for name in names]
                self.answer({"files": rows})
            elif "/commit/" not in self.path:  # the card's front matter is checked first
                self.answer({"errors": [], "warnings": []})
            else:
                state.branch = self.path.rpartition("/")[2]
                for line in map(json.loads, body.splitlines()):
                    if line["key"] == "file":
                        state.files[line["value"]["path"]] = base64.b64decode(line["value"]["content"])
                url = f"{state.address}/owner/name/commit/{'0' * 40}"
                self.answer({"success": True, "commitOid": "0" * 40, "commitUrl": url, "hookOutput": ""})

        def do_GET(self) -> None:
            self.answer({"id": "owner/name", "sha": "0" * 40, "siblings": [], "tags": [], "private": False})

        def answer(self, value: dict[str, Any]) -> None:
            content = json.dumps(value).encode()
            self.send_response(200)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    state.address = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    monkeypatch.setattr("huggingface_hub.hf_api.ENDPOINT", state.address, raising=False)
    monkeypatch.setattr("huggingface_hub.constants.ENDPOINT", state.address)
    yield state
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture
def folder(tiny_folder: Path, tmp_path: Path) -> Path:
    copy = Path(shutil.copytree(tiny_folder, tmp_path / "model"))
    (copy / "README.md").write_text("---\nlicense: mit\n---\n# A model\n")
    (copy / "optimizer.pt").write_bytes(b"none of the hub's business")
    return copy


def test_what_a_pruner_reads_goes_up_and_nothing_else(folder: Path, hub: Hub) -> None:
    address = upload(folder, "owner/name", private=True, token="hf_test")
    assert address.startswith(f"{hub.address}/owner/name/commit/")
    assert hub.files["config.json"] == (folder / "config.json").read_bytes()
    assert set(hub.files) == {path.name for path in folder.iterdir()} - {"optimizer.pt"}
    assert hub.created[0]["name"] == "name"
    assert hub.branch == "main"


def test_a_folder_without_a_card_stays_here(folder: Path, hub: Hub) -> None:
    (folder / "README.md").unlink()
    with pytest.raises(CheckpointNotFoundError, match=r"no README\.md"):
        upload(folder, "owner/name", token="hf_test")
    assert not hub.created


def test_an_invalid_name_is_refused(folder: Path, hub: Hub) -> None:
    with pytest.raises(CheckpointError, match=r"Uploading .* failed"):
        upload(folder, "a/b/c", token="hf_test")
