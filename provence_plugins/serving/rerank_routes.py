"""Reranking in the shapes that existing client libraries speak."""

import math
from collections.abc import Sequence
from typing import Any

from fastapi import APIRouter, Request, Response

from provence_plugins.engine.passages import PrunedPassage
from provence_plugins.engine.policy import PruningPolicy, check_top_n
from provence_plugins.engine.results import PruneResult
from provence_plugins.errors import InvalidInputError
from provence_plugins.serving.failures import refuse_too_many
from provence_plugins.serving.middleware import note
from provence_plugins.serving.reading import JsonRoute
from provence_plugins.serving.rerank_bodies import (
    CohereBody,
    EitherBody,
    JinaBody,
    RelevantSpans,
    TeiBody,
)
from provence_plugins.serving.service import Service, service_of
from provence_plugins.serving.writing import write_aside
from provence_plugins.thresholds import Thresholds
from provence_plugins.types import Passage

router = APIRouter(route_class=JsonRoute)

# Rows are made of plain values of every kind.
_Row = dict[str, Any]

# A probability of 0 or 1 has no finite logit.
_LEAST_PROBABILITY = 1e-9


@router.post("/v2/rerank")
async def rerank_as_cohere(body: CohereBody, request: Request) -> Response:
    """Order documents by relevance, as Cohere's API version 2; `relevant_spans` prunes them too."""
    service = service_of(request)
    _check_spans(body.relevant_spans, service.pruner.thresholds)
    result = await _score(request, service, body.query, body.passages(), body.top_n)

    def describe() -> _Row:
        rows = []
        for passage in result.by_relevance()[: body.top_n]:
            row = _cohere_row(passage, with_text=body.return_documents)
            if body.relevant_spans is not None and body.relevant_spans.mode == "enabled":
                row["relevant_spans"] = _relevant_spans(passage, body.relevant_spans, result)
            rows.append(row)
        meta = {"api_version": {"version": "2"}, "tokens": {"input_tokens": result.tokens_before}}
        return {"id": request.state.request_id, "results": rows, "meta": meta}

    return await _answer(describe, result)


@router.post("/v1/rerank")
async def rerank_as_jina(body: JinaBody, request: Request) -> Response:
    """Order documents by relevance, as Jina's API and Cohere's version 1."""
    service = service_of(request)
    result = await _score(request, service, body.query, body.passages(), body.top_n)

    def describe() -> _Row:
        rows = [
            _cohere_row(passage, with_text=bool(body.return_documents))
            for passage in result.by_relevance()[: body.top_n]
        ]
        return {
            "id": request.state.request_id,
            "model": service.model_name,
            "object": "list",
            "results": rows,
            "usage": {"total_tokens": result.tokens_before, "prompt_tokens": result.tokens_before},
            "meta": {"api_version": {"version": "1"}},
        }

    return await _answer(describe, result)


@router.post("/rerank")
async def rerank(body: EitherBody, request: Request) -> Response:
    """Order texts by relevance: `texts` as text-embeddings-inference, `documents` as Jina."""
    if isinstance(body, JinaBody):
        return await rerank_as_jina(body, request)
    return await _rerank_as_tei(body, request)


async def _rerank_as_tei(body: TeiBody, request: Request) -> Response:
    service = service_of(request)
    result = await _score(request, service, body.query, [Passage(text) for text in body.texts], None)

    def describe() -> list[_Row]:
        rows = []
        for passage in result.by_relevance():
            score = _score_of(passage)
            row: _Row = {"index": passage.index, "score": _logit(score) if body.raw_scores else score}
            rows.append(row | ({"text": passage.passage.text} if body.return_text else {}))
        return rows

    return await _answer(describe, result)


async def _score(
    request: Request, service: Service, query: str, passages: Sequence[Passage], top_n: int | None
) -> PruneResult:
    check_top_n(top_n)
    refuse_too_many(len(passages), service.settings.max_passages)
    policy = PruningPolicy(threshold=service.settings.policy.threshold)
    result = await service.run(request, lambda: service.pruner.aprune(query, passages, policy))
    service.metrics.tokens_in.inc(result.tokens_before)
    note(request.scope, passages=len(passages), tokens_before=result.tokens_before)
    return result


async def _answer(describe: Any, result: PruneResult) -> Response:
    characters = sum(len(passage.passage.text) for passage in (*result.passages, *result.dropped))
    return Response(await write_aside(describe, characters=characters), media_type="application/json")


def _cohere_row(passage: PrunedPassage, *, with_text: bool) -> _Row:
    row: _Row = {"index": passage.index, "relevance_score": _score_of(passage)}
    return row | ({"document": {"text": passage.passage.text}} if with_text else {})


def _score_of(passage: PrunedPassage) -> float:
    """Return the relevance of a passage as a number from 0 to 1; 0 if the model cannot read it."""
    return passage.scored.relevance_probability if passage.is_legible else 0.0


def _check_spans(wanted: RelevantSpans | None, thresholds: Thresholds) -> None:
    if wanted is not None:
        PruningPolicy(threshold=wanted.threshold)  # checks its range
        thresholds.resolve(wanted.threshold)
        if wanted.max_spans is not None and wanted.max_spans < 1:
            raise InvalidInputError(f"relevant_spans.max_spans must be at least 1; got {wanted.max_spans}.")


def _relevant_spans(
    passage: PrunedPassage,
    wanted: RelevantSpans,
    result: PruneResult,
) -> list[_Row]:
    """Return the stripped sentences that pass the threshold, the most probable first."""
    least = result.threshold if wanted.threshold is None else result.thresholds.resolve(wanted.threshold)
    text = passage.passage.text
    rows = []
    for sentence in passage.sentences:
        content = sentence.of(text)
        if sentence.probability >= least and content.strip():
            start = sentence.start + len(content) - len(content.lstrip())
            rows.append({"start": start, "end": start + len(content.strip()), "score": sentence.probability})
    return sorted(rows, key=lambda row: -row["score"])[: wanted.max_spans]


def _logit(probability: float) -> float:
    inside = min(max(probability, _LEAST_PROBABILITY), 1 - _LEAST_PROBABILITY)
    return math.log(inside / (1 - inside))
