"""POST /prune: the passages of one query, pruned."""

from collections.abc import Sequence
from typing import Any

from fastapi import APIRouter, Request, Response

from provence_plugins.engine.results import PruneResult
from provence_plugins.serving.bodies import PassageBody, PruneBody
from provence_plugins.serving.failures import refuse_too_many
from provence_plugins.serving.middleware import note
from provence_plugins.serving.reading import JsonRoute
from provence_plugins.serving.service import service_of
from provence_plugins.serving.writing import write_aside

router = APIRouter(route_class=JsonRoute)

_DROPPED_KEYS = ("index", "title", "relevance", "tokens_before")


@router.post("/prune")
async def prune(body: PruneBody, request: Request) -> Response:
    """Keep the sentences of passages that help to answer a question."""
    service = service_of(request)
    refuse_too_many(len(body.passages), service.settings.max_passages)
    policy = body.policy.over(service.settings.policy)
    passages = [passage.to_passage() for passage in body.passages]
    result = await service.run(request, lambda: service.pruner.aprune(body.query, passages, policy))
    service.metrics.count_result(result.stats)
    note(
        request.scope,
        passages=len(passages),
        tokens_before=result.tokens_before,
        tokens_after=result.tokens_after,
    )
    characters = sum(len(passage.text) for passage in passages)
    content = await write_aside(lambda: _describe(result, body), characters=characters)
    return Response(content, media_type="application/json")


# Any: plain values of every kind.
def _describe(result: PruneResult, body: PruneBody) -> dict[str, Any]:
    """Return `PruneResult.to_dict()` with ids, metadata and stats, and sentences if asked for."""
    values = {"text": result.text, **result.to_dict()}
    stats = result.stats
    values["stats"] = {
        "tokens_removed": stats.tokens_removed,
        "removed_share": stats.removed_share,
        "passages_kept": stats.passages_kept,
        "passages_dropped": stats.passages_dropped,
    }
    if not body.sentences:
        for passage in values["passages"]:
            del passage["sentences"]
        values["dropped"] = [{key: passage[key] for key in _DROPPED_KEYS} for passage in values["dropped"]]
    _add_own_values([*values["passages"], *values["dropped"]], body.passages)
    return values


def _add_own_values(rows: Sequence[dict[str, Any]], passages: Sequence[PassageBody]) -> None:
    """Add to each passage of an answer the id and the metadata that it was sent with."""
    for row in rows:
        sent = passages[row["index"]]
        if sent.id is not None:
            row["id"] = sent.id
        if sent.metadata is not None:
            row["metadata"] = sent.metadata
