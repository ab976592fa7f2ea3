"""A magnet through the whole product: from the request to files in the storage."""

import asyncio
import contextlib
import time
from collections.abc import Iterator, Mapping

from tests.bench.harness import Measure, Metric, Row
from tests.bench.product import Product, data_folder, serving
from tests.bench.serving import MIB, work_folder
from tests.swarm_fixtures import make_seed, seeding

_SIZE = 256 * MIB


@contextlib.contextmanager
def _ours() -> Iterator[Measure]:
    with data_folder() as data, serving(data) as product:
        yield lambda: asyncio.run(_measure(product))


async def _measure(product: Product) -> Mapping[str, float]:
    """A fresh torrent each time: one that is stored already would be answered at once."""
    with work_folder() as folder:
        seed = make_seed(folder, {"film.mkv": _SIZE}, piece=MIB)
        async with seeding(seed) as peer:
            started = time.monotonic()
            job = await asyncio.to_thread(product.call, "POST", "/v1/torrents", {"magnet": seed.magnet(peer)})
            while job["status"] != "ready":
                await asyncio.sleep(0.05)
                job = await asyncio.to_thread(product.call, "GET", f"/v1/torrents/{job['id']}")
                if job["status"] in {"failed", "cancelled"} or time.monotonic() - started > 120:
                    raise RuntimeError(f"the job is {job['status']}: {job['error'] or job['waiting']}")
            return {"speed": _SIZE / MIB / (time.monotonic() - started)}


ROW = Row(
    name="256 MiB by magnet through the whole product",
    how="POST /v1/torrents to a running server with its embedded database, from the request until the job is ready and "
    "its files are in the storage; the libtorrent seeder, with default settings, shares the machine",
    metrics=(Metric("speed", "MiB/s", "at least 50 MiB/s", lambda medians, _: medians["sluicegate"] >= 50),),
    sides={"sluicegate": _ours},
    rounds=3,
)
