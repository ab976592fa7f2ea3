"""Streams that go on: bursts, links that die, providers that die, and whose account may stand in for whose."""

import asyncio
import hashlib
from typing import Any

import aiohttp
import pytest
from tests.playback.conftest import POOL, Player, Stage

SIZE = 3_000_000
HELD = 3.0
"""Seconds that the broken connection stays open."""
DEAD = 404
"""What TorBox's file servers say about a link that is over."""
LINK_CALLS = {"torbox": "/requestdl", "realdebrid": "/unrestrict/link"}


async def read(stage: Stage, url: str, **headers: str) -> tuple[int, bytes]:
    async with stage.session.get(url, headers=headers) as answer:
        return answer.status, await answer.read()


async def proxied(player: Player, job: Any, file: Any) -> str:
    await player.prefer(playback="proxied")
    status, link = await player.stream(job, file)
    assert status == 200, link
    assert link["url"].startswith(f"{player.stage.url}/bytes/")
    return str(link["url"])


@pytest.mark.parametrize("provider", ["torbox", "realdebrid"])
async def test_a_players_burst_costs_one_link(stage: Stage, provider: str):
    player = await stage.player()
    info_hash = await stage.torrent(SIZE, cached_on=(provider,))
    job, file = await stage.ready(player, await player.account(provider), info_hash, SIZE)
    url = await proxied(player, job, file)
    part = SIZE // 20

    async def get(start: int) -> bytes:
        status, body = await read(stage, url, Range=f"bytes={start}-{start + part - 1}")
        assert status == 206
        return body

    async def head() -> None:
        async with stage.session.head(url) as answer:
            assert (answer.status, answer.headers["Content-Length"]) == (200, str(SIZE))

    _, _, *parts = await asyncio.gather(head(), head(), *(get(start) for start in range(0, SIZE, part)))
    assert hashlib.sha256(b"".join(parts)).hexdigest() == await stage.sha256(info_hash)
    assert await stage.links_made(provider, LINK_CALLS[provider]) == 1


async def test_a_burst_on_a_link_that_is_over_costs_one_more(stage: Stage):
    """The provider's links live for hours of its own time, which passes while we believe in the link."""
    player = await stage.player()
    info_hash = await stage.torrent(SIZE, cached_on=("torbox",))
    job, file = await stage.ready(player, await player.account("torbox"), info_hash, SIZE)
    url = await proxied(player, job, file)
    assert (await read(stage, url, Range="bytes=0-0"))[0] == 206
    await stage.sandbox.control("POST", "/clock", {"advance_seconds": 7 * 86_400})
    part = SIZE // 20
    ranges = [f"bytes={start}-{start + part - 1}" for start in range(0, SIZE, part)]
    parts = await asyncio.gather(*(read(stage, url, Range=one) for one in ranges))
    assert {status for status, _ in parts} == {206}
    assert hashlib.sha256(b"".join(body for _, body in parts)).hexdigest() == await stage.sha256(info_hash)
    assert await stage.links_made("torbox", LINK_CALLS["torbox"]) == 2


async def test_head_alone_asks_nobody(stage: Stage):
    player = await stage.player()
    info_hash = await stage.torrent(cached_on=("torbox",))
    job, file = await stage.ready(player, await player.account("torbox"), info_hash)
    url = await proxied(player, job, file)
    async with stage.session.head(url) as answer:
        assert answer.status == 200
    assert await stage.links_made("torbox", LINK_CALLS["torbox"]) == 0


async def test_a_stream_outlives_three_revoked_links_and_a_dead_provider(stage: Stage):
    """The link dies before the first byte and twice more; then the provider itself goes, in the middle of the file."""
    player = await stage.player()
    info_hash = await stage.torrent(SIZE, cached_on=("torbox", "realdebrid"))
    first, second = await player.account("torbox"), await player.account("realdebrid")
    job, file = await stage.ready(player, first, info_hash, SIZE)
    await stage.hold(second, info_hash)
    url = await proxied(player, job, file)
    for _ in range(3):
        await stage.sandbox.fault("torbox", "cut", call="/files/*", times=1)
        await stage.sandbox.fault("torbox", "expired_link", call="/files/*", times=1)
    # Half-way through what is left the bytes stop; before the connection breaks the provider is gone altogether.
    await stage.sandbox.fault("torbox", "hang", call="/files/*", times=1, seconds=HELD)
    reading = asyncio.create_task(read(stage, url))
    async with asyncio.timeout(60):
        while await stage.links_made("torbox", LINK_CALLS["torbox"]) < 4:
            await asyncio.sleep(0.02)
    await stage.sandbox.fault("torbox", "server_error", call="*", times=1000)
    await stage.sandbox.fault("torbox", "server_error", call="/files/*", times=1000)
    status, body = await reading
    assert status == 200
    assert hashlib.sha256(body).hexdigest() == await stage.sha256(info_hash)
    calls = (await stage.sandbox.control("GET", "/calls?provider=files"))["items"]
    told = [(call["path"].split("/")[2], call["status"]) for call in calls]
    assert told.count(("torbox", DEAD)) == 3, "three links were revoked"
    assert told[-1] == ("realdebrid", 206), "and the end came from the other account"


async def test_where_it_fell_over_to_is_remembered(stage: Stage):
    player = await stage.player()
    info_hash = await stage.torrent(SIZE, cached_on=("torbox", "realdebrid"))
    job, file = await stage.ready(player, await player.account("torbox"), info_hash, SIZE)
    await stage.hold(await player.account("realdebrid"), info_hash)
    url = await proxied(player, job, file)
    await stage.sandbox.fault("torbox", "server_error", call="*", times=1000)
    assert (await read(stage, url, Range="bytes=0-9"))[0] == 206
    before = await stage.links_made("torbox", "")
    assert (await read(stage, url, Range="bytes=10-19"))[0] == 206
    assert await stage.links_made("torbox", "") == before
    assert await stage.links_made("realdebrid", LINK_CALLS["realdebrid"]) == 1


async def test_a_torrent_is_added_where_another_account_has_it_at_once(stage: Stage):
    player = await stage.player()
    info_hash = await stage.torrent(SIZE, cached_on=("torbox", "realdebrid"))
    job, file = await stage.ready(player, await player.account("realdebrid"), info_hash, SIZE)
    await player.account("torbox", "sandbox-another")
    url = await proxied(player, job, file)
    await stage.sandbox.fault("realdebrid", "gone", call="*/unrestrict/*", times=1000)
    status, body = await read(stage, url)
    assert (status, hashlib.sha256(body).hexdigest()) == (200, await stage.sha256(info_hash))


async def test_nothing_is_downloaded_for_a_player(stage: Stage):
    player = await stage.player()
    info_hash = await stage.torrent(SIZE, cached_on=("realdebrid",))
    job, file = await stage.ready(player, await player.account("realdebrid"), info_hash, SIZE)
    await player.account("torbox", "sandbox-empty")
    url = await proxied(player, job, file)
    await stage.sandbox.fault("realdebrid", "gone", call="*/unrestrict/*", times=1000)
    status, _ = await read(stage, url)
    assert status in {410, 502}
    held = await stage.sandbox.control("GET", "/transfers?provider=torbox&token=sandbox-empty")
    assert held["items"] == []


async def test_another_users_account_never_stands_in(stage: Stage):
    """T38: the credential of one user serves no other user, however well it would fit."""
    player, neighbour = await stage.player(), await stage.player()
    info_hash = await stage.torrent(SIZE, cached_on=("torbox", "realdebrid"))
    job, file = await stage.ready(player, await player.account("torbox"), info_hash, SIZE)
    await stage.hold(await neighbour.account("realdebrid"), info_hash)
    url = await proxied(player, job, file)
    await stage.sandbox.fault("torbox", "gone", call="*/requestdl", times=1000)
    before = await stage.links_made("realdebrid", "")
    status, _ = await read(stage, url)
    assert status in {410, 502}
    assert await stage.links_made("realdebrid", "") == before


async def test_a_job_that_names_a_strangers_account_is_not_played_through_it(stage: Stage):
    """T38: even a row that points at another user's account does not open it."""
    player, neighbour = await stage.player(), await stage.player()
    info_hash = await stage.torrent(SIZE, cached_on=("torbox",))
    account = await neighbour.account("torbox")
    job, file = await stage.ready(player, account, info_hash, SIZE)
    status, answer = await player.stream(job, file)
    assert status == 409, answer
    assert await stage.links_made("torbox", LINK_CALLS["torbox"]) == 0


async def test_the_operators_pool_stands_in_for_its_own_jobs_only(stage: Stage):
    pool, player = await stage.player(POOL), await stage.player()
    info_hash = await stage.torrent(SIZE, cached_on=("torbox", "realdebrid"))
    shared = await pool.account("torbox")
    await stage.hold(await pool.account("realdebrid"), info_hash)
    job, file = await stage.ready(player, shared, info_hash, SIZE)
    status, link = await player.stream(job, file)
    assert (status, link["source"]) == (200, "external")
    assert "backend" not in link
    url = await proxied(player, job, file)
    await stage.sandbox.fault("torbox", "gone", call="*/requestdl", times=1000)
    await stage.sandbox.fault("torbox", "expired_link", call="/files/*", times=1000)
    status, body = await read(stage, url)
    assert (status, hashlib.sha256(body).hexdigest()) == (200, await stage.sha256(info_hash))

    own = await stage.torrent(SIZE, cached_on=("torbox", "realdebrid"))
    await stage.hold(pool.accounts["realdebrid"], own)
    await stage.sandbox.fault("torbox", "gone", times=0)
    await stage.sandbox.fault("torbox", "expired_link", call="/files/*", times=0)
    job, file = await stage.ready(player, await player.account("torbox"), own, SIZE)
    url = await proxied(player, job, file)
    await stage.sandbox.fault("torbox", "gone", call="*/requestdl", times=1000)
    status, _ = await read(stage, url)
    assert status in {410, 502}, "the job was not the pool's"


async def test_a_file_of_another_size_does_not_stand_in(stage: Stage):
    player = await stage.player()
    info_hash = await stage.torrent(SIZE, cached_on=("torbox", "realdebrid"))
    job, file = await stage.ready(player, await player.account("torbox"), info_hash, SIZE + 1)
    await stage.hold(await player.account("realdebrid"), info_hash)
    url = await proxied(player, job, file)
    async with stage.session.get(url, headers={"Range": "bytes=0-99"}) as answer:
        assert answer.status == 502
        assert "another size" in (await answer.json())["error"]


@pytest.mark.parametrize("how", ["key", "user", "job"])
async def test_a_stream_ends_at_once_with_its_right(stage: Stage, how: str):
    """T27: revoking a key, removing a user or a job ends the streams that are open, in whatever process they are."""
    player = await stage.player()
    info_hash = await stage.torrent(200_000_000, cached_on=("torbox",))
    job, file = await stage.ready(player, await player.account("torbox"), info_hash, 200_000_000)
    url = await proxied(player, job, file)
    async with stage.session.get(url) as answer:
        assert answer.status == 200
        await answer.content.readexactly(100_000)
        if how == "key":
            await stage.keys.revoke(player.key.id)
        else:
            await _delete(stage, "users" if how == "user" else "jobs", player.user_id if how == "user" else job.id)
        with pytest.raises(aiohttp.ClientError):
            await _trickle(answer)
    async with stage.session.get(url) as answer:
        assert answer.status in {403, 404}


async def _trickle(answer: aiohttp.ClientResponse) -> None:
    """Reads slowly, so that the whole file would take far longer than the test waits."""
    async with asyncio.timeout(60):
        async for _ in answer.content.iter_chunked(1 << 20):
            await asyncio.sleep(0.2)


async def _delete(stage: Stage, table: str, row: object) -> None:
    connection = await stage.database._connector.connect()
    try:
        await connection.execute(f"DELETE FROM {table} WHERE id = $1", row)
    finally:
        await connection.close()


async def test_a_user_has_so_many_streams_open_and_no_more(stage: Stage):
    player = await stage.player()
    info_hash = await stage.torrent(200_000_000, cached_on=("torbox",))
    job, file = await stage.ready(player, await player.account("torbox"), info_hash, 200_000_000)
    url = await proxied(player, job, file)
    answers = await asyncio.gather(*(stage.session.get(url) for _ in range(31)))
    try:
        assert sorted(answer.status for answer in answers) == [*[200] * 30, 429]
    finally:
        for answer in answers:
            answer.close()
