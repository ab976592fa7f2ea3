"""Pages of the dashboard over a library of 100,000 jobs."""

import asyncio
import contextlib
import statistics
import subprocess
import time
from collections.abc import Iterator, Mapping
from urllib.parse import urlsplit

import aiohttp
from tests.bench.harness import Measure, Metric, Row
from tests.bench.product import COMMAND, Product, data_folder, serving
from tests.bench.rows.library_list import fill

_ASKED = 30
_PASSWORD = "a sentence for measuring"
_PAGES = {
    "library": "/app",
    "library, in the middle": "/app?offset=50000",
    "library, at the end": "/app?offset=99975",
    "removed jobs": "/app/library/removed",
    "media": "/app/media",
    "accounts": "/app/accounts",
    "gateway": "/app/gateway",
    "feeds": "/app/feeds",
    "storage": "/app/storage",
    "webhooks": "/app/webhooks",
    "usage": "/app/usage",
    "security": "/app/security",
    "admin": "/app/admin",
}


@contextlib.contextmanager
def _ours() -> Iterator[Measure]:
    with data_folder() as data, serving(data) as product:
        asyncio.run(fill(product))
        command = [COMMAND, "users", "invite", "home", "--admin", "--data-dir", str(data)]
        link = subprocess.run(command, check=True, capture_output=True, text=True).stdout
        cookies = asyncio.run(_sign_in(product, urlsplit(link.strip()).query.removeprefix("token=")))
        yield lambda: asyncio.run(_measure(product, cookies))


async def _sign_in(product: Product, token: str) -> dict[str, str]:
    fields = {"token": token, "name": "home", "password": _PASSWORD}
    async with (
        aiohttp.ClientSession() as session,
        session.post(f"{product.url}/app/welcome", data=fields, allow_redirects=False) as answer,
    ):
        if answer.status != 303:
            raise RuntimeError(f"the welcome page answers {answer.status}")
        return {name: morsel.value for name, morsel in answer.cookies.items()}


async def _measure(product: Product, cookies: dict[str, str]) -> Mapping[str, float]:
    job = product.call("GET", "/v1/torrents?limit=1&offset=50000")["items"][0]["id"]
    async with aiohttp.ClientSession(cookies=cookies) as session:

        async def page(path: str) -> float:
            started = time.monotonic()
            async with session.get(product.url + path, allow_redirects=False) as answer:
                await answer.read()
                if answer.status != 200:
                    raise RuntimeError(f"{path} answers {answer.status}")
            return (time.monotonic() - started) * 1000

        pages = {**_PAGES, "one job": f"/app/library/{job}"}
        return {name: statistics.median([await page(path) for _ in range(_ASKED)]) for name, path in pages.items()}


_UNDER = ("under 100 ms", lambda medians, _: all(value < 100 for value in medians.values()))

ROW = Row(
    name="pages of the dashboard over 100,000 jobs of one user",
    how=f"each page {_ASKED} times per run over one connection, signed in as the operator; a tenth of the jobs was "
    "changed three times before; client, server and database share the machine",
    metrics=tuple(Metric(name, "ms", *_UNDER) for name in (*_PAGES, "one job")),
    sides={"sluicegate": _ours},
    rounds=3,
)
