"""The application: every route over one service."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from provence_plugins import __version__
from provence_plugins.errors import needs_extra
from provence_plugins.keywords import check_instance, check_keywords
from provence_plugins.serving.settings import ServeSettings

with needs_extra("serve"):
    from fastapi import FastAPI

    from provence_plugins.serving import page_routes, prune_route, rerank_routes, status_routes
    from provence_plugins.serving.bearer_key import ASK_FOR_KEY, NO_KEY, BearerKey
    from provence_plugins.serving.failures import add_handlers, error_response
    from provence_plugins.serving.metrics import Metrics
    from provence_plugins.serving.middleware import RequestLog
    from provence_plugins.serving.page_files import PAGE_PATHS
    from provence_plugins.serving.service import Service

# A browser opens the page without a key; a probe has none.
OPEN_PATHS = PAGE_PATHS | {"/health", "/ready"}

ROUTERS = (prune_route.router, page_routes.router, rerank_routes.router, status_routes.router)


@check_keywords
def create_app(settings: ServeSettings | None = None, service: Service | None = None) -> FastAPI:
    """Return the application, for any ASGI server.

    Args:
        settings: Model and limits; None for the shipped model and the defaults.
        service: A service that is open already; the application closes it. None opens one when the
            server starts.

    Raises:
        InvalidInputError: An argument has another type.
    """
    if settings is not None:
        check_instance("settings", settings, ServeSettings)
    if service is not None:
        check_instance("service", service, Service)
    chosen = service.settings if service else settings or ServeSettings()
    metrics = service.metrics if service else Metrics()

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        app.state.service = service or await Service.open(chosen, metrics)
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
    if chosen.api_key is not None:
        refusal = error_response(401, NO_KEY, ASK_FOR_KEY)
        app.add_middleware(BearerKey, key=chosen.api_key, refusal=refusal, open_paths=OPEN_PATHS)
    # The last one that is added is the outermost.
    app.add_middleware(RequestLog, metrics=metrics)
    for router in ROUTERS:
        app.include_router(router)
    return app
