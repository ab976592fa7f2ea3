"""Playback's own share: a link from the cache, going on after a dead link, and falling over to another account."""

import asyncio
import contextlib
import re
import statistics
import time
from collections.abc import Collection, Iterator, Mapping, Sequence
from uuid import uuid4

from tests.bench.harness import Measure, Metric, Row

from sluicegate.core.clock import SystemClock
from sluicegate.core.links import Link
from sluicegate.net.egress import EgressPolicy
from sluicegate.net.http import open_http
from sluicegate.services.link_cache import LinkCache, LinkKey
from sluicegate.services.remote_bytes import RemoteBytes
from sluicegate.wiring.link_reader import HttpLinkReader

_TURNS = 200
_RECALLS = 20_000
_SIZE = 1 << 30
_PART = 4096


class _Account:
    """Hands out its links one after the other, the last one for ever."""

    def __init__(self, urls: Sequence[str]) -> None:
        self._links = [Link(url) for url in urls]

    async def link(self) -> Link:
        return self._links[0]

    def expire(self, link: Link) -> None:
        if len(self._links) > 1 and self._links[0] is link:
            self._links.pop(0)


class _Accounts:
    """The accounts of one file, in order."""

    def __init__(self, *accounts: _Account) -> None:
        self._accounts = accounts

    async def best(self) -> _Account:
        return self._accounts[0]

    async def other(self, failed: Collection[object]) -> _Account | None:
        return next((account for account in self._accounts if account not in failed), None)


@contextlib.contextmanager
def _side() -> Iterator[Measure]:
    yield lambda: asyncio.run(_measure())


async def _measure() -> Mapping[str, float]:
    server = await asyncio.start_server(_serve, "127.0.0.1", 0)
    url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    good, dead, foreign = f"{url}/good", f"{url}/dead", f"{url}/foreign"
    async with server, open_http(EgressPolicy.parse("127.0.0.0/8")) as http:
        reader = HttpLinkReader(http)
        plain = [await _read(reader, _Accounts(_Account([good]))) for _ in range(_TURNS)]
        renewed = [await _read(reader, _Accounts(_Account([dead, good]))) for _ in range(_TURNS)]
        fallen = [await _read(reader, _Accounts(_Account([foreign]), _Account([good]))) for _ in range(_TURNS)]
    usual = statistics.median(plain)
    return {
        "recall": await _recall(),
        "renewal": (statistics.median(renewed) - usual) * 1e3,
        "fall-over": (statistics.median(fallen) - usual) * 1e3,
    }


async def _read(reader: HttpLinkReader, accounts: _Accounts) -> float:
    """Seconds for a small part out of the middle of a file."""
    source = RemoteBytes("film.mkv", _SIZE, None, "v1", accounts, reader)
    started = time.perf_counter()
    async for _ in source.open(_SIZE // 2, _SIZE // 2 + _PART):
        pass
    return time.perf_counter() - started


async def _recall() -> float:
    """Microseconds for a link that is in the cache."""
    cache, key, link = LinkCache(SystemClock()), LinkKey(uuid4(), uuid4(), "torbox:1:0"), Link("http://example/")

    async def make() -> Link:
        return link

    await cache.get(key, make)
    started = time.perf_counter()
    for _ in range(_RECALLS):
        await cache.get(key, make)
    return (time.perf_counter() - started) / _RECALLS * 1e6


async def _serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """A file server: good links, dead ones, and ones that lead to a file of another size."""
    with contextlib.suppress(ConnectionError, asyncio.IncompleteReadError):
        while True:
            asked = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
            found = re.search(r"range: bytes=(\d+)-(\d+)", asked, re.IGNORECASE)
            assert found is not None
            start, stop = int(found[1]), int(found[2]) + 1
            if asked.startswith("GET /dead"):
                writer.write(b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n")
                continue
            size = _SIZE + asked.startswith("GET /foreign")
            head = f"Content-Length: {stop - start}\r\nContent-Range: bytes {start}-{stop - 1}/{size}\r\n\r\n"
            writer.write(b"HTTP/1.1 206 Partial Content\r\n" + head.encode() + bytes(stop - start))
            await writer.drain()
    writer.close()


ROW = Row(
    name="playback's own share",
    how=f"a link that is in the cache, mean of {_RECALLS:,}; 4 KiB out of the middle of a file whose first link is "
    "dead, or whose first account has another file, less the same with a good link; medians of "
    f"{_TURNS} in one process, no limits",
    metrics=(
        Metric("recall", "µs"),
        Metric("renewal", "ms"),
        Metric("fall-over", "ms"),
    ),
    sides={"sluicegate": _side},
    rounds=3,
)
