import re
from pathlib import Path
from typing import Any

import pytest
from fastapi.testclient import TestClient

from provence_plugins import Pruner, PruningPolicy
from provence_plugins.engine.rendering import VIEW_STYLE
from provence_plugins.serving.page_data import describe_scores
from provence_plugins.serving.page_files import FILES, PAGE, PAGE_PATHS

FOLDER = PAGE.parent
SOURCES = {path.name: path.read_text(encoding="utf-8") for path in (PAGE, *(path for path, _ in FILES.values()))}


@pytest.mark.parametrize("path", sorted(PAGE_PATHS))
def test_the_page_and_its_files_are_served_and_may_load_nothing_else(client: TestClient, path: str) -> None:
    answer = client.get(path)
    assert answer.status_code == 200
    assert answer.content
    rules = answer.headers["content-security-policy"]
    assert "default-src 'none'" in rules
    assert "script-src 'self';" in rules
    assert "frame-ancestors 'none'" in rules
    assert "unsafe" not in rules
    assert answer.headers["x-content-type-options"] == "nosniff"


def test_the_files_have_their_types(client: TestClient) -> None:
    assert client.get("/").headers["content-type"].startswith("text/html")
    assert client.get("/page/page.js").headers["content-type"].startswith("text/javascript")
    assert client.get("/page/view.css").text == VIEW_STYLE.read_text(encoding="utf-8")


@pytest.mark.parametrize("name", ["missing.js", "index.html", "..%2fapp.py", "%2e%2e/app.py", "page.js%00"])
def test_no_other_file_is_served(client: TestClient, name: str) -> None:
    answer = client.get(f"/page/{name}")
    assert answer.status_code == 404
    assert "create_app" not in answer.text


def test_every_file_of_the_page_is_served() -> None:
    assert {path.name for path in FOLDER.iterdir()} == {PAGE.name, *FILES} - {VIEW_STYLE.name}


@pytest.mark.parametrize("name", SOURCES)
def test_no_file_names_an_outside_resource_or_writes_markup(name: str) -> None:
    assert not re.search(
        r"https?:|//[a-z]|@import|innerHTML|outerHTML|insertAdjacent|document\.write|eval\(", SOURCES[name]
    )


def test_the_page_loads_files_that_exist() -> None:
    named = re.findall(r'(?:href|src)="page/([^"]+)"', SOURCES["index.html"])
    imported = [name for source in SOURCES.values() for name in re.findall(r'from "\./([^"]+)"', source)]
    assert {*named, *imported} == set(FILES)


def test_every_control_of_the_page_has_a_label() -> None:
    page = SOURCES["index.html"]
    labelled = {*re.findall(r'<label[^>]* for="([^"]+)"', page)}
    for tag in re.findall(r"<(?:input|select|textarea)[^>]*>", page):
        [name] = re.findall(r'id="([^"]+)"', tag)
        inside = re.search(rf'<label[^>]*>[^<]*\s*<(?:input|select) id="{name}"', page)
        assert name in labelled or "aria-label=" in tag or inside, name


def test_the_page_is_open_where_a_key_is_needed_and_the_rest_is_not(serve: Any) -> None:
    client = serve(api_key="opens")
    assert {client.get(path).status_code for path in PAGE_PATHS} == {200}
    body = {"query": "Where?", "passages": ["Paris."]}
    assert client.post("/page/scores", json=body).status_code == 401
    assert client.post("/page/cut", json={"text": "Paris.", "room": 1}).status_code == 401
    assert client.post("/page/scores", json=body, headers={"Authorization": "Bearer opens"}).status_code == 200


def test_scores_are_those_of_the_pruner(client: TestClient, tiny_folder: Path) -> None:
    query, texts = "Where is Paris?", ["Paris is in France. Cheese is good.", "A river. It is long."]
    with Pruner(tiny_folder) as pruner:
        expected = describe_scores(pruner.prune(query, texts, PruningPolicy(threshold=0.5)))
    answer = client.post("/page/scores", json={"query": query, "passages": texts, "policy": {"threshold": 0.5}})
    assert answer.json() == expected
    assert answer.json()["policy"]["threshold"] == 0.5


def test_a_sentence_is_cut_with_the_tokenizer_of_the_model(client: TestClient, tiny_folder: Path) -> None:
    with Pruner(tiny_folder) as pruner:
        [passage] = pruner.prune("where", ["paris is the capital"], PruningPolicy(threshold=0, max_tokens=2)).passages
    answer = client.post("/page/cut", json={"text": "paris is the capital", "room": 2}).json()
    assert answer.items() >= {"skipped": 0, "characters": passage.kept_spans[0].end, "tokens": 2, "cost": 2}.items()


@pytest.mark.parametrize(
    ("path", "body", "status"),
    [
        ("/page/scores", {"query": " ", "passages": []}, 422),
        ("/page/scores", {"query": "x"}, 422),
        ("/page/cut", {"text": "x"}, 422),
        ("/page/cut", {"text": "x", "room": 0}, 422),
        ("/page/cut", {"text": 7, "room": 1}, 422),
        ("/page/cut", {"text": "x", "room": 1, "file": "y"}, 422),
    ],
)
def test_a_wrong_body_is_refused(client: TestClient, path: str, body: dict[str, Any], status: int) -> None:
    answer = client.post(path, json=body)
    assert answer.status_code == status
    assert answer.json()["error"]
