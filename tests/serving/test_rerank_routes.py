import math
from pathlib import Path
from typing import Any

import cohere
import httpx
import pytest
from fastapi.testclient import TestClient
from rows import row

from provence_plugins import Pruner

QUERY = "Where is Paris?"
TEXTS = ["Cheese is good.", "Paris is in France. It is a city. \n", "A river."]


@pytest.fixture(scope="module")
def expected(tiny_folder: Path) -> list[tuple[int, float]]:
    with Pruner(tiny_folder) as pruner:
        return [(row.index, row.relevance) for row in pruner.rerank(QUERY, TEXTS)]


def test_the_shape_of_text_embeddings_inference(client: TestClient, expected: Any) -> None:
    body = {"query": QUERY, "texts": TEXTS, "truncate": True, "return_text": True}
    rows = client.post("/rerank", json=body).json()
    assert [(row["index"], row["score"]) for row in rows] == expected
    assert [row["text"] for row in rows] == [TEXTS[index] for index, _ in expected]


def test_raw_scores_are_logits(client: TestClient, expected: Any) -> None:
    rows = client.post("/rerank", json={"query": QUERY, "texts": TEXTS, "raw_scores": True}).json()
    assert [1 / (1 + math.exp(-row["score"])) for row in rows] == pytest.approx([score for _, score in expected])
    assert "text" not in rows[0]


@pytest.mark.parametrize("path", ["/rerank", "/v1/rerank"])
def test_the_shape_of_jina(path: str, client: TestClient, expected: Any) -> None:
    body = {"model": "jina-reranker-v2-base-multilingual", "query": QUERY, "documents": TEXTS, "top_n": 2}
    answer = client.post(path, json=body).json()
    assert [(row["index"], row["relevance_score"]) for row in answer["results"]] == expected[:2]
    assert answer["results"][0]["document"] == {"text": TEXTS[expected[0][0]]}
    assert answer["usage"]["total_tokens"] > 0
    plain = client.post(path, json=body | {"return_documents": False}).json()
    assert "document" not in plain["results"][0]


def test_documents_may_be_objects_with_fields_of_their_own(client: TestClient, expected: Any) -> None:
    documents = [{"text": text, "url": "https://example.org"} for text in TEXTS]
    answer = client.post("/v1/rerank", json={"query": QUERY, "documents": documents}).json()
    assert [(row["index"], row["relevance_score"]) for row in answer["results"]] == expected


def test_no_documents_are_no_results(client: TestClient) -> None:
    assert client.post("/rerank", json={"query": QUERY, "texts": []}).json() == []
    assert client.post("/v2/rerank", json={"query": QUERY, "documents": []}).json()["results"] == []


def test_the_shape_of_cohere_version_2(client: TestClient, expected: Any) -> None:
    answer = client.post("/v2/rerank", json={"model": "rerank-v3.5", "query": QUERY, "documents": TEXTS}).json()
    assert answer["results"] == [{"index": index, "relevance_score": score} for index, score in expected]
    assert answer["meta"]["api_version"] == {"version": "2"}


async def test_the_client_of_cohere_works_by_its_base_url(client: TestClient, expected: Any) -> None:
    network = httpx.AsyncClient(transport=httpx.ASGITransport(client.app))
    async with cohere.AsyncClientV2("key", base_url="http://server", httpx_client=network) as version_2:
        answer = await version_2.rerank(model="rerank-v3.5", query=QUERY, documents=TEXTS, top_n=2)
        assert [(row.index, row.relevance_score) for row in answer.results] == expected[:2]
        with pytest.raises(cohere.UnprocessableEntityError, match="query is blank"):
            await version_2.rerank(model="rerank-v3.5", query=" ", documents=TEXTS)
    network = httpx.AsyncClient(transport=httpx.ASGITransport(client.app))
    async with cohere.AsyncClient("key", base_url="http://server", httpx_client=network) as version_1:
        old = await version_1.rerank(model="rerank-v3.5", query=QUERY, documents=TEXTS, return_documents=True)
        assert [(row.index, row.relevance_score) for row in old.results] == expected
        assert old.results[0].document.text == TEXTS[expected[0][0]]


def test_relevant_spans_are_the_sentences_that_pass_the_threshold(client: TestClient, tiny_folder: Path) -> None:
    with Pruner(tiny_folder) as pruner:
        result = pruner.prune(QUERY, TEXTS)
    [passage] = [row for row in result.by_relevance() if row.index == 1]
    sentences = sorted(passage.sentences, key=lambda sentence: -sentence.probability)
    wanted = {"mode": "enabled", "threshold": 0.0}
    body = {"query": QUERY, "documents": TEXTS, "relevant_spans": wanted}
    answer = client.post("/v2/rerank", json=body).json()
    [row] = [row for row in answer["results"] if row["index"] == 1]
    texts = [TEXTS[1][span["start"] : span["end"]] for span in row["relevant_spans"]]
    assert texts == [sentence.of(TEXTS[1]).strip() for sentence in sentences]
    assert [span["score"] for span in row["relevant_spans"]] == [sentence.probability for sentence in sentences]
    body["relevant_spans"] = wanted | {"threshold": sentences[0].probability, "max_spans": 1}
    [row] = [row for row in client.post("/v2/rerank", json=body).json()["results"] if row["index"] == 1]
    assert len(row["relevant_spans"]) == 1
    body["relevant_spans"] = wanted | {"threshold": "short"}
    refused = client.post("/v2/rerank", json=body)
    assert refused.status_code == 422
    assert "a model that stores a threshold of this name" in refused.text
    body["relevant_spans"] = {"mode": "disabled"}
    assert "relevant_spans" not in client.post("/v2/rerank", json=body).json()["results"][0]


def test_a_fault_is_one_line(client: TestClient) -> None:
    for path, body, message in [
        ("/rerank", {"query": "x"}, "documents is missing."),
        ("/rerank", {"query": "x", "texts": [1]}, "texts[0] must be a string; got a number."),
        (
            "/rerank",
            {"query": "x", "texts": [], "raw_score": True},
            "Unknown field 'raw_score'. Did you mean 'raw_scores'?",
        ),
        ("/rerank", {"query": "x", "documents": ["a"], "top_n": "3"}, "top_n must be an integer; got a string."),
        ("/rerank", [], "The body must be an object; got an array."),
        ("/v1/rerank", {"query": "x", "documents": [{"txt": "a"}]}, "documents[0].text is missing."),
        ("/v1/rerank", {"query": "x", "documents": [None]}, "documents[0]: A document must be a string"),
        ("/v1/rerank", {"query": "x", "documents": ["a"], "top_n": 0}, "top_n must be an integer of at least 1"),
        ("/v2/rerank", {"query": "", "documents": ["a"]}, "query is blank."),
        (
            "/v2/rerank",
            {"query": "x", "documents": [], "relevant_spans": {"mode": "on"}},
            "relevant_spans.mode must be",
        ),
        (
            "/v2/rerank",
            {"query": "x", "documents": [], "relevant_spans": {"mode": "enabled", "threshold": 2}},
            "threshold must be a number from 0 to 1",
        ),
        (
            "/v2/rerank",
            {"query": "x", "documents": [], "relevant_spans": {"mode": "enabled", "max_spans": 0}},
            "relevant_spans.max_spans must be at least 1",
        ),
    ]:
        with row(path, body, message):
            answer = client.post(path, json=body)
            assert answer.status_code == 422
            assert answer.json()["error"].startswith(message)


def test_too_many_documents_are_refused(serve: Any) -> None:
    answer = serve(max_passages=2).post("/rerank", json={"query": "x", "texts": ["a"] * 3})
    assert answer.status_code == 413
