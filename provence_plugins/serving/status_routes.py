"""The routes that tell how the server is: alive, ready, busy, and what it serves."""

from dataclasses import asdict
from typing import Any

from fastapi import APIRouter, HTTPException, Request, Response

from provence_plugins import __version__
from provence_plugins.serving.service import service_of

router = APIRouter()

_LIMITS = ("max_requests", "max_passages", "max_body_bytes", "timeout_seconds")


@router.get("/health")
async def health() -> dict[str, str]:
    """Return status 200 as long as the process answers."""
    return {"status": "ok"}


@router.get("/ready")
async def ready(request: Request) -> dict[str, str]:
    """Return status 200 once the model is loaded and the server accepts requests, 503 otherwise."""
    if not service_of(request).is_open:
        raise HTTPException(503, "The server is shutting down.")
    return {"status": "ready"}


@router.get("/metrics")
async def metrics(request: Request) -> Response:
    """Return metrics in the text format of Prometheus."""
    return Response(service_of(request).render_metrics(), media_type="text/plain; version=0.0.4; charset=utf-8")


# Any: plain values of every kind.
@router.get("/info")
async def info(request: Request) -> dict[str, Any]:
    """Return the version, the model, the policy and the limits of this server."""
    service = service_of(request)
    pruner = service.pruner
    policy = asdict(service.settings.policy)
    for name, value in policy.items():
        if callable(value):
            policy[name] = "a function"
    return {
        "version": __version__,
        "model": service.model_name,
        "format": pruner.format,
        "backend": pruner.backend_description,
        "threshold": pruner.thresholds.resolve(pruner.policy.threshold),
        "window_tokens": pruner.window_tokens,
        "policy": policy,
        "limits": {name: getattr(service.settings, name) for name in _LIMITS},
    }
