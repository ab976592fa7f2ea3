"""The main jobs from outside: what is handed in arrives with equal bytes, or as media one can play."""

import asyncio
import hashlib
import json
import re
import subprocess
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from tests.e2e.client import digests, finished, media_job, submit, upload
from tests.e2e.origin import lying_origin, whole
from tests.faults.server import Server
from tests.house import database
from tests.media.conftest import FFMPEG
from tests.media.site import Site
from tests.swarm_fixtures import KINDS, Tracker, make_seed, seeding

FILES = {"film.mkv": 3_000_000, "extras/notes.txt": b"seen"}


@pytest.mark.parametrize("kind", KINDS)
async def test_a_magnet_arrives(house: Server, tmp_path: Path, kind: str):
    seed = await asyncio.to_thread(make_seed, tmp_path, FILES, kind=kind, name=kind)
    async with seeding(seed) as peer:
        status, job = await submit(house, {"magnet": seed.magnet(peer)})
        assert (status, job["info_hash"]) == (201, seed.info_hash)
        job = await finished(house, job["id"])
    assert (job["status"], job["progress_pct"], job["error"], job["waiting"]) == ("ready", 100.0, None, None)
    assert await digests(house, job) == seed.files


async def test_a_tracker_is_enough_and_the_bare_hash_is_the_same_job(house: Server, tmp_path: Path):
    seed = await asyncio.to_thread(make_seed, tmp_path, FILES, name="tracked")
    async with Tracker().serving() as tracker, seeding(seed) as peer:
        host, port = peer.split(":")
        tracker.peers[bytes.fromhex(seed.info_hash)] = {(host, int(port)): None}
        _, job = await submit(house, {"magnet": f"magnet:?xt=urn:btih:{seed.info_hash}&tr={tracker.url}"})
        status, same = await submit(house, {"magnet": seed.info_hash.upper()})
        assert (status, same["id"]) == (200, job["id"])
        job = await finished(house, job["id"])
    assert await digests(house, job) == seed.files


async def test_an_uploaded_torrent_arrives(house: Server, tmp_path: Path):
    async with Tracker().serving() as tracker:
        seed = await asyncio.to_thread(make_seed, tmp_path, FILES, name="uploaded", trackers=(tracker.url,))
        async with seeding(seed, tracker=True):
            status, job = await upload(house, seed.raw)
            assert (status, job["name"], job["size_bytes"]) == (201, "uploaded", 3_000_004)
            job = await finished(house, job["id"])
    assert await digests(house, job) == seed.files


async def test_a_link_arrives_in_ranges(house: Server, site: Site):
    body = bytes(range(256)) * 80_000
    url = site.put("/archive.bin", body, headers={"Accept-Ranges": "bytes", "ETag": '"1"'})
    await arrives(house, url, body)
    assert len([path for path in site.paths if path == "/archive.bin"]) > 2, "it came over several connections"


async def test_a_link_arrives_from_a_host_without_ranges_or_length(house: Server):
    body = bytes(range(256)) * 4_000

    async def answer() -> AsyncIterator[bytes]:
        yield b"HTTP/1.0 200 OK\r\n\r\n" + body

    async with lying_origin({"/archive.bin": whole(body), "/unmeasured.bin": answer}) as url:
        await arrives(house, f"{url}/archive.bin", body)
        await arrives(house, f"{url}/unmeasured.bin", body)


async def arrives(house: Server, url: str, body: bytes) -> None:
    status, job = await submit(house, {"url": url})
    assert status == 201
    job = await finished(house, job["id"])
    assert (job["status"], job["files"][0]["name"], job["size_bytes"]) == ("ready", Path(url).name, len(body)), job
    assert list((await digests(house, job)).values()) == [hashlib.sha256(body).hexdigest()]


def streams(url: str) -> str:
    """What ffmpeg finds at an address."""
    return subprocess.run([FFMPEG, "-hide_banner", "-i", url], capture_output=True, text=True, check=False).stderr


async def test_a_page_and_a_playlist_become_media(house: Server, site: Site, clip: Path, playlist: Path):
    site.put("/clip.mp4", clip)
    page = site.page("/watch", '<video src="/clip.mp4"></video>', title="A film")
    hls = site.put_folder("/hls", playlist) + "/index.m3u8"
    for job in await asyncio.gather(media_job(house, page, format="mkv"), media_job(house, hls)):
        assert (job["status"], job["progress"], job["error"]) == ("Completed", 1.0, None), job
        found = await asyncio.to_thread(streams, job["s3_url"])
        assert "Video: h264" in found
        assert "Audio: aac" in found
        assert re.search(r"Duration: 00:00:0(2\.9|3\.)", found), found
        assert ("matroska" in found) is (job["url"] == page)


def stream_hashes(media: Path) -> list[str]:
    """A digest of each stream's packets, whatever container they lie in."""
    command = [FFMPEG, "-v", "error", "-i", media, "-map", "0", "-c", "copy", "-f", "streamhash", "-"]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout.splitlines()


async def test_a_direct_media_file_keeps_its_streams(house: Server, site: Site, clip: Path, tmp_path: Path):
    job = await media_job(house, site.put("/direct/clip.mp4", clip))
    assert job["status"] == "Completed", job
    arrived = tmp_path / "arrived.mp4"
    async with aiohttp.ClientSession() as session, session.get(job["s3_url"]) as answer:
        arrived.write_bytes(await answer.read())
    assert stream_hashes(arrived) == stream_hashes(clip)


async def test_changes_are_told_while_a_job_runs(house: Server, tmp_path: Path):
    seed = await asyncio.to_thread(make_seed, tmp_path, FILES, name="followed")
    headers = {"Authorization": f"Bearer {await house.key('library')}"}
    told: list[dict[str, Any]] = []
    async with (
        seeding(seed, rate=2_000_000) as peer,
        aiohttp.ClientSession() as session,
        session.get(f"{house.url}/v1/events", headers=headers) as events,
    ):
        assert events.content_type == "text/event-stream"
        await events.content.readuntil(b"event: following\n")
        _, job = await submit(house, {"magnet": seed.magnet(peer)})
        async with asyncio.timeout(60):
            async for line in events.content:
                if line.startswith(b"data: ") and job["id"].encode() in line:
                    told.append(json.loads(line[6:]))
                    if told[-1]["status"] == "ready":
                        break
    assert {change["kind"] for change in told} == {"job"}
    assert "downloading" in [change["status"] for change in told]
    versions = [change["version"] for change in told]
    assert versions == sorted(set(versions))


async def test_a_thousand_submits_of_one_magnet_are_one_job_and_one_transfer(house: Server, tmp_path: Path):
    seed = await asyncio.to_thread(make_seed, tmp_path, FILES, name="popular")
    headers = {"Authorization": f"Bearer {await house.key('library')}"}
    statuses: list[int] = []
    ids: set[str] = set()
    async with (
        seeding(seed, rate=200_000) as peer,
        aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=50)) as session,
    ):
        body = {"magnet": seed.magnet(peer)}

        async def post() -> None:
            async with session.post(f"{house.url}/v1/torrents", json=body, headers=headers) as answer:
                statuses.append(answer.status)
                told = await answer.json()
                assert answer.status in {200, 201}, told
                ids.add(told["id"])

        await asyncio.gather(*(post() for _ in range(1000)))
        assert sorted(statuses) == [200] * 999 + [201]
        assert len(ids) == 1
        folders = [path.parent.name for path in (house.data / "swarm").glob(f"{seed.info_hash}*/record.json")]
        assert len(folders) == 1, "the engine has one transfer"
        async with database(house) as connection:
            rows = "SELECT count(*) FROM {} WHERE {} = $1"
            assert await connection.fetchval(rows.format("jobs", "info_hash"), seed.info_hash) == 1
            created = "SELECT count(*) FROM traces WHERE job_id = $1 AND verdict = 'accepted'"
            assert await connection.fetchval(created, ids.copy().pop()) == 1
        await house.call("DELETE", f"/v1/torrents/{ids.pop()}")
