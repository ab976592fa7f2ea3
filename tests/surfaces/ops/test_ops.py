import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import httpx
import pytest
from litestar import Litestar, get
from litestar.connection import ASGIConnection
from litestar.handlers import BaseRouteHandler
from litestar.params import FromPath
from prometheus_client.parser import text_string_to_metric_families
from tests.surfaces.serving import calling

from sluicegate.core.errors import InternalError, Unauthenticated
from sluicegate.surfaces.ops.metrics import Metrics
from sluicegate.surfaces.ops.probes import check_readiness
from sluicegate.surfaces.ops.routes import router


async def _fine() -> str:
    return ""


async def _missing() -> str:
    return "No worker with engines runs."


async def _raising() -> str:
    raise InternalError("The database is not reachable.")


async def _broken() -> str:
    raise RuntimeError("password=hunter2")


async def _hanging() -> str:
    await asyncio.sleep(60)
    return ""


@get("/v1/torrents/{job_id:str}")
async def some_route(job_id: FromPath[str]) -> str:
    return job_id


@asynccontextmanager
async def _served(probes=None, **options) -> AsyncIterator[httpx.AsyncClient]:
    metrics = Metrics()
    app = Litestar([router(probes or {}, metrics, **options), some_route], logging_config=None, openapi_config=None)
    async with calling(metrics.measuring(app)) as client:
        yield client


async def test_healthz_answers_whatever_is_wrong():
    async with _served({"database": _broken}) as client:
        answer = await client.get("/healthz")
    assert (answer.status_code, answer.json()) == (200, {"status": "ok"})


async def test_readyz_is_200_when_every_part_is_ready():
    async with _served({"database": _fine, "engines": _fine}) as client:
        answer = await client.get("/readyz")
    assert answer.status_code == 200
    assert answer.json() == {"status": "ready", "checks": {"database": "ok", "engines": "ok"}}


async def test_readyz_is_503_and_says_what_is_not_ready(caplog):
    async with _served({"a": _fine, "engines": _missing, "database": _raising, "storage": _broken}) as client:
        answer = await client.get("/readyz")
    assert answer.status_code == 503
    assert answer.json() == {
        "status": "not ready",
        "checks": {
            "a": "ok",
            "engines": "No worker with engines runs.",
            "database": "The database is not reachable.",
            "storage": "It could not be asked; the log says why.",
        },
    }
    assert "hunter2" not in answer.text
    assert "The readiness probe 'storage' failed." in caplog.text


async def test_a_probe_that_hangs_delays_the_answer_only_so_long():
    async with asyncio.timeout(20):
        body = await check_readiness({"slow": _hanging, "fine": _fine}, seconds=0.1)
    assert body.checks == {"slow": "It did not answer within 0.1 seconds.", "fine": "ok"}
    assert body.status == "not ready"


async def test_metrics_count_by_route_method_and_status():
    async with _served() as client:
        await client.get("/v1/torrents/one")
        await client.get("/v1/torrents/two")
        await client.get("/v1/nothing/tu_secret_key")
        await client.request("PURGE", "/v1/torrents/one")
        answer = await client.get("/metrics")
    assert answer.headers["content-type"] == "text/plain; version=0.0.4; charset=utf-8"
    families = {family.name: family for family in text_string_to_metric_families(answer.text)}
    requests = {
        (s.labels["method"], s.labels["route"], s.labels["status"]): s.value
        for s in families["sluicegate_http_requests"].samples
        if s.name.endswith("_total")
    }
    assert requests == {
        ("GET", "/v1/torrents/{job_id}", "200"): 2.0,
        ("GET", "unmatched", "404"): 1.0,
        ("other", "unmatched", "405"): 1.0,
    }
    assert families["sluicegate_http_open_requests"].samples[0].value == 1.0
    assert "process_resident_memory_bytes" in families
    assert "secret" not in answer.text


async def test_metrics_have_no_label_that_grows_with_what_callers_send():
    async with _served() as client:
        for number in range(30):
            await client.get(f"/v1/torrents/{number}", headers={"host": f"h{number}.example"})
            await client.get(f"/{number}")
        text = (await client.get("/metrics")).text
    lines = [line for line in text.splitlines() if line.startswith("sluicegate_http_requests_total")]
    assert len(lines) == 2


async def test_metrics_are_guarded_by_whoever_is_named_and_the_rest_stays_open():
    def guard(connection: ASGIConnection, _: BaseRouteHandler) -> None:
        if connection.headers.get("authorization") != "Bearer right":
            raise Unauthenticated("A key is missing.")

    async with _served(metrics_guards=[guard]) as client:
        refused = await client.get("/metrics")
        allowed = await client.get("/metrics", headers={"authorization": "Bearer right"})
        open_routes = [await client.get(path) for path in ("/healthz", "/readyz")]
    assert (refused.status_code, set(refused.json())) == (401, {"error"})
    assert refused.headers["www-authenticate"].startswith("Bearer")
    assert allowed.status_code == 200
    assert [answer.status_code for answer in open_routes] == [200, 200]


@pytest.mark.parametrize("path", ["/healthz", "/readyz", "/metrics"])
async def test_answers_are_never_kept_by_caches(path):
    async with _served() as client:
        assert (await client.get(path)).headers["cache-control"] == "no-store"
