"""What the end-to-end tests ask of the running product, in the words of its public API."""

import asyncio
import hashlib
import io
from typing import Any

import aiohttp
from tests.faults.server import Server

__all__ = ["digests", "finished", "healthy", "media_job", "submit", "upload"]

OVER = {"ready", "failed", "cancelled"}
MEDIA_OVER = {"Completed", "Failed", "Warning", "Skipped"}


async def submit(house: Server, body: dict[str, Any], *, media: bool = False) -> tuple[int, dict[str, Any]]:
    """Hands in a source to the library, or an address to the media jobs."""
    return await house.call("POST", "/jobs" if media else "/v1/torrents", body, kind="media" if media else "library")


async def upload(house: Server, raw: bytes) -> tuple[int, dict[str, Any]]:
    """Hands in a .torrent."""
    headers = {"Authorization": f"Bearer {await house.key('library')}", "Content-Type": "application/x-bittorrent"}
    async with (
        aiohttp.ClientSession() as session,
        session.post(f"{house.url}/v1/torrents", data=io.BytesIO(raw), headers=headers) as answer,
    ):
        return answer.status, await answer.json()


async def finished(house: Server, job_id: str) -> dict[str, Any]:
    """The library job when it is over."""
    return await house.until(f"/v1/torrents/{job_id}", "status", OVER)


async def media_job(house: Server, url: str, **options: Any) -> dict[str, Any]:
    """The media job for ``url`` when it is over."""
    status, accepted = await submit(house, {"url": url, **options}, media=True)
    assert status == 200, accepted
    return await house.until(f"/jobs/{accepted['job_id']}", "status", MEDIA_OVER, kind="media")


async def digests(house: Server, job: dict[str, Any]) -> dict[str, str]:
    """SHA-256 of every file of a ready job, by path, as its stream URLs deliver them."""
    found = {}
    async with aiohttp.ClientSession() as session:
        for file in job["files"]:
            status, link = await house.call("GET", f"/v1/torrents/{job['id']}/files/{file['id']}/stream")
            assert status == 200, link
            async with session.get(link["url"]) as answer:
                assert answer.status == 200
                found[file["path"]] = hashlib.sha256(await answer.read()).hexdigest()
    return found


async def healthy(house: Server) -> None:
    """The process is the one that was started, every part is ready, and no request ended in a fault of ours."""
    assert house.process is not None
    assert house.process.returncode is None
    async with (
        asyncio.timeout(20),
        aiohttp.ClientSession() as session,
        session.get(f"{house.url}/readyz") as answer,
    ):
        assert (answer.status, (await answer.json())["status"]) == (200, "ready")
    assert "An unexpected error" not in house.log()
