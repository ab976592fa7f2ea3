"""``sluicegate serve``: commands know where it answers, and signals end it as the documentation says."""

import asyncio
import signal
from collections.abc import AsyncIterator
from urllib.parse import urlsplit

import pytest
from tests import ready_made
from tests.faults.server import Server

from sluicegate.wiring.told_address import server_address


@pytest.fixture
async def server() -> AsyncIterator[Server]:
    """One of its own, to be ended."""
    with ready_made.open_folder() as home:
        server = Server(home / "data")
        await server.start()
        yield server
        await server.stop()


async def test_links_of_commands_lead_to_the_port_that_was_free(house: Server):
    link = await house.cli("users", "invite")
    assert link.startswith(f"{house.url}/app/welcome?token=")


async def test_a_second_signal_cuts_off_what_is_in_hand_and_says_nothing(server: Server):
    """Exit code 130, no traceback; afterwards nobody is sent to a server that is gone."""
    assert server.process is not None
    address = urlsplit(server.url)
    _, writer = await asyncio.open_connection(address.hostname, address.port)
    writer.write(b"POST /app/sign-in HTTP/1.1\r\nHost: h\r\ncontent-type: application/x-www-form-urlencoded\r\n")
    writer.write(b"content-length: 9\r\n\r\nname=")
    await writer.drain()
    assert server_address(server.data).read() == server.url
    server.process.send_signal(signal.SIGTERM)
    async with asyncio.timeout(60):
        while "Waiting for connections to close" not in server.log():
            await asyncio.sleep(0.1)
    server.process.send_signal(signal.SIGTERM)
    assert await server.died() == 130
    assert "Traceback" not in server.log()
    assert server_address(server.data).read() is None
    writer.close()
