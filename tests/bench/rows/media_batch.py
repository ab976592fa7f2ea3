"""One batch of ten thousand items: its view, and a page of the list beside it."""

import asyncio
import contextlib
import json
import statistics
import time
from collections.abc import Callable, Iterator, Mapping
from uuid import UUID

from tests.bench.harness import Measure, Metric, Row
from tests.bench.media import MediaClient, media_client
from tests.bench.product import Product, data_folder, serving

from sluicegate.db.connector import Connector
from sluicegate.db.embedded import EmbeddedPostgres

_ITEMS = 10_000
_READS = 30
_FILL = """
    WITH batch AS (
        INSERT INTO media_batches (id, user_id, state, total, created_at, source_url)
        SELECT gen_random_uuid(), id, 'processing', $1, now(), 'https://media.example/feed.xml'
        FROM users WHERE name = 'home' RETURNING id, user_id
    ), items AS (
        INSERT INTO media_jobs (id, user_id, batch_id, position, url, host, state, step, options, result, progress,
            storage, stored_key, attempts, version, created_at, updated_at, finished_at, enqueued_at, bytes_done,
            priority, reserved_bytes)
        SELECT gen_random_uuid(), batch.user_id, batch.id, n - 1, 'https://media.example/' || n || '.mp4',
            'media.example', CASE n % 2 WHEN 0 THEN 'Completed' ELSE 'Pending' END,
            CASE n % 2 WHEN 0 THEN 'Finished' ELSE 'Queued' END, '{"folder": "all of them"}',
            jsonb_build_object('title', 'Part ' || n, 'file_size', 1 << 20), CASE n % 2 WHEN 0 THEN 1 ELSE 0 END,
            'local', CASE n % 2 WHEN 0 THEN 'videos/' || n || '.mp4' END, 1, 1, now(), now(),
            CASE n % 2 WHEN 0 THEN now() END, NULL, 0, 0, 0
        FROM batch, generate_series(1, $1) AS n
    ) SELECT id FROM batch
"""
"""Half of the items are over, the others wait; none is in the queue, so that nothing but the views is measured."""


@contextlib.contextmanager
def _ours() -> Iterator[Measure]:
    with data_folder() as data, serving(data) as product:
        batch = asyncio.run(_fill(product))
        client = media_client(product)
        yield lambda: _measure(client, batch)


async def _fill(product: Product) -> UUID:
    """The rows, past the API: expanding a feed of this length is not what is asked here."""
    async with EmbeddedPostgres(product.data / "postgres") as postgres:
        connection = await Connector(embedded=postgres).connect()
        try:
            batch: UUID = await connection.fetchval(_FILL, _ITEMS, timeout=300)
            # The database does this by itself within a minute of so many new rows.
            await connection.execute("VACUUM ANALYZE media_jobs", timeout=300)
            return batch
        finally:
            await connection.close()


def _measure(client: MediaClient, batch: UUID) -> Mapping[str, float]:
    view = client.call("GET", f"/batch/{batch}")
    if len(view["episode_jobs"]) != _ITEMS or view["completed_episodes"] != _ITEMS // 2:
        raise RuntimeError(json.dumps(view)[:200])
    return {
        "view": _milliseconds(lambda: client.call("GET", f"/batch/{batch}")),
        "list": _milliseconds(lambda: client.call("GET", "/jobs?limit=100")),
    }


def _milliseconds(call: Callable[[], object]) -> float:
    taken = []
    for _ in range(_READS):
        began = time.monotonic()
        call()
        taken.append((time.monotonic() - began) * 1000)
    return statistics.median(taken)


def _below_50(values: Mapping[str, float], ratio: float | None) -> bool:
    del ratio
    return all(value < 50 for value in values.values())


ROW = Row(
    name="media jobs: one batch of 10,000 items",
    how="one batch of which half is over; medians of 30 reads, one request at a time, each over a connection of its "
    "own; the view holds the ids of all items",
    metrics=(
        Metric("view", "ms", goal="under 50 ms", holds=_below_50),
        Metric("list", "ms", goal="under 50 ms", holds=_below_50),
    ),
    sides={"sluicegate": _ours},
    rounds=3,
)
