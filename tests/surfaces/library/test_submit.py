import asyncio
import json

import httpx
import pytest
from tests.core.torrents import torrent, v1_info

from sluicegate.core.errors import HosterUnsupported, SourceRejected, UpstreamTimeout
from sluicegate.core.keys import KeyKind
from sluicegate.core.web_links import link_hash
from sluicegate.providers.memory.world import Content

HASH = "c9e15763f722f23e98a29decdfae341b98d53056"
MAGNET = f"magnet:?xt=urn:btih:{HASH.upper()}&dn=A+film&xl=1000"
TORRENT = torrent(v1_info([([b"a.mkv"], 5)]))
NZB = b'<nzb><file poster="p"><segments><segment number="1">id@host</segment></segments></file></nzb>'


def _form(name: str, content: str | bytes, file_name: str | None = None) -> dict:
    head = f'--xx\r\ncontent-disposition: form-data; name="{name}"'
    head += f'; filename="{file_name}"\r\ncontent-type: application/octet-stream' if file_name else ""
    raw = content.encode() if isinstance(content, str) else content
    body = head.encode() + b"\r\n\r\n" + raw + b"\r\n--xx--\r\n"
    return {"content": body, "headers": {"content-type": "multipart/form-data; boundary=xx"}}


async def test_a_magnet_becomes_a_job_with_every_documented_field(world):
    _, client = await world.user()
    answer = await client.post("/v1/torrents", json={"magnet": MAGNET})
    assert answer.status_code == 201
    assert answer.headers["content-type"] == "application/json"
    job = answer.json()
    assert job.pop("id")
    assert job.pop("created_at").endswith("Z")
    assert job.pop("updated_at").endswith("Z")
    assert job == {
        "info_hash": HASH,
        "status": "queued",
        "cached_in_store": None,
        "external_id": "",
        "external_source": "",
        "progress_pct": 0.0,
        "name": "A film",
        "size_bytes": 1000,
        "error": None,
        "error_code": None,
        "waiting": None,
        "speed": None,
        "eta": None,
        "missing": None,
        "missing_since": None,
    }


async def test_the_same_source_again_is_the_same_job(world):
    _, client = await world.user()
    first = await client.post("/v1/torrents", json={"magnet": MAGNET})
    again = await client.post("/v1/torrents", json={"magnet": HASH})
    assert (first.status_code, again.status_code) == (201, 200)
    assert first.json()["id"] == again.json()["id"]
    _, other = await world.user()
    foreign = await other.post("/v1/torrents", json={"magnet": MAGNET})
    assert foreign.status_code == 201
    assert foreign.json()["id"] != first.json()["id"]


async def test_fifty_at_once_make_one_job(world):
    _, client = await world.user()
    answers = await asyncio.gather(*(client.post("/v1/torrents", json={"magnet": MAGNET}) for _ in range(50)))
    assert {answer.json()["id"] for answer in answers} == {answers[0].json()["id"]}
    assert sorted(answer.status_code for answer in answers) == [200] * 49 + [201]


async def test_a_cancelled_job_does_not_stand_in_the_way(world):
    _, client = await world.user()
    first = (await client.post("/v1/torrents", json={"magnet": MAGNET})).json()
    await client.delete(f"/v1/torrents/{first['id']}")
    again = await client.post("/v1/torrents", json={"magnet": MAGNET})
    assert again.status_code == 201
    assert again.json()["id"] != first["id"]


async def test_a_link_is_known_by_the_digest_of_its_url(world):
    _, client = await world.user()
    answer = await client.post("/v1/torrents", json={"url": "HTTPS://Hoster.example:443/file#part"})
    assert answer.status_code == 201
    assert answer.json()["info_hash"] == link_hash("https://hoster.example/file")


@pytest.mark.parametrize(
    "request_parts",
    [
        {"content": TORRENT, "headers": {"content-type": "application/x-bittorrent"}},
        {"content": TORRENT, "headers": {"content-type": "application/octet-stream"}},
        _form("file", TORRENT, "a film.torrent"),
        _form("torrent", TORRENT, "x"),
    ],
)
async def test_a_torrent_file_can_be_uploaded(world, request_parts):
    _, client = await world.user()
    answer = await client.post("/v1/torrents", **request_parts)
    assert answer.status_code == 201
    job = answer.json()
    assert (job["name"], job["size_bytes"], len(job["info_hash"])) == ("root", 5, 40)


@pytest.mark.parametrize(
    ("request_parts", "status"),
    [
        (_form("magnet", MAGNET), 201),
        (_form("url", "https://h.example/f"), 201),
        ({"content": NZB, "headers": {"content-type": "application/x-nzb"}}, 201),
        (
            {"content": json.dumps({"magnet": MAGNET}), "headers": {"content-type": "application/json; charset=utf-8"}},
            201,
        ),
        ({"content": json.dumps({"magnet": MAGNET})}, 201),
        (
            {
                "content": json.dumps({"magnet": MAGNET}),
                "headers": {"content-type": "application/x-www-form-urlencoded"},
            },
            201,
        ),
        ({"content": "magnet=x", "headers": {"content-type": "application/x-www-form-urlencoded"}}, 415),
        ({"content": MAGNET, "headers": {"content-type": "text/plain"}}, 415),
        ({"content": b"\xff", "headers": {"content-type": "application/json"}}, 400),
        (_form("other", "x"), 400),
        (_form("magnet", b"\x89\xff"), 400),
        (_form("magnet", "not a magnet"), 400),
        (_form("file", b"", "empty.torrent"), 400),
        (_form("file", b"<html>", "page.torrent"), 400),
        ({"content": b"--xx\r\nbroken", "headers": {"content-type": "multipart/form-data; boundary=xx"}}, 400),
        ({"content": b"x", "headers": {"content-type": "multipart/form-data"}}, 400),
        ({"content": b"", "headers": {"content-type": "application/x-bittorrent"}}, 400),
        ({"content": b"d" + b"l" * 20_000, "headers": {"content-type": "application/x-bittorrent"}}, 400),
        ({"content": b"d1:a" + b"l" * 20_000, "headers": {"content-type": "application/x-bittorrent"}}, 422),
        (
            {
                "content": torrent(v1_info([([b"..", b"x"], 5)])),
                "headers": {"content-type": "application/x-bittorrent"},
            },
            422,
        ),
        ({"content": b"x" * (300 * 1024), "headers": {"content-type": "application/json"}}, 413),
        ({"content": b"d" + b"x" * (34 << 20), "headers": {"content-type": "application/x-bittorrent"}}, 413),
        (_form("file", b"x" * (34 << 20), "large.torrent"), 413),
    ],
)
async def test_bodies_of_every_kind(world, request_parts, status):
    _, client = await world.user()
    answer = await client.post("/v1/torrents", **request_parts)
    assert answer.status_code == status
    assert set(answer.json()) == {"error"} if status >= 400 else "id" in answer.json()


@pytest.mark.parametrize(
    ("body", "status", "words"),
    [
        ("", 400, "JSON"),
        ("{", 400, "JSON"),
        ("[]", 400, "not as expected"),
        ("null", 400, "not as expected"),
        ("{}", 400, "exactly one"),
        ('{"magnet": null}', 400, "exactly one"),
        ('{"magnet": "x", "url": "y"}', 400, "exactly one"),
        ('{"magnet": 5}', 400, "not as expected"),
        ('{"magnet": "x", "unknown": 1}', 400, "unknown"),
        ('{"magnet": ""}', 400, "begins with"),
        ('{"magnet": "https://h.example/"}', 400, "begins with"),
        ('{"magnet": "magnet:?dn=x"}', 400, "names no torrent"),
        ('{"magnet": "magnet:?xt=urn:btih:abc"}', 400, "3 characters"),
        (f'{{"magnet": "{HASH}0"}}', 400, "41 characters"),
        ('{"magnet": "magnet:?xt=urn:btih:' + "a" * 40 + "&dn=" + "x" * 70_000 + '"}', 422, "longer"),
        ('{"url": ""}', 400, "http"),
        ('{"url": "ftp://h.example/"}', 400, "http"),
        ('{"url": "file:///etc/passwd"}', 400, "http"),
        ('{"url": "https://user:hunter2@h.example/"}', 400, "user name"),
        ('{"url": "--exec=x"}', 400, "begin with"),
        ('{"url": "https://h.example/\\ud800"}', 400, ""),
        ('{"magnet": ' + "[" * 100_000 + "]" * 100_000 + "}", 400, ""),
        ('{"unknown": ' + "9" * 200_000 + "}", 400, ""),
        ('{"magnet": "x"}{"magnet": "y"}', 400, "JSON"),
        ("\ufeff{}", 400, ""),
    ],
)
async def test_bad_bodies_say_what_is_wrong(world, body, status, words):
    _, client = await world.user()
    answer = await client.post("/v1/torrents", content=body.encode(), headers={"content-type": "application/json"})
    assert answer.status_code == status
    assert words in answer.json()["error"]
    assert "hunter2" not in answer.text


async def test_a_cached_magnet_answers_ready_in_one_call(world):
    user_id, client = await world.user(patient=True)
    world.memory.define(HASH, Content(name="A film", cached=True))

    async def work() -> None:
        await client.post(f"/v1/torrents/{(await world.place(user_id)).id}/sync")

    working = asyncio.create_task(work())
    answer = await client.post("/v1/torrents", json={"magnet": MAGNET})
    await working
    job = answer.json()
    assert (answer.status_code, job["status"]) == (201, "ready")
    assert (job["cached_in_store"], job["external_source"]) == ("torbox", "torbox")
    assert job["external_id"] == "1"


@pytest.mark.parametrize("prefer", ["respond-async", "wait=0", "respond-async, wait=10"])
async def test_a_client_may_decline_to_wait(world, prefer):
    _, client = await world.user(patient=True)
    async with asyncio.timeout(20):
        answer = await client.post("/v1/torrents", json={"magnet": MAGNET}, headers={"prefer": prefer})
    assert (answer.status_code, answer.json()["status"]) == (201, "queued")


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (SourceRejected("It is blocked there.", provider="torbox"), "blocked"),
        (HosterUnsupported("No such hoster.", provider="torbox"), "No such hoster"),
    ],
)
async def test_content_that_every_rung_refuses_is_422_with_the_reason(world, error, words):
    user_id, client = await world.user(patient=True)
    world.memory.define(HASH, Content(refusal=error))
    placing = asyncio.create_task(world.place(user_id))
    answer = await client.post("/v1/torrents", json={"magnet": MAGNET})
    await placing
    assert answer.status_code == 422
    assert words in answer.json()["error"]


async def test_a_transient_fault_refuses_nothing_and_is_explained(world):
    user_id, client = await world.user(patient=True)
    world.memory.fail("submit_magnet", UpstreamTimeout("TorBox did not answer in time.", provider="torbox"))
    placing = asyncio.create_task(world.place(user_id))
    answer = await client.post("/v1/torrents", json={"magnet": MAGNET})
    await placing
    assert (answer.status_code, answer.json()["status"]) == (201, "queued")
    assert "did not answer in time" in answer.json()["waiting"]


@pytest.mark.parametrize("path", ["", "/", "/00000000-0000-0000-0000-000000000000"])
@pytest.mark.parametrize(
    "authorization",
    [None, "", "Bearer", "Basic x", "Bearer tu_x", "Bearer tu_abcdefgh_" + "x" * 32, "Bearer " + "x" * 9000],
)
async def test_nothing_answers_without_a_valid_key(world, path, authorization):
    headers = {} if authorization is None else {"authorization": authorization}
    async with httpx.AsyncClient(base_url=world.url, headers=headers, timeout=60) as client:
        answer = await client.get(f"/v1/torrents{path}")
    assert answer.status_code == 401
    assert set(answer.json()) == {"error"}
    assert answer.headers["www-authenticate"].startswith("Bearer")


async def test_keys_of_other_surfaces_and_revoked_keys_are_refused_at_once(world):
    user_id, client = await world.user()
    key, secret = await world.keys.create(user_id, KeyKind.MEDIA)
    headers = {"authorization": f"Bearer {secret.reveal()}"}
    assert (await client.get("/v1/torrents", headers=headers)).status_code == 401
    key, secret = await world.keys.create(user_id, KeyKind.LIBRARY)
    headers = {"authorization": f"bearer {secret.reveal()}"}
    assert (await client.get("/v1/torrents", headers=headers)).status_code == 200
    await world.keys.revoke(key.id)
    assert (await client.get("/v1/torrents", headers=headers)).status_code == 401


async def test_an_unauthenticated_upload_is_refused_without_being_read(world):
    async with httpx.AsyncClient(base_url=world.url, timeout=60) as client:
        answer = await client.post("/v1/torrents", content=b"x" * 100_000, headers={"content-type": "text/plain"})
    assert answer.status_code == 401
