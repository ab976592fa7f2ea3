"""Places that nobody named when the work was accepted: redirects, and what child processes ask for."""

import base64
from collections.abc import AsyncIterator
from urllib.parse import urlsplit

import aiohttp
import pytest
from tests.net.wire import Remote, answer, redirect

from sluicegate.core.blocklist import parse_blocklist
from sluicegate.core.errors import ContentBlocked
from sluicegate.net.egress import Egress, EgressPolicy
from sluicegate.net.forward_proxy import ForwardProxy, Traffic
from sluicegate.net.http import Http
from sluicegate.wiring.document_reader import HttpDocumentReader

RULES = parse_blocklist("host listed.example")


async def resolve(host: str, _port: int) -> list[str]:
    return ["127.0.0.1"] if host.endswith(".example") else []


async def gate(url: str) -> None:
    RULES.check_host(url)


@pytest.fixture
async def guard(remote: Remote) -> AsyncIterator[Egress]:
    egress = Egress(EgressPolicy.parse(f"127.0.0.1:{remote.port}"), resolver=resolve)
    egress.hop_gate = gate
    yield egress
    egress.close()


@pytest.fixture
async def http(guard: Egress) -> AsyncIterator[Http]:
    http = Http(guard)
    yield http
    await http.aclose()


async def test_a_redirect_to_a_listed_host_is_refused_before_it_is_asked(remote: Remote, http: Http):
    remote.scripts["/a"] = redirect(remote.url("/b", "plain.example"))
    remote.scripts["/b"] = redirect(remote.url("/c", "sub.listed.example"))
    remote.scripts["/c"] = answer(b"what nobody wants")
    with pytest.raises(ContentBlocked):
        await http.request("GET", remote.url("/a", "plain.example"), follow=5)
    with pytest.raises(ContentBlocked):
        async with http.stream("GET", remote.url("/a", "plain.example")):
            pass
    with pytest.raises(ContentBlocked):
        await HttpDocumentReader(http).read(remote.url("/a", "plain.example"), limit=1000, seconds=30)
    assert {request.path for request in remote.received} == {"/a", "/b"}


async def test_a_redirect_to_anybody_else_is_followed(remote: Remote, http: Http):
    remote.scripts["/a"] = redirect(remote.url("/c", "other.example"))
    remote.scripts["/c"] = answer(b"fine")
    assert (await http.request("GET", remote.url("/a", "plain.example"), follow=5)).body == b"fine"
    document = await HttpDocumentReader(http).read(remote.url("/a", "plain.example"), limit=1000, seconds=30)
    assert document.body == b"fine"


async def test_a_child_reaches_no_listed_host(remote: Remote, guard: Egress):
    remote.scripts["/a"] = answer(b"fine")
    async with (
        ForwardProxy(guard) as proxy,
        proxy.lease(traffic := Traffic()) as url,
        aiohttp.ClientSession() as session,
    ):
        parts = urlsplit(url)
        word = base64.b64encode(f"{parts.username}:{parts.password}".encode()).decode()
        through = {"proxy": f"http://127.0.0.1:{proxy.port}", "headers": {"Proxy-Authorization": f"Basic {word}"}}
        for host, status in (("plain.example", 200), ("listed.example", 403), ("sub.listed.example", 403)):
            async with session.get(remote.url("/a", host), **through) as got:
                assert got.status == status
    assert traffic.refused == 2
    assert len(remote.received) == 1
