import json
from pathlib import Path
from typing import Any

import pytest
from fastapi.testclient import TestClient

from provence_plugins import Passage, Pruner, PruningPolicy


def test_the_answer_is_that_of_the_pruner(client: TestClient, tiny_folder: Path) -> None:
    query, texts = "Where is Paris?", ["Paris is in France. Cheese is good.", "A river. It is long."]
    with Pruner(tiny_folder) as pruner:
        result = pruner.prune(query, [texts[0], Passage(texts[1], "Rivers")], PruningPolicy(threshold=0.5, top_n=1))
    passages = [texts[0], {"text": texts[1], "title": "Rivers"}]
    body = {"query": query, "passages": passages, "policy": {"threshold": 0.5, "top_n": 1}, "sentences": True}
    answer = client.post("/prune", json=body).json()
    assert answer.pop("text") == result.text
    stats = answer.pop("stats")
    assert stats["removed_share"] == result.stats.removed_share
    assert stats["passages_kept"] == len(result.passages)
    assert answer == result.to_dict()


def test_ids_and_metadata_come_back_with_kept_and_dropped_passages(client: TestClient) -> None:
    passages = [{"text": "Paris.", "id": "a", "metadata": {"page": 3}}, {"text": "Cheese.", "id": 7}, "A river."]
    answer = client.post("/prune", json={"query": "Where?", "passages": passages, "policy": {"top_n": 1}}).json()
    rows = sorted([*answer["passages"], *answer["dropped"]], key=lambda row: row["index"])
    assert [(row.get("id"), row.get("metadata")) for row in rows] == [("a", {"page": 3}), (7, None), (None, None)]
    assert len(answer["dropped"]) == 2


def test_sentences_and_dropped_texts_are_in_the_answer_only_if_asked_for(
    client: TestClient, request_body: dict[str, Any]
) -> None:
    request_body["policy"] = {"threshold": 1}
    short = client.post("/prune", json=request_body).json()
    long = client.post("/prune", json=request_body | {"sentences": True}).json()
    assert short["dropped"]
    assert "sentences" not in short["dropped"][0]
    assert "text" not in short["dropped"][0]
    assert long["dropped"][0]["text"] == request_body["passages"][0]
    assert long["dropped"][0]["sentences"][0]["probability"] < 1


def test_no_passages_give_an_empty_answer(client: TestClient) -> None:
    answer = client.post("/prune", json={"query": "Where?", "passages": []})
    assert answer.status_code == 200
    assert answer.json()["text"] == ""


@pytest.mark.parametrize("text", ["half a pair \ud800", "\x00\x1b[2J", "é🧀\r\n"])
def test_a_text_comes_back_character_for_character(client: TestClient, text: str) -> None:
    body = json.dumps({"query": "Where?", "passages": [text], "policy": {"threshold": 0}})
    answer = client.post("/prune", content=body, headers={"Content-Type": "application/json"}).json()
    assert answer["passages"][0]["text"] == text


def test_a_long_text_is_answered_too(client: TestClient) -> None:
    text = "Paris is in France. " * 4_000
    answer = client.post("/prune", json={"query": "Where?", "passages": [text], "policy": {"threshold": 0}}).json()
    assert answer["text"] == text.rstrip()


def test_too_many_passages_are_refused(serve: Any) -> None:
    answer = serve(max_passages=2).post("/prune", json={"query": "Where?", "passages": ["a"] * 3})
    assert (answer.status_code, answer.json()["error"]) == (
        413,
        "The request has 3 passages, and this server accepts at most 2. Send several requests.",
    )
