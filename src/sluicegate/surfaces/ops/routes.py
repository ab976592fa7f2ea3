"""Routes for operators: ``/healthz``, ``/readyz`` and ``/metrics``."""

from collections.abc import Mapping, Sequence
from typing import Final

from litestar import Response, Router, get
from litestar.di import NamedDependency, Provide
from litestar.openapi import ResponseSpec
from litestar.params import SkipValidation
from litestar.types import Guard
from prometheus_client import generate_latest

from sluicegate.surfaces.ops.errors import EXCEPTION_HANDLERS
from sluicegate.surfaces.ops.metrics import Metrics
from sluicegate.surfaces.ops.probes import Probe, check_readiness
from sluicegate.surfaces.ops.schemas import AliveBody, ReadyBody
from sluicegate.web.routing import SurfaceRouter

__all__ = ["router"]

_TEXT_FORMAT: Final = "text/plain; version=0.0.4"
"""Litestar names the charset of every text by itself."""
_NEVER_KEPT: Final = {"cache-control": "no-store"}

_Probes = NamedDependency[SkipValidation[Mapping[str, Probe]]]
_Metrics = NamedDependency[SkipValidation[Metrics]]


def router(probes: Mapping[str, Probe], metrics: Metrics, *, metrics_guards: Sequence[Guard] = ()) -> Router:
    """The operators' routes.

    Args:
        probes: what ``/readyz`` asks, by the name it shows.
        metrics: what ``/metrics`` shows.
        metrics_guards: who may read ``/metrics``; nobody is asked without guards. The other two are always open:
            they tell words of our own and nothing about users.
    """
    return SurfaceRouter(
        path="/",
        route_handlers=[
            healthz,
            readyz,
            SurfaceRouter(path="/", route_handlers=[show_metrics], guards=list(metrics_guards)),
        ],
        dependencies={
            "probes": Provide(lambda: probes, sync_to_thread=False),
            "metrics": Provide(lambda: metrics, sync_to_thread=False),
        },
        exception_handlers=EXCEPTION_HANDLERS,
        tags=["operations"],
    )


@get("/healthz", summary="Is the process alive?", sync_to_thread=False)
def healthz() -> Response[AliveBody]:
    """Always 200 while requests are answered at all."""
    return Response(AliveBody(), headers=_NEVER_KEPT)


@get(
    "/readyz",
    summary="Is everything ready?",
    responses={503: ResponseSpec(ReadyBody, generate_examples=False, description="Something is not ready.")},
)
async def readyz(probes: _Probes) -> Response[ReadyBody]:
    """200 when every part is ready, else 503; the body names the parts either way."""
    body = await check_readiness(probes)
    return Response(body, status_code=200 if body.status == "ready" else 503, headers=_NEVER_KEPT)


@get("/metrics", summary="Measurements in Prometheus' text format", sync_to_thread=False)
def show_metrics(metrics: _Metrics) -> Response[bytes]:
    """The measurements of this process."""
    return Response(generate_latest(metrics.registry), media_type=_TEXT_FORMAT, headers=_NEVER_KEPT)
