"""Probing tells reachable from unreachable and nothing else (T6)."""

import asyncio
import socket
from collections.abc import Iterator

import pytest
from tests.net.wire import Remote, answer, hang, raw

from sluicegate.core.errors import ConnectionFailed
from sluicegate.net.egress import EgressPolicy
from sluicegate.net.http import open_http
from sluicegate.net.probes import probe

SECONDS = 0.4


@pytest.fixture
def closed_port() -> Iterator[int]:
    """A port that is bound and not listened on: connecting to it is refused at once."""
    with socket.socket() as bound:
        bound.bind(("127.0.0.1", 0))
        yield bound.getsockname()[1]


async def test_closed_filtered_forbidden_and_foreign_ports_look_the_same(remote: Remote, closed_port: int) -> None:
    remote.scripts["/silent"] = hang
    remote.scripts["/ssh"] = raw(b"SSH-2.0-OpenSSH\r\n")
    policy = EgressPolicy.parse(f"127.0.0.1:{remote.port},127.0.0.1:{closed_port}")
    loop = asyncio.get_running_loop()
    answers: set[tuple[type, str, str]] = set()
    async with open_http(policy) as http:
        for url in (
            f"http://127.0.0.1:{closed_port}/",
            remote.url("/silent"),
            remote.url("/ssh"),
            "http://10.0.0.1/",
            "http://169.254.169.254/",
            "http://nowhere.invalid/",
        ):
            started = loop.time()
            with pytest.raises(ConnectionFailed) as caught:
                await probe(http.request("GET", url), seconds=SECONDS)
            assert loop.time() - started >= SECONDS - 0.01
            answers.add((caught.type, str(caught.value), caught.value.action))
    assert len(answers) == 1


async def test_success_is_handed_through_at_once(remote: Remote) -> None:
    remote.scripts["/"] = answer()
    async with open_http(EgressPolicy.parse("127.0.0.0/8")) as http:
        assert (await probe(http.request("GET", remote.url("/")), seconds=3600)).ok
