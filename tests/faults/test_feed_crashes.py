"""kill -9 while a feed is polled: its items are not lost, none comes twice, and the feed is free again soon."""

import asyncio
import contextlib
from datetime import UTC, datetime, timedelta

import aiohttp
from tests.faults.server import Server
from tests.feeds.samples import item, rss
from tests.net.wire import answer, listen


async def test_a_feed_is_polled_again_soon_after_its_poller_has_died(server: Server):
    async with listen() as remote:
        later = datetime.now(UTC) + timedelta(hours=1)  # whenever the server starts, the item is newer than the feed
        remote.scripts["/feed"] = answer(rss(item("Show.S01E01.1080p", at=later)))
        await server.start(crash_at="feed_read")
        await server.key("library")
        with contextlib.suppress(aiohttp.ClientError):  # the worker's own look may come first, and the end with it
            _, added = await server.call("POST", "/v1/rss-feeds", {"name": "Shows", "url": remote.url("/feed")})
            await server.call("POST", f"/v1/rss-feeds/{added['id']}/poll")
        assert await server.died() == -9

        await server.start()
        _, listed = await server.call("GET", "/v1/rss-feeds")
        assert listed["items"][0]["last_polled_at"] is None, "it died before it could write that"
        async with asyncio.timeout(120):  # half a minute, but for a busy machine; it was a quarter of an hour
            while listed["items"][0]["last_polled_at"] is None:
                await asyncio.sleep(0.2)
                _, listed = await server.call("GET", "/v1/rss-feeds")
        _, jobs = await server.call("GET", "/v1/torrents")
        assert [job["name"] for job in jobs["items"]] == ["Show.S01E01.1080p"]
