"""The HTTP application as a deployment of Ray Serve, which adds copies of it with the load.

serve run provence_plugins.serving.ray_serve:build max_replicas=8
"""

import os

from provence_plugins.engine.options import PrunerOptions
from provence_plugins.engine.policy import PruningPolicy
from provence_plugins.errors import needs_extra
from provence_plugins.model.backends import BackendName
from provence_plugins.serving.app import create_app
from provence_plugins.serving.settings import ServeSettings
from provence_plugins.thresholds import Threshold

# Ray reads it when it is imported: nothing is sent.
os.environ["RAY_USAGE_STATS_ENABLED"] = "0"

with needs_extra("ray"):
    from fastapi import FastAPI
    from pydantic import BaseModel, ConfigDict, Field
    from ray import serve

_KEY = "PROVENCE_API_KEY"


class DeploymentSettings(BaseModel):
    """Settings of the deployment: NAME=VALUE for `serve run`, or keys of its configuration.

    Attributes:
        model: None for the model that ships with the package, a folder on every machine, or a repo
            id.
        backend: Inference backend; None as for `Pruner`.
        device: Device; None as for `Pruner`.
        dtype: Precision of the weights; None as for `Pruner`.
        threads: Threads of a replica, and the processors that it reserves.
        gpus: GPUs that a replica reserves; a fraction lets several share one.
        threshold: Threshold where a request has none; None for the model's own.
        min_replicas: Replicas that run without any load; 0 lets the first request wait for one.
        max_replicas: Replicas that run at most.
        target_requests: Requests in progress on each replica that Ray aims at: more add a replica,
            fewer remove one.
        max_requests: Requests in progress on a replica at most.
        max_waiting: Requests that wait for a replica at most; further ones get status 503.
        timeout_seconds: As for `ServeSettings`.
    """

    model_config = ConfigDict(extra="forbid")

    model: str | None = None
    backend: BackendName | None = None
    device: str | None = None
    dtype: str | None = None
    threads: int = Field(1, ge=1)
    gpus: float = Field(0.0, ge=0)
    threshold: Threshold | None = None
    min_replicas: int = Field(1, ge=0)
    max_replicas: int = Field(4, ge=1)
    target_requests: float = Field(4.0, gt=0)
    max_requests: int = Field(16, ge=1)
    max_waiting: int = Field(256, ge=1)
    timeout_seconds: float = 60.0

    def to_serve_settings(self) -> ServeSettings:
        """Return what each replica serves; the key of its clients comes from PROVENCE_API_KEY.

        Raises:
            InvalidInputError: A value is outside its range.
        """
        options: PrunerOptions = {
            "backend": self.backend,
            "device": self.device,
            "dtype": self.dtype,
            "threads": self.threads,
        }
        return ServeSettings(
            model=self.model,
            options=options,
            policy=PruningPolicy(threshold=self.threshold),
            api_key=os.environ.get(_KEY) or None,
            max_requests=self.max_requests,
            timeout_seconds=self.timeout_seconds,
        )


def build(settings: DeploymentSettings) -> serve.Application:
    """Return the application for `serve run`, `serve deploy` and `serve.run`.

    Raises:
        InvalidInputError: A setting has an invalid value.
    """
    of_replica = settings.to_serve_settings()

    def create() -> FastAPI:
        return create_app(of_replica)

    deployment = serve.deployment(
        serve.ingress(create)(),
        name="provence",
        max_ongoing_requests=settings.max_requests,
        max_queued_requests=settings.max_waiting,
        autoscaling_config={
            "min_replicas": settings.min_replicas,
            "max_replicas": settings.max_replicas,
            "target_ongoing_requests": settings.target_requests,
        },
        ray_actor_options={"num_cpus": settings.threads, "num_gpus": settings.gpus},
        # As long as a request may take: what was taken is finished before a replica ends.
        graceful_shutdown_timeout_s=settings.timeout_seconds,
    )
    return deployment.bind()
