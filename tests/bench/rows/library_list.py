"""Pages of a library of 100,000 jobs, from the first to the last."""

import asyncio
import contextlib
import statistics
import time
from collections.abc import Iterator, Mapping

import aiohttp
import psutil
from tests.bench.harness import Measure, Metric, Row
from tests.bench.product import Product, data_folder, serving

from sluicegate.db.connector import Connector
from sluicegate.db.embedded import EmbeddedPostgres

_JOBS = 100_000
_LIMIT = 100
_ASKED = 40
_FILL = """
    INSERT INTO jobs (id, user_id, info_hash, source_kind, source_uri, state, name, size, progress, provider,
        account_id, transfer_id, waiting, error, version, created_at, updated_at)
    SELECT gen_random_uuid(), users.id, encode(sha224(n::text::bytea), 'hex')::char(40), 'torrent',
        'magnet:?xt=urn:btih:' || encode(sha224(n::text::bytea), 'hex') || repeat('&tr=udp://tracker.example:6969', 8),
        CASE n % 10 WHEN 0 THEN 'cancelled' WHEN 1 THEN 'failed' ELSE 'ready' END, 'A film of the year ' || n, n,
        CASE n % 10 WHEN 0 THEN 0.5 ELSE 1 END, 'torbox', gen_random_uuid(), n::text, '', '', 1,
        now() - make_interval(secs => n), now()
    FROM users, generate_series(1, $1) AS n WHERE users.name = 'home'
"""
_TOUCH = "UPDATE jobs SET progress = least(progress + 0.001, 1), version = version + 1 WHERE state = 'cancelled'"


@contextlib.contextmanager
def _ours() -> Iterator[Measure]:
    with data_folder() as data, serving(data) as product:
        asyncio.run(fill(product))
        yield lambda: asyncio.run(_measure(product))


async def fill(product: Product) -> None:
    """The rows, past the API; a tenth of them changes afterwards, as jobs do while they are in flight."""
    async with EmbeddedPostgres(product.data / "postgres") as postgres:
        connection = await Connector(embedded=postgres).connect()
        try:
            await connection.execute(_FILL, _JOBS, timeout=300)
            # The database does this by itself within a minute of so many new rows.
            await connection.execute("VACUUM ANALYZE jobs, library_order", timeout=300)
            for _ in range(3):
                await connection.execute(_TOUCH, timeout=300)
        finally:
            await connection.close()


async def _measure(product: Product) -> Mapping[str, float]:
    headers = {"Authorization": f"Bearer {product.key}"}
    before = psutil.Process(product.pid).memory_info().rss
    async with aiohttp.ClientSession(headers=headers) as session:

        async def page(offset: int) -> float:
            started = time.monotonic()
            async with session.get(f"{product.url}/v1/torrents?limit={_LIMIT}&offset={offset}") as answer:
                answer.raise_for_status()
                body = await answer.json()
            if len(body["items"]) != _LIMIT:
                raise RuntimeError(f"page {offset} has {len(body['items'])} items")
            return (time.monotonic() - started) * 1000

        first = [await page(0) for _ in range(_ASKED)]
        middle = [await page(_JOBS // 2) for _ in range(_ASKED)]
        last = [await page(_JOBS - _LIMIT) for _ in range(_ASKED)]
    grown = psutil.Process(product.pid).memory_info().rss - before
    return {
        "first page": statistics.median(first),
        "page in the middle": statistics.median(middle),
        "last page": statistics.median(last),
        "slowest of all": max(*first, *middle, *last),
        "memory grown by": max(grown, 0) / 2**20,
    }


_UNDER = ("under 50 ms", lambda medians, _: all(value < 50 for value in medians.values()))

ROW = Row(
    name="GET /v1/torrents over 100,000 jobs of one user",
    how=f"pages of {_LIMIT} jobs at offset 0, 50,000 and 99,900, {_ASKED} of each per run over one connection; a tenth "
    "of the jobs was changed three times before; client, server and database share the machine; memory is the server "
    "process's growth over one run",
    metrics=(
        Metric("first page", "ms", *_UNDER),
        Metric("page in the middle", "ms", *_UNDER),
        Metric("last page", "ms", *_UNDER),
        Metric("slowest of all", "ms"),
        Metric("memory grown by", "MiB", "under 8 MiB", lambda medians, _: all(v < 8 for v in medians.values())),
    ),
    sides={"sluicegate": _ours},
    rounds=5,
)
