"""A server is killed while it runs a request with an ``Idempotency-Key``; the same request later is answered once."""

import asyncio
from uuid import uuid4

import aiohttp
from tests.faults.server import Server


async def test_kill_9_in_the_middle_of_a_submit(server: Server):
    """The job was there when the server died: the repeated request finds it, and its answer is kept."""
    await server.start(crash_at="accepted")
    headers = {
        "Authorization": f"Bearer {await server.key('library')}", "Prefer": "respond-async",
        "Idempotency-Key": uuid4().hex,
    }  # fmt: skip
    async with aiohttp.ClientSession(headers=headers) as session:
        try:
            await session.post(f"{server.url}/v1/torrents", json={"magnet": "ab" * 20})
        except aiohttp.ClientError:
            await server.died()
        await server.start()
        async with asyncio.timeout(90):  # the dead server's hold on the request ends by itself
            while True:
                async with session.post(f"{server.url}/v1/torrents", json={"magnet": "ab" * 20}) as answer:
                    first, status = await answer.json(), answer.status
                if status != 409:
                    break
                await asyncio.sleep(float(answer.headers["retry-after"]))
        assert status in {200, 201}, first
        async with session.post(f"{server.url}/v1/torrents", json={"magnet": "ab" * 20}) as answer:
            assert answer.headers["idempotency-replayed"] == "true"
            assert await answer.json() == first
    _, listed = await server.call("GET", "/v1/torrents")
    assert [job["id"] for job in listed["items"]] == [first["id"]]
