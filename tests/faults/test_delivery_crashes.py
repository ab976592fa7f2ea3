"""kill -9 in the delivery to a bucket: the restart finishes it, with no orphan upload and no orphan object."""

import asyncio
import os
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from tests.faults.server import Server
from tests.media.site import Site
from tests.storages.clouds import guarded_http, raw_s3, s3_bucket
from tests.storages.servers import S3Server, seaweed
from tests.storages.suite import collect

from sluicegate.core.errors import ObjectMissing
from sluicegate.storages.object_store.faults import xml_fields
from sluicegate.storages.object_store.s3 import S3Bucket

SIZE = 34 * (1 << 20) + 77


@pytest.fixture(scope="module")
async def cloud() -> AsyncIterator[S3Server]:
    async with seaweed() as running:
        yield running


@pytest.fixture
async def bucket(cloud: S3Server) -> AsyncIterator[S3Bucket]:
    async with guarded_http() as http:
        yield raw_s3(http, cloud, await s3_bucket(http, cloud))


@pytest.fixture
def large(tmp_path: Path) -> Path:
    path = tmp_path / "large.bin"
    path.write_bytes(os.urandom(SIZE))
    return path


async def in_bucket(bucket: S3Bucket) -> tuple[list[str], int]:
    """Keys of all objects, and the number of unfinished uploads."""
    listed = await bucket._send("GET", "", [("list-type", "2")])
    uploads = await bucket._send("GET", "", [("uploads", "")])
    assert listed.ok
    assert uploads.ok
    return xml_fields(listed.body, "Key"), len(xml_fields(uploads.body, "Upload"))


def fields(cloud: S3Server, bucket: S3Bucket) -> dict[str, str]:
    place = {"endpoint": cloud.url, "bucket": bucket._place.bucket, "region": cloud.region}
    return place | {"access_key": cloud.access_key, "secret_key": cloud.secret_key}


async def ready_file(server: Server, url: str) -> tuple[str, str]:
    status, job = await server.call("POST", "/v1/torrents", {"url": url})
    assert status in {200, 201}, job
    job = await server.until(f"/v1/torrents/{job['id']}", "status", {"ready", "failed"})
    assert job["status"] == "ready", job
    return job["id"], job["files"][0]["id"]


@pytest.mark.parametrize("point", ["part_sent", "delivered"])
async def test_a_library_file(server: Server, cloud: S3Server, bucket: S3Bucket, large: Path, point: str) -> None:
    with Site.running() as site:
        site.put("/large.bin", large)
        await server.start(crash_at=point)
        status, saved = await server.call(
            "POST", "/v1/targets/mine", {"provider": "s3", "base_folder": "films", **fields(cloud, bucket)}
        )
        assert status == 200, saved
        job_id, file_id = await ready_file(server, f"{site.url}/large.bin")
        status, store = await server.call("POST", f"/v1/torrents/{job_id}/files/{file_id}/store", {"target": "mine"})
        assert status == 202, store
        assert await server.died() == -9
        await server.start()
        store = await server.until(f"/v1/stores/{store['id']}", "status", {"done", "failed"})
    assert (store["status"], store["key"], store["size_bytes"]) == ("done", "films/large.bin", SIZE)
    assert await in_bucket(bucket) == (["films/large.bin"], 0)
    assert await collect(bucket.read("films/large.bin", 0, None)) == large.read_bytes()


async def test_a_direct_media_file_is_gone_on_with_and_leaves_nothing(
    server: Server, cloud: S3Server, bucket: S3Bucket, clip: Path
) -> None:
    with Site.running() as site:
        site.put("/clip.mp4", clip)
        await server.start(crash_at="part_sent")
        status, answer = await server.call("POST", "/user/s3", fields(cloud, bucket), kind="media")
        assert status == 200, answer
        _, accepted = await server.call(
            "POST", "/jobs", {"url": f"{site.url}/clip.mp4", "filename": "mine"}, kind="media"
        )
        assert await server.died() == -9
        await server.start()
        job = await server.until(f"/jobs/{accepted['job_id']}", "status", {"Completed", "Failed"}, kind="media")
    assert job["status"] == "Completed", job
    assert await in_bucket(bucket) == (["videos/mine.mp4"], 0)
    assert (await bucket.head("videos/mine.mp4")).size == clip.stat().st_size
    assert not [path for path in (server.data / "files").rglob("*") if path.is_file()]


async def test_what_a_given_up_delivery_left_is_removed_after_a_crash(
    server: Server, cloud: S3Server, bucket: S3Bucket, large: Path
) -> None:
    """The job is gone when the server comes back: nobody goes on with its upload, so the sweep drops it."""
    with Site.running() as site:
        site.put("/large.bin", large)
        await server.start(crash_at="part_sent")
        await server.call("POST", "/v1/targets/mine", {"provider": "s3", **fields(cloud, bucket)})
        job_id, file_id = await ready_file(server, f"{site.url}/large.bin")
        await server.call("POST", f"/v1/torrents/{job_id}/files/{file_id}/store", {"target": "mine"})
        assert await server.died() == -9
        assert (await in_bucket(bucket))[1] == 1
        await server.start()
        await server.call("DELETE", "/v1/targets/mine")
        async with asyncio.timeout(60):
            while (await in_bucket(bucket))[1]:
                await asyncio.sleep(0.5)
    with pytest.raises(ObjectMissing):
        await bucket.head("videos/large.bin")


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A playable file of several parts: a film with a long tail of bytes that players skip (a ``free`` box)."""
    from tests.media.conftest import X264, ffmpeg, picture, tone

    path: Any = tmp_path_factory.mktemp("clip") / "clip.mp4"
    ffmpeg(*picture("640x360", 3), *tone(3), *X264, "-c:a", "aac", path)
    padding = 25 * (1 << 20)
    with path.open("ab") as file:
        file.write(padding.to_bytes(4, "big") + b"free" + bytes(padding - 8))
    return path
