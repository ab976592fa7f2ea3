"""Many media jobs: a bulk of 100, and the lists when ten thousand wait."""

import contextlib
import statistics
import time
from collections.abc import Callable, Iterator, Mapping

from tests.bench.harness import Measure, Metric, Row
from tests.bench.media import media_client
from tests.bench.product import data_folder, serving

_WAITING = 10_000
_BULK = 100
_READS = 20


@contextlib.contextmanager
def _ours() -> Iterator[Measure]:
    with data_folder() as data, serving(data) as product:
        client = media_client(product)

        def bulk() -> str:
            jobs = [{"url": f"http://127.0.0.1:9/{number}.mp4"} for number in range(_BULK)]
            return str(client.call("POST", "/jobs/bulk", {"jobs": jobs, "paused": True})["batch_id"])

        batch = [bulk() for _ in range(_WAITING // _BULK)][-1]

        def measure() -> Mapping[str, float]:
            return {
                "bulk": _milliseconds(bulk, 1),
                "list": _milliseconds(lambda: client.call("GET", "/jobs?limit=100"), _READS),
                "by state": _milliseconds(lambda: client.call("GET", "/jobs?limit=100&status=pending"), _READS),
                "batch": _milliseconds(lambda: client.call("GET", f"/batch/{batch}"), _READS),
                "stats": _milliseconds(lambda: client.call("GET", "/dashboard/stats"), _READS),
            }

        yield measure


def _milliseconds(call: Callable[[], object], times: int) -> float:
    taken = []
    for _ in range(times):
        began = time.monotonic()
        call()
        taken.append((time.monotonic() - began) * 1000)
    return statistics.median(taken)


def _below(name: str, limit: float) -> Callable[[Mapping[str, float], float | None], bool]:
    del name
    return lambda values, _: all(value < limit for value in values.values())


ROW = Row(
    name="media jobs: a bulk of 100, and views of 10,000 waiting jobs",
    how="one client, one request at a time; each figure is the median of 20 reads; the jobs of one user wait in paused "
    "batches of 100",
    metrics=(
        Metric("bulk", "ms", goal="under 1 s", holds=_below("bulk", 1000)),
        Metric("list", "ms", goal="under 50 ms", holds=_below("list", 50)),
        Metric("by state", "ms", goal="under 50 ms", holds=_below("by state", 50)),
        Metric("batch", "ms", goal="under 50 ms", holds=_below("batch", 50)),
        Metric("stats", "ms", goal="under 50 ms", holds=_below("stats", 50)),
    ),
    sides={"sluicegate": _ours},
    rounds=3,
)
