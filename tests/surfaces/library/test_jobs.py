from dataclasses import replace
from datetime import timedelta
from uuid import UUID, uuid4

import pytest

from sluicegate.core.errors import CredentialsRejected, UpstreamRateLimited, UpstreamTimeout
from sluicegate.core.files import JobFile
from sluicegate.core.jobs import JobState
from sluicegate.core.transfers import TransferState
from sluicegate.providers.memory.world import Content

UNKNOWN = "00000000-0000-4000-8000-000000000000"


FILM = Content(
    name="A film", files={"film.mkv": b"x" * 1_000_000, "extras/notes.nfo": b"n"}, script=(TransferState.QUEUED,)
)


async def _submit(client, seed=1):
    return (await client.post("/v1/torrents", json={"magnet": f"{seed:040x}"})).json()


async def _placed(world, seed=1):
    """A job that the provider has accepted: (client, its JSON, transfer id)."""
    user_id, client = await world.user()
    world.memory.define(f"{seed:040x}", FILM)
    await _submit(client, seed)
    job = await world.place(user_id)
    return client, (await client.get(f"/v1/torrents/{job.id}")).json(), job.transfer_id


async def _ready(world):
    client, job, transfer = await _placed(world)
    world.show(transfer, state=TransferState.READY, progress=1.0)
    await client.post(f"/v1/torrents/{job['id']}/sync")
    return client, (await client.get(f"/v1/torrents/{job['id']}")).json()


async def test_the_list_is_newest_first_and_paged(world):
    _, client = await world.user()
    _, other = await world.user()
    ids = [(await _submit(client, seed))["id"] for seed in range(1, 29)]
    await _submit(other, 1)

    first = (await client.get("/v1/torrents")).json()
    assert (first["limit"], first["offset"]) == (25, 0)
    assert [job["id"] for job in first["items"]] == ids[:2:-1]
    rest = (await client.get("/v1/torrents", params={"limit": 10, "offset": 25})).json()
    assert (rest["limit"], rest["offset"]) == (10, 25)
    assert [job["id"] for job in rest["items"]] == ids[2::-1]
    assert (await client.get("/v1/torrents", params={"offset": 28})).json()["items"] == []
    assert set(first) == {"items", "limit", "offset"}
    assert "files" not in first["items"][0]


@pytest.mark.parametrize(
    ("query", "applied"),
    [("limit=0", 1), ("limit=-5", 1), ("limit=101", 100), ("limit=999999999999999999999", 100), ("limit=100", 100)],
)
async def test_a_limit_out_of_range_is_clamped(world, query, applied):
    _, client = await world.user()
    answer = await client.get(f"/v1/torrents?{query}")
    assert (answer.status_code, answer.json()["limit"]) == (200, applied)


@pytest.mark.parametrize(
    "query",
    [
        "limit=x",
        "limit=",
        "limit=1.5",
        "limit=" + "9" * 5000,
        "offset=-1",
        "offset=x",
        "offset=9999999999",
        "offset=%00",
        "offset=1;drop table jobs",
    ],
)
async def test_paging_that_is_no_number_is_refused(world, query):
    _, client = await world.user()
    answer = await client.get(f"/v1/torrents?{query}")
    assert answer.status_code == 400
    assert query.partition("=")[0] in answer.json()["error"]
    assert set(answer.json()) == {"error"}


async def test_one_job_shows_its_files_at_top_level(world):
    _, job = await _ready(world)
    assert job["status"] == "ready"
    assert job["progress_pct"] == 100.0
    assert all(file.pop("id") for file in job["files"])
    assert job["files"] == [
        {
            "file_index": 0,
            "name": "film.mkv",
            "path": "film.mkv",
            "size_bytes": 1_000_000,
            "mime_type": "video/x-matroska",
        },
        {
            "file_index": 1,
            "name": "notes.nfo",
            "path": "extras/notes.nfo",
            "size_bytes": 1,
            "mime_type": "text/plain",
        },
    ]


@pytest.mark.parametrize(
    "path",
    [
        f"/v1/torrents/{UNKNOWN}",
        "/v1/torrents/1",
        "/v1/torrents/%00",
        "/v1/torrents/" + "x" * 5000,
        "/v1/torrents/{00000000-0000-4000-8000-00000000000}",
        "/v1/torrents/urn:uuid:" + UNKNOWN,
        f"/v1/torrents/{UNKNOWN}/files/{UNKNOWN}/stream",
        f"/v1/torrents/{UNKNOWN}/bogus",
        f"/v1/torrents/{UNKNOWN}/files/{UNKNOWN}",
        "/v1/torrents/../torrents/x/y/z",
        "/v1/nothing",
        "/v1",
    ],
)
async def test_whatever_is_not_there_is_404_in_the_same_shape(world, path):
    _, client = await world.user()
    answer = await client.get(path)
    assert answer.status_code == 404
    assert set(answer.json()) == {"error"}


async def test_foreign_jobs_are_unknown_on_every_route(world):
    _, job = await _ready(world)
    _, other = await world.user()
    file = job["files"][0]["id"]
    answers = [
        await other.get(f"/v1/torrents/{job['id']}"),
        await other.delete(f"/v1/torrents/{job['id']}"),
        await other.post(f"/v1/torrents/{job['id']}/sync"),
        await other.get(f"/v1/torrents/{job['id']}/files/{file}/stream"),
    ]
    assert [answer.status_code for answer in answers] == [404] * 4
    assert len({answer.json()["error"] for answer in answers}) == 1
    assert (await other.get("/v1/torrents")).json()["items"] == []


@pytest.mark.parametrize(
    ("method", "path", "allowed"),
    [
        ("PUT", "/v1/torrents", {"GET", "POST"}),
        ("DELETE", "/v1/torrents", {"GET", "POST"}),
        ("PATCH", f"/v1/torrents/{UNKNOWN}", {"GET", "DELETE"}),
        ("GET", f"/v1/torrents/{UNKNOWN}/sync", {"POST"}),
        ("POST", f"/v1/torrents/{UNKNOWN}/files/{UNKNOWN}/stream", {"GET"}),
    ],
)
async def test_other_methods_are_405_and_name_the_right_ones(world, method, path, allowed):
    _, client = await world.user()
    answer = await client.request(method, path)
    assert answer.status_code == 405
    assert set(answer.json()) == {"error"}
    assert allowed <= {word.strip() for word in answer.headers["allow"].split(",")}


async def test_cancelling_is_idempotent_and_final(world):
    _, client = await world.user()
    job = await _submit(client)
    for _ in range(2):
        answer = await client.delete(f"/v1/torrents/{job['id']}")
        assert (answer.status_code, answer.content) == (204, b"")
    shown = (await client.get(f"/v1/torrents/{job['id']}")).json()
    assert shown["status"] == "cancelled"
    assert (await client.delete(f"/v1/torrents/{UNKNOWN}")).status_code == 404


async def test_cancelling_a_ready_job_leaves_it_ready(world):
    client, job = await _ready(world)
    assert (await client.delete(f"/v1/torrents/{job['id']}")).status_code == 204
    assert (await client.get(f"/v1/torrents/{job['id']}")).json()["status"] == "ready"


async def test_sync_tells_progress(world):
    client, job, transfer = await _placed(world)
    world.show(transfer, state=TransferState.DOWNLOADING, progress=0.425, speed=10_000)
    answer = await client.post(f"/v1/torrents/{job['id']}/sync")
    assert answer.status_code == 200
    body = answer.json()
    assert body["sync"] == {
        "action": "progress_updated",
        "backend": "torbox",
        "external_id": transfer,
        "note": "42.5% done.",
    }
    shown = body["job"]
    assert (shown["status"], shown["progress_pct"], shown["speed"], shown["eta"]) == ("downloading", 42.5, 10_000, 58)
    again = (await client.post(f"/v1/torrents/{job['id']}/sync")).json()
    assert again["sync"]["action"] == "no_change"


async def test_sync_marks_ready(world):
    client, job, transfer = await _placed(world)
    world.show(transfer, state=TransferState.READY, progress=1.0)
    body = (await client.post(f"/v1/torrents/{job['id']}/sync")).json()
    assert (body["sync"]["action"], body["job"]["status"], body["job"]["eta"]) == ("marked_ready", "ready", None)


async def test_sync_without_a_transfer_changes_nothing(world):
    _, client = await world.user()
    job = await _submit(client)
    body = (await client.post(f"/v1/torrents/{job['id']}/sync")).json()
    assert body["sync"]["action"] == "no_change"
    assert (body["sync"]["backend"], body["sync"]["external_id"]) == ("", "")


async def test_an_upstream_error_is_told_inside_sync_and_ends_nothing(world):
    client, job, _ = await _placed(world)
    world.memory.fail("get", UpstreamTimeout("TorBox did not answer in time.", provider="torbox"))
    answer = await client.post(f"/v1/torrents/{job['id']}/sync")
    assert answer.status_code == 200
    assert answer.json()["sync"]["action"] == "error"
    assert answer.json()["sync"]["reason"] == "TorBox did not answer in time."
    assert answer.json()["job"]["status"] == "queued"
    assert (await client.post(f"/v1/torrents/{UNKNOWN}/sync")).status_code == 404


async def test_a_stream_url_of_the_provider(world):
    client, job = await _ready(world)
    answer = await client.get(f"/v1/torrents/{job['id']}/files/{job['files'][0]['id']}/stream")
    assert answer.status_code == 200
    body = answer.json()
    assert body.pop("url").startswith("https://memory.invalid/")
    assert body == {
        "expires_in_seconds": 900,
        "source": "upstream",
        "backend": "torbox",
        "file": {"name": "film.mkv", "size": 1_000_000, "mime_type": "video/x-matroska"},
    }


async def test_a_burst_of_stream_requests_costs_one_upstream_call(world):
    client, job = await _ready(world)
    path = f"/v1/torrents/{job['id']}/files/{job['files'][0]['id']}/stream"
    for _ in range(5):
        assert (await client.get(path)).status_code == 200
    assert [call.operation for call in world.memory.calls].count("link") == 1


async def test_a_stream_url_of_our_own_copy(world):
    client, job = await _ready(world)
    file_id = UUID(job["files"][0]["id"])
    async with world.transactions() as tx:
        await tx.files.stored(file_id, storage="local", key="u/film.mkv", size=1_000_000)
    answer = (await client.get(f"/v1/torrents/{job['id']}/files/{file_id}/stream")).json()
    assert answer.pop("url").startswith("https://media.example/bytes/")
    assert answer == {
        "expires_in_seconds": 900,
        "source": "r2",
        "file": {"name": "film.mkv", "size": 1_000_000, "mime_type": "video/x-matroska"},
    }
    shown = (await client.get(f"/v1/torrents/{job['id']}")).json()["files"][0]
    assert shown["r2_key"] == "u/film.mkv"


async def test_streaming_what_is_not_ready_is_409_and_says_what_it_waits_for(world):
    client, job, transfer = await _placed(world)
    world.show(transfer, state=TransferState.STALLED)
    await client.post(f"/v1/torrents/{job['id']}/sync")
    answer = await client.get(f"/v1/torrents/{job['id']}/files/{UNKNOWN}/stream")
    assert answer.status_code == 409
    assert "No bytes are moving" in answer.json()["error"]


async def test_an_unknown_file_of_a_ready_job_is_404(world):
    client, job = await _ready(world)
    for file in (UNKNOWN, "1", "%2e%2e"):
        answer = await client.get(f"/v1/torrents/{job['id']}/files/{file}/stream")
        assert answer.status_code == 404


@pytest.mark.parametrize(
    ("error", "wait"),
    [
        (UpstreamTimeout("TorBox did not answer in time.", provider="torbox"), None),
        (CredentialsRejected("TorBox refuses the token.", provider="torbox"), None),
        (UpstreamRateLimited("TorBox asks for a pause.", provider="torbox", retry_after=6.2), "7"),
    ],
)
async def test_a_provider_that_fails_while_streaming_is_502(world, error, wait):
    client, job = await _ready(world)
    world.memory.fail("link", error)
    answer = await client.get(f"/v1/torrents/{job['id']}/files/{job['files'][0]['id']}/stream")
    assert answer.status_code == 502
    assert error.detail in answer.json()["error"]
    assert error.action in answer.json()["error"]
    assert answer.headers.get("retry-after") == wait


async def test_a_link_that_lives_shorter_than_promised_says_so(world):
    client, job = await _ready(world)
    world.memory.link_lifetime = timedelta(seconds=300)
    answer = (await client.get(f"/v1/torrents/{job['id']}/files/{job['files'][0]['id']}/stream")).json()
    assert 290 <= answer["expires_in_seconds"] <= 300


async def test_a_failed_job_says_why(world):
    _, client = await world.user()
    job = await _submit(client)
    async with world.transactions() as tx:
        row = await tx.jobs.get(UUID(job["id"]), lock=True)
        await tx.jobs.update(replace(row, state=JobState.FAILED, error_code="source_rejected", error="It is blocked."))
    shown = (await client.get(f"/v1/torrents/{job['id']}")).json()
    assert (shown["status"], shown["error"], shown["error_code"]) == ("failed", "It is blocked.", "source_rejected")


async def test_hits_that_the_contract_cannot_name_are_null(world):
    _, client = await world.user()
    job = await _submit(client)
    for provider, shown in (("debridlink", None), ("premiumize", "premiumize")):
        async with world.transactions() as tx:
            row = await tx.jobs.get(UUID(job["id"]), lock=True)
            await tx.jobs.update(replace(row, cached_in=provider))
        assert (await client.get(f"/v1/torrents/{job['id']}")).json()["cached_in_store"] == shown


async def test_equal_base_names_survive_and_unknown_sizes_are_null(world):
    _, client = await world.user()
    job = await _submit(client)
    files = [JobFile(uuid4(), UUID(job["id"]), index, f"{index}/same.mkv", size) for index, size in enumerate([7, -1])]
    async with world.transactions() as tx:
        await tx.files.replace(UUID(job["id"]), files)
    shown = (await client.get(f"/v1/torrents/{job['id']}")).json()["files"]
    assert [(file["name"], file["path"], file["size_bytes"]) for file in shown] == [
        ("same.mkv", "0/same.mkv", 7),
        ("same.mkv", "1/same.mkv", None),
    ]
    assert "mime_type" not in shown[0]
