"""Storage targets and deliveries through the running product, to a real S3 server."""

import asyncio
import json
import os
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any
from uuid import uuid4

import aiohttp
import pytest
from tests.faults.server import Server
from tests.house import database
from tests.media.conftest import X264, ffmpeg, picture, tone
from tests.media.site import Site
from tests.storages.clouds import guarded_http, raw_s3, s3_bucket
from tests.storages.front import fronted
from tests.storages.servers import S3Server, seaweed
from tests.storages.suite import collect
from yarl import URL

from sluicegate.core.errors import ObjectMissing
from sluicegate.storages.object_store.s3 import S3Bucket

SIZE = 9 * (1 << 20) + 5


@pytest.fixture(scope="module")
async def cloud() -> AsyncIterator[S3Server]:
    async with seaweed() as running:
        yield running


@pytest.fixture
async def bucket(cloud: S3Server) -> AsyncIterator[S3Bucket]:
    async with guarded_http() as http:
        yield raw_s3(http, cloud, await s3_bucket(http, cloud))


@pytest.fixture
def content(tmp_path: Path) -> Path:
    path = tmp_path / "film.bin"
    path.write_bytes(os.urandom(SIZE))
    return path


def fields(cloud: S3Server, box: S3Bucket, **changes: str) -> dict[str, str]:
    place = {"endpoint": cloud.url, "bucket": box._place.bucket, "region": cloud.region}
    return place | {"access_key": cloud.access_key, "secret_key": cloud.secret_key} | changes


async def ready_file(house: Server, url: str) -> tuple[str, str]:
    _, job = await house.call("POST", "/v1/torrents", {"url": url})
    job = await house.until(f"/v1/torrents/{job['id']}", "status", {"ready", "failed"})
    assert job["status"] == "ready", job
    return job["id"], job["files"][0]["id"]


async def stranger_call(house: Server, path: str, body: object = None, method: str = "GET") -> tuple[int, Any]:
    name = f"stranger-{uuid4().hex[:6]}"
    await house.cli("users", "create", name)
    key = await house.cli("keys", "create", "--user", name, "--kind", "library")
    headers = {"Authorization": f"Bearer {key}"}
    async with (
        aiohttp.ClientSession() as session,
        session.request(method, house.url + path, json=body, headers=headers) as answer,
    ):
        return answer.status, await answer.json()


async def test_the_five_endpoints_of_the_contract(house: Server, cloud: S3Server, bucket: S3Bucket) -> None:
    sent = fields(cloud, bucket, folder_prefix="downloads/2026/")
    status, answer = await house.call("POST", "/user/s3", sent, kind="media")
    assert (status, answer) == (
        200,
        {
            "message": "S3 storage configured successfully",
            "provider": "s3",
            "container_or_bucket": bucket._place.bucket,
            "folder_prefix": "downloads/2026/",
        },
    )
    with pytest.raises(ObjectMissing):
        await bucket.head("downloads/2026/verify_credentials.txt")
    status, answer = await house.call("POST", "/user/bucket", fields(cloud, bucket), kind="media")
    assert (status, answer) == (200, {"message": "Bucket configuration updated successfully"})
    for name in ("s3", "blob", "gcs", "oss"):
        status, answer = await house.call("DELETE", f"/user/{name}", kind="media")
        assert (status, answer) == (200, {"message": f"{name} storage configuration removed"})
    status, answer = await house.call("DELETE", "/user/bucket", kind="media")
    assert (status, answer) == (200, {"message": "Bucket configuration reset to default"})


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"secret_key": "wrong-secret"}, "SignatureDoesNotMatch"),
        ({"access_key": "AKNOBODY"}, "InvalidAccessKeyId"),
        ({"bucket": "no-such-bucket-here"}, "NoSuchBucket"),
        ({"access_key": "AKREADER", "secret_key": "reader-secret-0123456789"}, "AccessDenied"),
        ({"endpoint": "http://127.0.0.1:1"}, "cannot be reached"),
    ],
)
async def test_what_the_storage_refuses_is_told_and_not_saved(
    house: Server, cloud: S3Server, bucket: S3Bucket, changes: dict[str, str], words: str
) -> None:
    sent = fields(cloud, bucket, **changes)
    status, answer = await house.call("POST", "/user/s3", sent, kind="media")
    assert status == 400
    assert answer["error"].startswith("Credential validation failed: ")
    assert words in answer["error"]
    assert sent["secret_key"] not in answer["error"]
    status, answer = await house.call("POST", "/user/bucket", sent, kind="media")
    assert status == 400
    assert answer["error"].startswith("Verification failed: ")
    _, page = await house.call("GET", "/v1/targets")
    assert all(item["bucket"] != sent["bucket"] for item in page["items"])


async def test_a_bucket_in_another_region_is_told(house: Server, cloud: S3Server, bucket: S3Bucket) -> None:
    body = b"<Error><Code>AuthorizationHeaderMalformed</Code><Region>eu-west-1</Region></Error>"
    async with fronted(cloud.url) as front:
        front.refuse = lambda _: (400, body, {})
        status, answer = await house.call("POST", "/user/s3", fields(cloud, bucket, endpoint=front.url), kind="media")
    assert status == 400
    assert "another region" in answer["error"]
    assert "eu-west-1" in answer["error"]


@pytest.mark.parametrize(
    ("path", "sent", "error"),
    [
        ("blob", {"account_name": "a", "container": "box"}, "Either account_key or sas_token must be provided"),
        ("blob", {"account_name": "a", "container": "box", "account_key": "!"}, "account_key is not valid Base64."),
        ("gcs", {"project_id": "p", "bucket": "b", "service_account_json": "{"}, "service_account_json"),
        ("oss", {"endpoint": "https://oss-cn-hangzhou.aliyuncs.com", "bucket": "b"}, "access_key_id is required"),
        ("s3", {"endpoint": "file:///etc/passwd"}, "bucket is required"),
        ("s3", [], "one JSON object"),
        ("s3", {"bucket": 7}, "bucket must be text"),
    ],
)
async def test_forms_that_lack_something_name_it(house: Server, path: str, sent: object, error: str) -> None:
    status, answer = await house.call("POST", f"/user/{path}", sent, kind="media")
    assert status == 400
    assert error in answer["error"]


@pytest.mark.parametrize(
    "endpoint", ["http://10.0.0.1", "http://169.254.169.254", "http://[::1]:9", "http://0x7f.1", "http://user@8.8.8.8"]
)
async def test_endpoints_in_private_networks_are_refused(
    house: Server, cloud: S3Server, bucket: S3Bucket, endpoint: str
) -> None:
    """Storage endpoints pass the same guard as everything else; the metadata service of clouds is not reached."""
    status, answer = await house.call("POST", "/user/s3", fields(cloud, bucket, endpoint=endpoint), kind="media")
    assert status == 400, answer
    assert "Credential validation" not in answer["error"]


async def test_a_file_is_delivered_once_and_never_over_another(
    house: Server, cloud: S3Server, bucket: S3Bucket, content: Path
) -> None:
    await bucket.put("films/film.bin", b"somebody else's")
    with Site.running() as site:
        site.put("/film.bin", content)
        job_id, file_id = await ready_file(house, f"{site.url}/film.bin")
    name = f"mine-{uuid4().hex[:6]}"
    status, saved = await house.call("POST", f"/v1/targets/{name}", {"provider": "s3", **fields(cloud, bucket)})
    assert status == 200, saved
    assert cloud.secret_key not in json.dumps(saved)
    path = f"/v1/torrents/{job_id}/files/{file_id}/store"
    status, store = await house.call("POST", path, {"target": name, "folder": "films"})
    assert status == 202, store
    _, again = await house.call("POST", path, {"target": name, "folder": "films"})
    assert again["id"] == store["id"]
    store = await house.until(f"/v1/stores/{store['id']}", "status", {"done", "failed"})
    assert (store["status"], store["key"], store["size_bytes"]) == ("done", "films/film (2).bin", SIZE)
    assert await collect(bucket.read("films/film.bin", 0, None)) == b"somebody else's"
    async with aiohttp.ClientSession() as session, session.get(URL(store["url"], encoded=True)) as answer:
        assert await answer.read() == content.read_bytes()
    _, page = await house.call("GET", f"/v1/torrents/{job_id}/stores")
    assert [item["id"] for item in page["items"]] == [store["id"]]
    assert (await stranger_call(house, f"/v1/stores/{store['id']}"))[0] == 404
    assert (await stranger_call(house, path, {"target": name}, "POST"))[0] == 404
    assert name not in json.dumps((await stranger_call(house, "/v1/targets"))[1])


async def test_a_media_job_brings_its_storage_along(
    house: Server, cloud: S3Server, bucket: S3Bucket, tmp_path: Path
) -> None:
    """The file lands in the bucket that the request names, for this job alone, and is read through its own link."""
    clip = tmp_path / "clip.mp4"
    ffmpeg(*picture("320x180", 2), *tone(2), *X264, "-c:a", "aac", clip)
    inline = {"provider": "s3", **fields(cloud, bucket, folder_prefix="inline/")}
    with Site.running() as site:
        site.put("/clip.mp4", clip)
        asked = {"url": f"{site.url}/clip.mp4", "filename": "mine", "storage": inline}
        status, accepted = await house.call("POST", "/jobs", asked, kind="media")
        assert status in {200, 201, 202}, accepted
        path = f"/jobs/{accepted['job_id']}"
        job = await house.until(path, "status", {"Completed", "Failed", "Warning", "Skipped"}, kind="media")
    assert job["status"] == "Completed", job
    assert cloud.secret_key not in json.dumps(job)
    assert job["s3_url"].startswith(f"{cloud.url}/{bucket._place.bucket}/inline/videos/mine.mp4?")
    async with aiohttp.ClientSession() as session, session.get(URL(job["s3_url"], encoded=True)) as answer:
        assert answer.status == 200
        assert await answer.read() == await collect(bucket.read("inline/videos/mine.mp4", 0, None))
    _, page = await house.call("GET", "/v1/targets")
    assert all(item["bucket"] != bucket._place.bucket for item in page["items"]), "it is nobody's target afterwards"


async def test_secrets_are_sealed_where_they_are_kept(house: Server, cloud: S3Server, bucket: S3Bucket) -> None:
    name = f"sealed-{uuid4().hex[:6]}"
    await house.call("POST", f"/v1/targets/{name}", {"provider": "s3", **fields(cloud, bucket)})
    async with database(house) as connection:
        rows = await connection.fetch("SELECT * FROM destinations")
    assert rows
    assert cloud.secret_key not in repr(rows)
    assert cloud.secret_key.encode() not in b"".join(row["sealed_secret"] for row in rows)
    assert cloud.secret_key not in house.log()


async def test_a_storage_that_fills_fails_the_delivery_with_a_reason(
    house: Server, cloud: S3Server, bucket: S3Bucket, content: Path
) -> None:
    with Site.running() as site:
        site.put("/full.bin", content)
        job_id, file_id = await ready_file(house, f"{site.url}/full.bin")
    name = f"full-{uuid4().hex[:6]}"
    async with fronted(cloud.url) as front:
        sent = {"provider": "s3", **fields(cloud, bucket, endpoint=front.url)}
        assert (await house.call("POST", f"/v1/targets/{name}", sent))[0] == 200
        front.capacity = 1 << 20
        _, store = await house.call("POST", f"/v1/torrents/{job_id}/files/{file_id}/store", {"target": name})
        store = await house.until(f"/v1/stores/{store['id']}", "status", {"done", "failed"})
        assert store["status"] == "failed"
        assert "full" in store["error"]
        async with asyncio.timeout(60):  # what was sent is dropped once it has been told
            while await bucket.unfinished("videos/full.bin"):
                await asyncio.sleep(0.2)
    with pytest.raises(ObjectMissing):
        await bucket.head("videos/full.bin")


async def test_the_command_line_adds_a_bucket_and_gets_into_it(
    house: Server, cloud: S3Server, bucket: S3Bucket, content: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SLUICEGATE_EGRESS_ALLOW", "127.0.0.1")  # a command reads its own settings
    secret = content.parent / "secret"
    secret.write_text(cloud.secret_key)
    name = f"cli-{uuid4().hex[:6]}"
    await house.cli(
        "targets", "add", name, "--provider", "s3", "--endpoint", cloud.url, "--region", cloud.region,
        "--bucket", bucket._place.bucket, "--account", cloud.access_key, "--secret", f"@{secret}",
    )  # fmt: skip
    assert cloud.secret_key not in await house.cli("targets", "list", "--json")
    with Site.running() as site:
        site.put("/cli.bin", content)
        told = await house.cli("get", f"{site.url}/cli.bin", "--to", f"s3://{bucket._place.bucket}/from/cli")
    assert told.splitlines()[-1] == f"s3://{bucket._place.bucket}/from/cli/cli.bin"
    assert (await bucket.head("from/cli/cli.bin")).size == SIZE
    await house.cli("targets", "remove", name)
    assert name not in await house.cli("targets", "list", "--json")
