"""Pages of the dashboard over 100,000 of everything."""

import asyncio
import contextlib
import re
import statistics
import subprocess
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from urllib.parse import urlsplit

import aiohttp
import psutil
from tests.bench.full_house import fill_everything
from tests.bench.harness import Measure, Metric, Row
from tests.bench.product import COMMAND, Product, data_folder, serving

from sluicegate.db.connector import Connector
from sluicegate.db.embedded import EmbeddedPostgres

_ASKED = 30
_PASSWORD = "a sentence for measuring"
_STATIC = re.compile(r'(?:href|src)="(/app/static/[^"]+)"')
_PAGES = {
    "library": "/app",
    "library, in the middle": "/app?before={middle}&row={nobody}",
    "library, at the end": "/app?before={end}&row={nobody}",
    "one job": "/app/library/{job}",
    "one job, a long one": "/app/library/{long}",
    "removed jobs": "/app/library/removed",
    "media": "/app/media",
    "media, one state, in the middle": "/app/media?state=Completed&before={middle_media}&row={nobody}",
    "one media job": "/app/media/{media}",
    "media batches": "/app/media/batches",
    "accounts": "/app/accounts",
    "one account": "/app/accounts/{account}?days=90",
    "gateway": "/app/gateway",
    "gateway rules": "/app/gateway/rules",
    "gateway add-ons": "/app/gateway/addons",
    "gateway requests": "/app/gateway/requests",
    "gateway requests, one add-on": "/app/gateway/requests?addon=addon-3",
    "gateway requests, unknown add-on": "/app/gateway/requests?addon=nobody",
    "feeds": "/app/feeds",
    "storage": "/app/storage",
    "webhooks": "/app/webhooks",
    "usage": "/app/usage",
    "usage, 90 days": "/app/usage?days=90",
    "preferences": "/app/preferences",
    "security": "/app/security",
    "admin": "/app/admin",
    "admin, users": "/app/admin/users",
    "admin, audit": "/app/admin/audit",
}
_IDS = """
    SELECT (SELECT job_id FROM traces LIMIT 1) AS long,
        (SELECT id FROM jobs WHERE size = 40000 LIMIT 1) AS job,
        (SELECT id FROM media_jobs LIMIT 1) AS media,
        (SELECT id FROM accounts WHERE provider = 'torbox' LIMIT 1) AS account,
        (SELECT created_at FROM jobs ORDER BY created_at OFFSET 50000 LIMIT 1) AS middle,
        (SELECT created_at FROM jobs ORDER BY created_at OFFSET 30 LIMIT 1) AS end,
        (SELECT created_at FROM media_jobs ORDER BY created_at OFFSET 50000 LIMIT 1) AS middle_media
"""
_NOBODY = "ffffffff-ffff-ffff-ffff-ffffffffffff"


@dataclass(frozen=True, slots=True)
class _Seen:
    """A page: milliseconds of each answer, the first by itself, and what page, style and scripts weigh in kB."""

    times: Sequence[float]
    first: float
    weight: float


@contextlib.contextmanager
def _ours() -> Iterator[Measure]:
    with data_folder() as data, serving(data) as product:
        asyncio.run(fill_everything(product))
        paths = asyncio.run(_paths(product))
        command = [COMMAND, "users", "invite", "home", "--admin", "--data-dir", str(data)]
        link = subprocess.run(command, check=True, capture_output=True, text=True).stdout
        cookies = asyncio.run(_sign_in(product, urlsplit(link.strip()).query.removeprefix("token=")))
        yield lambda: asyncio.run(_measure(product, cookies, paths))


async def _paths(product: Product) -> dict[str, str]:
    async with EmbeddedPostgres(product.data / "postgres") as postgres:
        connection = await Connector(embedded=postgres).connect()
        try:
            found = dict(await connection.fetchrow(_IDS, timeout=60))
        finally:
            await connection.close()
    found |= {name: found[name].isoformat().replace("+", "%2B") for name in ("middle", "end", "middle_media")}
    return {name: path.format(nobody=_NOBODY, **found) for name, path in _PAGES.items()}


async def _sign_in(product: Product, token: str) -> dict[str, str]:
    fields = {"token": token, "name": "home", "password": _PASSWORD}
    async with (
        aiohttp.ClientSession() as session,
        session.post(f"{product.url}/app/welcome", data=fields, allow_redirects=False) as answer,
    ):
        if answer.status != 303:
            raise RuntimeError(f"the welcome page answers {answer.status}")
        return {name: morsel.value for name, morsel in answer.cookies.items()}


async def _measure(product: Product, cookies: dict[str, str], paths: Mapping[str, str]) -> Mapping[str, float]:
    server = psutil.Process(product.pid)
    before = server.cpu_times()
    async with aiohttp.ClientSession(cookies=cookies) as session:
        seen = {name: await _look(session, product.url, path) for name, path in paths.items()}
    spent = sum(server.cpu_times()[:2]) - sum(before[:2])
    medians = {name: statistics.median(page.times) for name, page in seen.items()}
    return medians | {
        "slowest first answer": max(page.first for page in seen.values()),
        "heaviest page": max(page.weight for page in seen.values()),
        "processor time of a page": spent / (len(seen) * _ASKED) * 1000,
    }


async def _look(session: aiohttp.ClientSession, url: str, path: str) -> _Seen:
    times = []
    for _ in range(_ASKED):
        started = time.monotonic()
        async with session.get(url + path, allow_redirects=False) as answer:
            body = await answer.read()
            if answer.status != 200:
                raise RuntimeError(f"{path} answers {answer.status}")
        times.append((time.monotonic() - started) * 1000)
    weight = len(body)
    for address in set(_STATIC.findall(body.decode())):
        async with session.get(url + address) as answer:
            weight += len(await answer.read())
    return _Seen(times, times[0], weight / 1000)


_FAST = ("under 100 ms", lambda medians, _: all(value < 100 for value in medians.values()))
_LIGHT = ("under 150 kB", lambda medians, _: all(value < 150 for value in medians.values()))

ROW = Row(
    name="pages of the dashboard over 100,000 jobs of one user",
    how=f"each page {_ASKED} times per run over one connection, signed in as the operator; one user has 100,000 each "
    "of library jobs, media jobs, gateway calls (two providers each) and webhooks, one job of 5,000 files and "
    "decisions, five accounts; client, server and database share the machine; the weight is of page, style and "
    "scripts, not packed",
    metrics=(
        *(Metric(name, "ms", *_FAST) for name in _PAGES),
        Metric("slowest first answer", "ms"),
        Metric("heaviest page", "kB", *_LIGHT),
        Metric("processor time of a page", "ms"),
    ),
    sides={"sluicegate": _ours},
    rounds=3,
)
