"""500 media jobs at the same time from a server that sends slowly, on one worker process."""

import asyncio
import contextlib
import statistics
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import psutil
from tests.bench.harness import Measure, Metric, Row
from tests.bench.media import MediaClient, media_client
from tests.bench.product import Product, data_folder, serving

_JOBS = 500
_BULK = 100
_HEAD = bytes.fromhex("0000001c66747970") + b"isom" + bytes(16)
_SIZE = 1 << 20
_SECONDS = 20.0
_OVER = {"completed", "finished"}


class _SlowSite:
    """Sends files of 1 MiB over 20 seconds each."""

    def __init__(self) -> None:
        self.open = 0
        self.most = 0
        self.loop = asyncio.new_event_loop()
        self.server = self.loop.run_until_complete(asyncio.start_server(self._answer, "127.0.0.1", 0, backlog=1024))
        self.url = f"http://127.0.0.1:{self.server.sockets[0].getsockname()[1]}"
        self.thread = threading.Thread(target=self.loop.run_forever, daemon=True)
        self.thread.start()

    async def _answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.open += 1
        self.most = max(self.most, self.open)
        with contextlib.suppress(OSError, asyncio.IncompleteReadError):
            await reader.readuntil(b"\r\n\r\n")
            writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\nConnection: close\r\n\r\n" % _SIZE)
            writer.write(_HEAD + bytes(8192 - len(_HEAD)))
            steps = 20
            piece = (_SIZE - 8192) // steps
            for number in range(steps):
                await asyncio.sleep(_SECONDS / steps)
                writer.write(bytes(piece if number < steps - 1 else _SIZE - 8192 - piece * (steps - 1)))
                await writer.drain()
        self.open -= 1
        writer.close()

    def close(self) -> None:
        self.loop.call_soon_threadsafe(self.loop.stop)
        self.thread.join()


@contextlib.contextmanager
def _ours() -> Iterator[Measure]:
    site = _SlowSite()
    try:
        with data_folder() as data, serving(data) as product:
            client = media_client(product)
            yield lambda: _measure(product, client, site)
    finally:
        site.close()


def _measure(product: Product, client: MediaClient, site: _SlowSite) -> Mapping[str, float]:
    site.most = 0
    before = product.memory()[1]
    began = time.monotonic()
    jobs = [{"url": f"{site.url}/{number}.mp4"} for number in range(_BULK)]
    batches = [client.call("POST", "/jobs/bulk", {"jobs": jobs})["batch_id"] for _ in range(_JOBS // _BULK)]
    resident = 0
    lists: list[float] = []
    views: list[float] = []
    waiting = set(batches)
    while waiting:
        time.sleep(0.25)
        with contextlib.suppress(psutil.NoSuchProcess):  # a connection's process may end while it is looked at
            resident = max(resident, product.memory()[1])
        _timed(lists, lambda: client.call("GET", "/jobs?limit=100"))
        for batch in list(waiting):
            if _timed(views, lambda batch=batch: client.call("GET", f"/batch/{batch}"))["status"] in _OVER:
                waiting.discard(batch)
    done = sum(client.call("GET", f"/batch/{batch}")["completed_episodes"] for batch in batches)
    if done != _JOBS:
        raise RuntimeError(f"{done} of {_JOBS} jobs were completed")
    return {
        "at once": float(site.most),
        "all": time.monotonic() - began,
        "memory": resident / (1 << 20),
        "each": (resident - before) / _JOBS / 1024,
        "list": statistics.median(lists),
        "batch": statistics.median(views),
        "slowest": max(*lists, *views),
    }


def _timed(taken: list[float], call: Callable[[], dict[str, Any]]) -> dict[str, Any]:
    began = time.monotonic()
    answer = call()
    taken.append((time.monotonic() - began) * 1000)
    return answer


def _below(limit: float) -> Callable[[Mapping[str, float], float | None], bool]:
    return lambda values, _: all(value < limit for value in values.values())


ROW = Row(
    name="500 media jobs at once from a slow server",
    how="five bulks of 100 plain files of 1 MiB that take 20 s each; one worker process with its database; memory is "
    "the proportional share of all processes at its peak, and what it grew by for each download; one client reads a "
    "list of 100 and the batch views of those that are not over, four times a second",
    metrics=(
        Metric("at once", "connections", goal="500", holds=lambda values, _: min(values.values()) >= _JOBS),
        Metric("all", "s"),
        Metric("memory", "MiB"),
        Metric("each", "KiB"),
        Metric("list", "ms", goal="under 50 ms", holds=_below(50)),
        Metric("batch", "ms", goal="under 50 ms", holds=_below(50)),
        Metric("slowest", "ms", goal="under 1 s", holds=_below(1000)),
    ),
    sides={"sluicegate": _ours},
    rounds=1,
)
