"""A burst of equal submits: one user, one magnet, a thousand requests."""

import asyncio
import contextlib
import itertools
import time
from collections.abc import Iterator, Mapping

import aiohttp
from tests.bench.harness import Measure, Metric, Row
from tests.bench.product import Product, data_folder, serving

_REQUESTS = 1_000
_AT_ONCE = 50


@contextlib.contextmanager
def _ours() -> Iterator[Measure]:
    hashes = (f"{number:040x}" for number in itertools.count(1))
    with data_folder() as data, serving(data) as product:
        yield lambda: asyncio.run(_measure(product, next(hashes)))


async def _measure(product: Product, info_hash: str) -> Mapping[str, float]:
    headers = {"Authorization": f"Bearer {product.key}", "Prefer": "respond-async"}
    ids: set[str] = set()
    async with aiohttp.ClientSession(headers=headers, connector=aiohttp.TCPConnector(limit=_AT_ONCE)) as session:

        async def submit() -> None:
            async with session.post(f"{product.url}/v1/torrents", json={"magnet": info_hash}) as answer:
                answer.raise_for_status()
                ids.add((await answer.json())["id"])

        started = time.monotonic()
        await asyncio.gather(*(submit() for _ in range(_REQUESTS)))
        seconds = time.monotonic() - started
    if len(ids) != 1:
        raise RuntimeError(f"one magnet became {len(ids)} jobs")
    await asyncio.to_thread(product.call, "DELETE", f"/v1/torrents/{ids.pop()}")
    return {"answers": _REQUESTS / seconds}


ROW = Row(
    name="1,000 submits of one magnet, 50 at a time",
    how="POST /v1/torrents with the same hash, on 50 kept-alive connections, 'Prefer: respond-async'; all answers name "
    "the same job; the client, the worker and the database share the machine",
    metrics=(Metric("answers", "per second"),),
    sides={"sluicegate": _ours},
)
