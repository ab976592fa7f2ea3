"""Feeds and the Stremio add-on on the running product, through its own worker."""

import asyncio
import hashlib
from datetime import UTC, datetime, timedelta
from uuid import uuid4

import aiohttp
from tests.e2e.client import finished, submit
from tests.faults.server import Server
from tests.feeds.samples import item, rss
from tests.net.wire import answer, listen

CONTENT = hashlib.shake_128(b"a film").digest(3_000_000)


async def test_the_worker_polls_by_itself_and_a_key_in_an_address_shows_nowhere(house: Server):
    """Checklist T36: addresses with keys are in no log, and ``sluicegate keys revoke`` ends them at once."""
    name = f"Show.{uuid4().hex[:8]}.S01E01"
    async with listen() as remote, aiohttp.ClientSession() as session:
        at = datetime.now(UTC) + timedelta(minutes=1)
        remote.scripts["/feed"] = answer(rss(item(name, at=at)))
        secret = f"passkey-{uuid4().hex}"
        _, feed = await house.call("POST", "/v1/rss-feeds", {"name": "f", "url": remote.url(f"/feed?key={secret}")})
        async with asyncio.timeout(90):
            while name not in {job["name"] for job in (await house.call("GET", "/v1/torrents?limit=100"))[1]["items"]}:
                await asyncio.sleep(0.3)
        (job,) = [one for one in (await house.call("GET", "/v1/torrents?limit=100"))[1]["items"] if one["name"] == name]
        assert job["cached_in_store"] == "rss"
        assert (await house.call("DELETE", f"/v1/torrents/{job['id']}"))[0] == 204
        assert (await house.call("DELETE", f"/v1/rss-feeds/{feed['id']}"))[0] == 204
        made = [(await house.call("POST", "/v1/link-keys", {"kind": kind}))[1] for kind in ("feed", "stremio")]
        for one in made:
            async with session.get(one["url"]) as read:
                assert (read.status, read.headers["referrer-policy"]) == (200, "no-referrer")
            await house.cli("keys", "revoke", one["id"])
            async with asyncio.timeout(60):
                while True:
                    async with session.get(one["url"]) as read:
                        if read.status == 401:
                            break
                    await asyncio.sleep(0.2)
            key = one["url"].partition("=")[2] or one["url"].split("/")[4]
            assert key.startswith(("tf_", "ts_"))
            assert key not in house.log()
        assert secret not in house.log()


async def test_a_film_plays_through_the_add_on_with_its_very_bytes(house: Server):
    name = f"Film.{uuid4().hex[:8]}.2020.1080p.mkv"
    async with listen() as remote, aiohttp.ClientSession() as session:
        remote.scripts[f"/{name}"] = answer(CONTENT, headers="Content-Type: video/x-matroska\r\n")
        status, job = await submit(house, {"url": remote.url(f"/{name}")})
        assert status in {200, 201}, job
        job = await finished(house, job["id"])
        assert job["status"] == "ready", job
        _, key = await house.call("POST", "/v1/link-keys", {"kind": "stremio"})
        base = key["url"].removesuffix("/manifest.json")
        async with session.get(f"{base}/catalog/other/library/search={name[:13]}.json") as found:
            (meta,) = (await found.json())["metas"]
        async with session.get(f"{base}/stream/other/{meta['id']}.json") as found:
            (stream,) = (await found.json())["streams"]
        async with session.get(stream["url"], headers={"range": "bytes=1000-1999"}) as part:
            assert (part.status, await part.read()) == (206, CONTENT[1000:2000])
        async with session.get(stream["url"]) as whole:
            assert hashlib.sha256(await whole.read()).digest() == hashlib.sha256(CONTENT).digest()
