"""kill -9 in every step of sync and removal: nothing is lost, nothing is there twice, nothing is forgotten."""

import asyncio
import contextlib
from typing import Any

import aiohttp
import pytest
from tests.faults.server import Server

TOKEN = "sandbox-home"
FIRST, SECOND = "a1" * 20, "b2" * 20
TRANSFERS = f"/_control/transfers?provider=torbox&token={TOKEN}"


@pytest.mark.timeout(400)
async def test_dying_in_every_step(server: Server):
    server.environment |= {"SLUICEGATE_SYNC_MISSING_MINUTES": "0", "SLUICEGATE_REMOVED_DAYS": "0"}
    async with aiohttp.ClientSession() as session:
        await start(server, "listed")
        for info_hash, seconds in ((FIRST, 0), (SECOND, 100_000)):
            await tell(session, server, "content", info_hash=info_hash, name="Film", seconds_to_ready=seconds)
        await server.account("torbox", TOKEN)
        await submit(server, FIRST)
        await dies(server)

        await start(server, "told_ready")
        await dies(server)
        assert [row["info_hash"] for row in await truth(session, server, "marked")] == [FIRST]
        await submit(server, SECOND)
        await dies(server)

        await start(server, "given_back")
        _, listed = await server.call("GET", "/v1/torrents")
        second, first = (item["id"] for item in listed["items"])
        ready = await server.until(f"/v1/torrents/{first}", "status", {"ready"})
        assert len(ready["files"]) == 1
        # A transfer that goes before its job has heard of it would be made again at once, as it should be.
        await server.until(f"/v1/torrents/{second}", "external_source", {"torbox"})
        await remove_at_provider(session, server, SECOND)
        await dies(server)

        await start(server, "erasing")
        rows = await placed_again(session, server)
        assert sorted(row["info_hash"] for row in rows) == [FIRST, SECOND], "handed in again once"
        _, listed = await server.call("GET", "/v1/torrents")
        assert sorted(item["id"] for item in listed["items"]) == sorted([first, second])
        with contextlib.suppress(aiohttp.ClientError):
            await server.call("POST", f"/v1/torrents/{first}/remove", {"at_provider": True})
        assert await server.died() == -9

        await start(server)
        await gone(server)
        assert [row["info_hash"] for row in await truth(session, server)] == [SECOND]
        assert (await server.call("POST", f"/v1/torrents/{first}/restore"))[0] == 404
        assert (await server.call("GET", f"/v1/torrents/{second}"))[1]["status"] in {"queued", "downloading"}


async def start(server: Server, crash_at: str = "") -> None:
    await server.start(crash_at=crash_at, options=("--sandbox",))


async def submit(server: Server, info_hash: str) -> None:
    """The process may die before it answers; the job is accepted all the same."""
    with contextlib.suppress(aiohttp.ClientError):
        await server.call("POST", "/v1/torrents", {"magnet": info_hash})


async def dies(server: Server) -> None:
    """Asks for a look until the process has died of it; its worker may be faster."""
    async with asyncio.timeout(90):
        while server.process is not None and server.process.returncode is None:
            with contextlib.suppress(aiohttp.ClientError):
                await server.call("POST", "/v1/sync")
            await asyncio.sleep(0.2)
    assert await server.died() == -9


async def truth(session: aiohttp.ClientSession, server: Server, crash_at: str | None = None) -> list[dict[str, Any]]:
    """What the provider holds; with ``crash_at`` the server is started first."""
    if crash_at is not None:
        await start(server, crash_at)
    async with session.get(server.sandbox + TRANSFERS) as answer:
        return (await answer.json())["items"]  # type: ignore[no-any-return]


async def placed_again(session: aiohttp.ClientSession, server: Server) -> list[dict[str, Any]]:
    async with asyncio.timeout(90):
        while len(rows := await truth(session, server)) < 2:
            await asyncio.sleep(0.2)
    await asyncio.sleep(1)
    return rows


async def gone(server: Server) -> None:
    async with asyncio.timeout(90):
        while (await server.call("GET", "/v1/removed"))[1]["items"]:
            await asyncio.sleep(0.2)


async def tell(session: aiohttp.ClientSession, server: Server, call: str, **body: Any) -> None:
    body["files"] = [{"path": "film.mkv", "size": 1000}]
    async with session.post(f"{server.sandbox}/_control/{call}", json=body) as answer:
        assert answer.status == 200, await answer.text()


async def remove_at_provider(session: aiohttp.ClientSession, server: Server, info_hash: str) -> None:
    """Somebody removes a transfer on the provider's own page."""
    async with asyncio.timeout(90):  # it may have died before the job was handed in there
        while not (rows := [row for row in await truth(session, server) if row["info_hash"] == info_hash]):
            await asyncio.sleep(0.2)
    (row,) = rows
    async with session.post(
        f"{server.sandbox}/torbox/v1/api/torrents/controltorrent",
        json={"torrent_id": int(row["id"]), "operation": "delete"},
        headers={"Authorization": f"Bearer {TOKEN}"},
    ) as answer:
        assert answer.status == 200, await answer.text()
