"""The application: every route over one service."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from provence_plugins import __version__
from provence_plugins.errors import needs_extra

with needs_extra("serve"):
    from fastapi import FastAPI

from provence_plugins.serving import prune_route, status_routes
from provence_plugins.serving.failures import add_handlers
from provence_plugins.serving.service import Service
from provence_plugins.serving.settings import ServeSettings

ROUTERS = (prune_route.router, status_routes.router)


def create_app(settings: ServeSettings | None = None, service: Service | None = None) -> FastAPI:
    """Return the application, for any ASGI server.

    Args:
        settings: Model and limits; None for the shipped model and the defaults.
        service: A service that is open already; the application closes it. None opens one when the server starts.
    """
    chosen = settings or ServeSettings()

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        app.state.service = service or await Service.open(chosen)
        try:
            yield
        finally:
            app.state.service.close()

    app = FastAPI(
        title="provence_plugins",
        description="Query-aware context pruning and reranking for RAG.",
        version=__version__,
        lifespan=lifespan,
        # These pages load scripts from another host; the schema itself is at /openapi.json.
        docs_url=None,
        redoc_url=None,
    )
    add_handlers(app)
    for router in ROUTERS:
        app.include_router(router)
    return app
