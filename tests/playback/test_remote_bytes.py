"""Readings that go on: against a file server that breaks, stalls, refuses and lies by order."""

import asyncio
import contextlib
import re
from collections.abc import AsyncIterator, Collection
from contextlib import aclosing
from dataclasses import dataclass, field

import pytest
from tests.web.serving import content

from sluicegate.core.errors import ConnectionFailed, FileGone, ProtocolError, UpstreamQuota, UpstreamServerError
from sluicegate.core.links import Link
from sluicegate.net.egress import EgressPolicy
from sluicegate.net.http import Http, open_http
from sluicegate.services import remote_bytes
from sluicegate.services.remote_bytes import RemoteBytes
from sluicegate.wiring.link_reader import HttpLinkReader

SIZE = 400_000


@dataclass
class Host:
    """A file server; each request takes the next order, then requests are served well."""

    orders: list[str] = field(default_factory=list)
    asked: list[tuple[str, int]] = field(default_factory=list)
    url: str = ""
    left: asyncio.Event = field(default_factory=asyncio.Event)

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(ConnectionError, asyncio.IncompleteReadError):
            asked = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
            path = asked.split(" ")[1]
            found = re.search(r"range: bytes=(\d+)-(\d*)", asked, re.IGNORECASE)
            assert found is not None
            start, stop = int(found[1]), int(found[2] or SIZE - 1) + 1
            self.asked.append((path, start))
            order = self.orders.pop(0) if self.orders else "well"
            try:
                await self._answer(order, start, stop, writer)
                if order == "stall":
                    await reader.read()  # until the other side closes
            finally:
                self.left.set()
        writer.close()

    async def _answer(self, order: str, start: int, stop: int, writer: asyncio.StreamWriter) -> None:
        if order.isdecimal():
            writer.write(f"HTTP/1.1 {order} X\r\nContent-Length: 0\r\nConnection: close\r\n\r\n".encode())
            return
        total = SIZE + 1 if order == "larger" else SIZE
        first = start + 1 if order == "shifted" else start
        status = "200 OK" if order == "whole" else "206 Partial Content"
        head = f"HTTP/1.1 {status}\r\nContent-Length: {stop - start}\r\nConnection: close\r\n"
        if order != "whole":
            head += f"Content-Range: bytes {first}-{stop - 1}/{total}\r\n"
        broken = order in {"break", "stall"}
        writer.write(f"{head}\r\n".encode() + content(start, start + (stop - start) // 2 if broken else stop))
        await writer.drain()


@dataclass
class Account:
    """Makes links to a host, numbered."""

    host: Host
    name: str = "a"
    made: int = 0
    link_error: Exception | None = None
    dead: list[Link] = field(default_factory=list)

    async def link(self) -> Link:
        if self.link_error is not None:
            raise self.link_error
        return Link(f"{self.host.url}/{self.name}{len(self.dead)}")

    def expire(self, link: Link) -> None:
        self.dead.append(link)


@dataclass
class Accounts:
    """Accounts in order; notes how often another one was looked for."""

    all: list[Account]
    looked: int = 0

    async def best(self) -> Account:
        return self.all[0]

    async def other(self, failed: Collection[object]) -> Account | None:
        self.looked += 1
        return next((account for account in self.all if account not in failed), None)


@pytest.fixture
async def host() -> AsyncIterator[Host]:
    made = Host()
    server = await asyncio.start_server(made.serve, "127.0.0.1", 0)
    made.url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    async with server:
        yield made


@pytest.fixture
async def http() -> AsyncIterator[Http]:
    async with open_http(EgressPolicy.parse("127.0.0.0/8")) as opened:
        yield opened


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Pauses are as many as ever, and short."""
    monkeypatch.setattr(remote_bytes, "_PAUSES", (0.01,) * 6)


async def read(
    http: Http, accounts: Accounts, start: int = 0, stop: int | None = None, size: int | None = SIZE
) -> bytes:
    source = RemoteBytes("film.mkv", size, None, "v1", accounts, HttpLinkReader(http, silence=0.5))
    chunks = source.open(start, stop)
    async with aclosing(chunks):  # type: ignore[type-var]
        return b"".join([chunk async for chunk in chunks])


@pytest.mark.parametrize(("start", "stop"), [(0, SIZE), (1, 2), (12_345, 399_999), (0, None), (399_999, None)])
@pytest.mark.parametrize("orders", [[], ["break"], ["403"], ["404", "410"], ["503", "break"], ["break", "403", "401"]])
async def test_whatever_breaks_the_bytes_are_right(
    host: Host, http: Http, orders: list[str], start: int, stop: int | None
):
    host.orders = list(orders)
    assert await read(http, Accounts([Account(host)]), start, stop) == content(start, stop or SIZE)
    assert host.orders == []


async def test_a_reading_goes_on_where_it_stopped(host: Host, http: Http):
    host.orders = ["break", "403", "break"]
    account = Account(host)
    assert await read(http, Accounts([account])) == content(0, SIZE)
    half, quarter = SIZE // 2, SIZE // 2 + SIZE // 4
    assert host.asked == [("/a0", 0), ("/a0", half), ("/a1", half), ("/a1", quarter)]


@pytest.mark.parametrize("order", ["403", "503", "stall", "larger", "shifted"])
async def test_another_account_takes_over(host: Host, http: Http, order: str):
    host.orders = [order] * (1 if order in {"stall", "larger", "shifted"} else 2 if order == "503" else 4)
    accounts = Accounts([Account(host, "a"), Account(host, "b")])
    assert await read(http, accounts) == content(0, SIZE)
    assert host.asked[-1][0] == "/b0"
    assert accounts.looked == 1


async def test_a_file_of_another_size_gives_no_byte(host: Host, http: Http):
    host.orders = ["larger"] * 20
    with pytest.raises(ProtocolError, match="another size"):
        await read(http, Accounts([Account(host), Account(host, "b")]))
    assert len(host.asked) == 2


async def test_the_whole_file_instead_of_a_range_is_refused_in_the_middle(host: Host, http: Http):
    host.orders = ["whole"]
    with pytest.raises(ProtocolError):
        await read(http, Accounts([Account(host)]), 5)


async def test_an_account_at_its_limit_is_left_at_once(host: Host, http: Http):
    first, second = Account(host, "a", link_error=UpstreamQuota()), Account(host, "b")
    assert await read(http, Accounts([first, second])) == content(0, SIZE)
    with pytest.raises(UpstreamQuota):
        await read(http, Accounts([first]))


async def test_links_that_never_work_end(host: Host, http: Http):
    host.orders = ["403"] * 100
    with pytest.raises(FileGone):
        await read(http, Accounts([Account(host)]))
    assert len(host.asked) == 4


async def test_a_provider_that_is_away_is_waited_for_and_not_for_ever(host: Host, http: Http):
    host.orders = ["503"] * 5
    assert await read(http, Accounts([Account(host)])) == content(0, SIZE)
    host.orders = ["503"] * 100
    with pytest.raises(UpstreamServerError):
        await read(http, Accounts([Account(host)]))
    assert len(host.asked) < 20


async def test_a_remote_side_that_breaks_after_every_few_bytes_ends(host: Host, http: Http):
    size = 1 << 60
    host.orders = ["break"] * 1000

    class Trickle(HttpLinkReader):
        async def read(self, link: Link, start: int, stop: int | None, *, size: int | None = None):  # type: ignore[no-untyped-def]
            host.asked.append((link.url, start))
            yield b"x"
            raise ConnectionFailed

    source = RemoteBytes("film.mkv", size, None, "v1", Accounts([Account(host)]), Trickle(http))
    with pytest.raises(ConnectionFailed):
        async for _ in source.open(0, None):
            pass
    assert len(host.asked) == 101


async def test_whoever_leaves_closes_the_remote_side(host: Host, http: Http):
    host.orders = ["stall"]
    source = RemoteBytes("film.mkv", SIZE, None, "v1", Accounts([Account(host)]), HttpLinkReader(http))
    chunks = source.open(0, None)
    async with aclosing(chunks):  # type: ignore[type-var]
        await anext(chunks)
    await asyncio.wait_for(host.left.wait(), 60)
