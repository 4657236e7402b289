"""Serve the page at /, its files and its requests; the browser itself decides what is kept."""

import asyncio
from dataclasses import replace
from typing import Annotated

from fastapi import APIRouter, HTTPException, Request, Response
from fastapi.responses import FileResponse
from pydantic import Field

from provence_plugins.serving.bodies import PruneBody, StrictBody
from provence_plugins.serving.failures import refuse_too_many
from provence_plugins.serving.middleware import note
from provence_plugins.serving.page_data import describe_cut, describe_scores
from provence_plugins.serving.page_files import FILES, PAGE
from provence_plugins.serving.reading import JsonRoute
from provence_plugins.serving.service import service_of
from provence_plugins.serving.writing import encode_json, write_aside

router = APIRouter(route_class=JsonRoute, include_in_schema=False)

# Nothing but the page's own files is loaded or run, whatever a passage holds, and no other site can
# frame the page.
_HEADERS = {
    "Content-Security-Policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src data:; connect-src "
        "'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    ),
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cache-Control": "no-cache",
}


class CutBody(StrictBody):
    """A sentence that is longer than the budget.

    Attributes:
        text: The sentence.
        room: How many tokens may be kept of it.
        is_json: Whether it is a part of a JSON document.
    """

    text: str
    room: Annotated[int, Field(ge=1)]
    is_json: bool = False


@router.get("/")
async def page() -> Response:
    """Return the page."""
    return FileResponse(PAGE, media_type="text/html", headers=_HEADERS)


@router.get("/page/{name}")
async def page_file(name: str) -> Response:
    """Return a file that the page loads."""
    if name not in FILES:
        raise HTTPException(404, f"The page has no file {name!r}.")
    path, kind = FILES[name]
    return FileResponse(path, media_type=kind, headers=_HEADERS)


@router.post("/page/scores")
async def scores(body: PruneBody, request: Request) -> Response:
    """Score passages; the browser decides what is kept of them."""
    service = service_of(request)
    refuse_too_many(len(body.passages), service.settings.max_passages)
    # The browser decides without comparing the words of all passages, and without marks.
    policy = replace(body.policy.over(service.settings.policy), deduplicate=None, omission=None)
    passages = [passage.to_passage() for passage in body.passages]
    result = await service.run(request, lambda: service.pruner.aprune(body.query, passages, policy))
    note(request.scope, passages=len(passages), tokens_before=result.tokens_before)
    characters = sum(len(passage.text) for passage in passages)
    content = await write_aside(lambda: describe_scores(result), characters=characters)
    return Response(content, media_type="application/json")


@router.post("/page/cut")
async def cut(body: CutBody, request: Request) -> Response:
    """Cut a sentence so that it fits a budget, for which a browser would need the tokenizer."""
    service = service_of(request)
    # A result holds the counter of its model, also one without passages.
    result = await service.run(request, lambda: service.pruner.aprune("cut", []))
    assert result.count_tokens is not None
    found = await asyncio.to_thread(
        describe_cut, body.text, body.room, service.settings.policy, result.count_tokens, is_json=body.is_json
    )
    return Response(encode_json(found), media_type="application/json")
