"""Torrin's dialect, native and store surface, against its documented shapes and known traps."""

import hashlib
import uuid
from typing import Any

import pytest
from tests.sandbox.caller import Caller, Reply, magnet, torrent, torrent_info

TOKEN = "sandbox-ravi"
HASH = "0f6b0c1e9e1f4d0c8c5a7f3e2d1b0a9988776655"
FILM = {
    "name": "Example.Film.2024",
    "files": [{"path": "Film.mkv", "size": 5000}, {"path": "sub/Film.srt", "size": 41}],
}
NZB = b"<?xml?><nzb></nzb>"


async def api(sandbox: Caller, method: str, to: str, key: str = TOKEN, **more: Any) -> Reply:
    return await sandbox.call(method, f"/torrin/api/{to}", token=key, **more)


async def store(sandbox: Caller, method: str, to: str, key: str = TOKEN, **more: Any) -> Reply:
    headers = {"X-StremThru-Store-Authorization": f"Bearer {key}", "Authorization": "Bearer wrong"}
    return await sandbox.call(method, f"/torrin/v0/store/{to}", headers=headers, **more)


async def submit(sandbox: Caller, text: str, key: str = TOKEN) -> Any:
    reply = await api(sandbox, "POST", "jobs", key, data={"magnet": text})
    assert reply.status in {200, 202}, reply.body
    return reply.json


async def unlimited(sandbox: Caller) -> None:
    await sandbox.control("POST", "/limits", {"provider": "torrin", "enabled": False})


async def test_two_error_shapes(sandbox: Caller):
    for key, status in (("", 401), ("nonsense", 401), ("sandbox-locked-x", 403)):
        own = await api(sandbox, "GET", "me", key)
        assert (own.status, set(own.json), type(own.json["error"])) == (status, {"error"}, str)
        other = await store(sandbox, "GET", "user", key)
        assert (other.status, other.json["error"]["code"]) == (status, status)
        assert set(other.json["error"]) == {"code", "message"}


async def test_where_a_key_may_stand(sandbox: Caller):
    assert (await sandbox.call("GET", f"/torrin/api/me?api_key={TOKEN}")).status == 200
    assert (await sandbox.call("GET", f"/torrin/v0/store/user?api_key={TOKEN}")).status == 401
    assert (await sandbox.call("GET", "/torrin/v0/store/user", token=TOKEN)).status == 200
    assert (await store(sandbox, "GET", "user")).status == 200


async def test_me(sandbox: Caller):
    me = (await api(sandbox, "GET", "me")).json
    assert (me["plan"]["id"], me["plan"]["max_concurrent_jobs"], me["active_slots"]) == ("standard", 4, 0)
    assert uuid.UUID(me["user_id"]).version == 7
    assert me["expires_at"].endswith("Z")
    for key, plan in (("sandbox-free-x", "free"), ("sandbox-starter-x", "starter"), ("sandbox-pro-x", "pro")):
        assert (await api(sandbox, "GET", "me", key)).json["plan"]["id"] == plan


async def test_a_job_from_start_to_end(sandbox: Caller):
    await sandbox.control("POST", "/clock", {"rate": 0})
    await sandbox.define(HASH, seconds_to_ready=100, **FILM)
    reply = await api(sandbox, "POST", "jobs", data={"magnet": magnet(HASH.upper(), "Said")})
    assert reply.status == 202
    made = reply.json
    assert uuid.UUID(made["id"]).version == 7
    assert (made["info_hash"], made["name"], made["source"]) == (HASH, "Said", "torrent")
    assert not {"files", "stream_urls", "progress", "speed", "error"} & set(made)
    seen = []
    for step in (0, 50, 41, 8, 1):
        await sandbox.advance(step)
        job = (await api(sandbox, "GET", f"jobs/{made['id']}")).json
        seen.append(job["status"])
        if job["status"] == "downloading":
            assert (job["progress"], job["speed"]) == (50.0, 63)
            finer = (await api(sandbox, "GET", f"jobs/{made['id']}/progress")).json
            assert (finer["progress"], finer["state"]) == (50.0, "downloading")
            early = await api(sandbox, "POST", f"jobs/{made['id']}/sign")
            assert (early.status, early.json) == (400, {"error": "job not complete"})
            assert (await api(sandbox, "GET", f"jobs/{made['id']}/zip")).status == 409
    assert seen == ["pending", "downloading", "processing", "publishing", "complete"]
    assert [file["index"] for file in job["files"]] == [0, 1]
    assert [row["file_name"] for row in job["stream_urls"]] == ["Film.mkv", "sub/Film.srt"]
    again = await api(sandbox, "POST", "jobs", data={"magnet": HASH})
    assert (again.status, again.json["id"]) == (200, made["id"])


async def test_links_are_signed_for_a_day(sandbox: Caller):
    await sandbox.define(HASH, cached_on=["torrin"], **FILM)
    job = await submit(sandbox, HASH)
    assert job["status"] == "complete"
    old = job["stream_urls"][0]["signed_url"]
    truth = await sandbox.control("GET", f"/content/{HASH}")
    assert hashlib.sha256((await sandbox.call("GET", old)).body).hexdigest() == truth["files"][0]["sha256"]
    await sandbox.advance(86_401)
    assert (await sandbox.call("GET", old)).status == 403
    signed = (await api(sandbox, "POST", f"jobs/{job['id']}/sign")).json
    assert signed["job_id"] == job["id"]
    assert (await sandbox.call("HEAD", signed["streams"][0]["signed_url"])).status == 200
    packed = await api(sandbox, "GET", f"jobs/{job['id']}/zip")
    assert packed.status == 307
    assert (await sandbox.call("HEAD", packed.headers["location"])).headers["content-length"] == "5041"


async def test_what_can_be_submitted(sandbox: Caller):
    await unlimited(sandbox)
    for text, text_hash, source in (
        (HASH.upper(), HASH, "torrent"),
        ("https://video.test/1", hashlib.sha1(b"https://video.test/1").hexdigest(), "ytdlp"),
    ):
        job = await submit(sandbox, text)
        assert (job["info_hash"], job["source"]) == (text_hash, source)
    url = "https://1fichier.com/?x"
    hoster = (await api(sandbox, "POST", "jobs/hoster", data={"url": url})).json
    assert (hoster["info_hash"], hoster["source"]) == (hashlib.sha256(url.encode()).hexdigest()[:40], "hoster")
    usenet = await api(sandbox, "POST", "jobs/nzb?name=Said", body=NZB)
    assert (usenet.status, usenet.json["source"], usenet.json["name"]) == (202, "usenet", "Said")
    assert (await api(sandbox, "POST", "add", body=b"magnet:?xt=urn:btih:" + b"ab" * 20)).json["source"] == "torrent"
    own = await api(sandbox, "POST", "add", parts=[("file", "own.torrent", torrent())])
    assert own.json["info_hash"] == hashlib.sha1(torrent_info()).hexdigest()
    assert (await api(sandbox, "POST", "add", parts=[("file", "x.nzb", NZB + b" ")])).json["source"] == "usenet"


@pytest.mark.parametrize(
    ("to", "sent", "status", "text"),
    [
        ("jobs", {"data": {}}, 400, "magnet required"),
        ("jobs", {"body": b"magnet=x"}, 400, "magnet required"),
        ("jobs", {"data": {"magnet": "nonsense"}}, 400, "cannot extract infohash"),
        ("jobs/hoster", {"data": {}}, 400, "url required"),
        ("jobs/hoster", {"data": {"url": "nonsense"}}, 400, "invalid url"),
        ("jobs/nzb", {"body": b"nonsense"}, 400, "invalid nzb file"),
        ("availability", {"data": {}}, 400, "hashes required"),
        ("availability", {"data": {"hashes": [HASH] * 101}}, 400, "max 100 hashes"),
    ],
)
async def test_bad_input(sandbox: Caller, to: str, sent: dict[str, Any], status: int, text: str):
    reply = await api(sandbox, "POST", to, **sent)
    assert (reply.status, reply.json) == (status, {"error": text})


async def test_plans_and_slots(sandbox: Caller):
    await sandbox.define("cd" * 20, blocked_on=["torrin"])
    for key, sent, status, words in (
        ("sandbox-paused-x", ("jobs", {"data": {"magnet": HASH}}), 403, "subscription paused"),
        ("sandbox-expired-x", ("jobs", {"data": {"magnet": HASH}}), 403, "free trial expired"),
        ("sandbox-free-x", ("jobs/hoster", {"data": {"url": "https://x.test/"}}), 403, "hoster links require a paid"),
        ("sandbox-starter-x", ("jobs/nzb", {"body": NZB}), 403, "usenet needs your own provider"),
        (TOKEN, ("jobs", {"data": {"magnet": "cd" * 20}}), 403, "content blocked by safety policy"),
    ):
        reply = await api(sandbox, "POST", sent[0], key, **sent[1])
        assert (reply.status, reply.json["error"].startswith(words)) == (status, True)
    for number in range(4):
        await submit(sandbox, f"{number:040x}")
    full = await api(sandbox, "POST", "jobs", data={"magnet": HASH})
    assert (full.status, full.json["error"]) == (429, "slot limit reached (4/4)")
    assert "retry-after" not in full.headers
    await sandbox.define(HASH, cached_on=["torrin"])
    await submit(sandbox, HASH)
    full = await store(sandbox, "POST", "magnets", data={"magnet": "ab" * 20})
    assert (full.status, full.json["error"]) == (429, {"code": 429, "message": "download queue full"})


async def test_an_empty_list_is_null(sandbox: Caller):
    reply = await api(sandbox, "GET", "jobs")
    assert (reply.status, reply.body) == (200, b"null")


async def test_keyset_paging(sandbox: Caller):
    await unlimited(sandbox)
    await sandbox.control("POST", "/clock", {"rate": 0})
    made = []
    for number in range(7):
        made.append((await submit(sandbox, f"{number:040x}"))["id"])
        await sandbox.advance(0.5 if number % 2 else 0)
    seen: list[dict[str, Any]] = []
    query: dict[str, Any] = {"limit": 2}
    while rows := (await api(sandbox, "GET", "jobs", query=query)).json:
        seen += rows
        query = {"limit": 2, "before": rows[-1]["created_at"], "before_id": rows[-1]["id"]}
        await submit(sandbox, f"{len(seen):02}" + "e" * 38)
    old = [row["id"] for row in seen if row["id"] in made]
    assert sorted(old) == sorted(made)
    assert [row["created_at"] for row in seen] == sorted((row["created_at"] for row in seen), reverse=True)
    wrong = await api(sandbox, "GET", "jobs", query={"before": "yesterday"})
    assert (wrong.status, wrong.json) == (400, {"error": "invalid before cursor"})
    nano = seen[0]["created_at"].rstrip("Z").partition(".")[0] + ".000000000Z"
    assert (await api(sandbox, "GET", "jobs", query={"before": nano})).status == 200


async def test_failed_evicted_and_retried(sandbox: Caller):
    await sandbox.define(HASH, dies=True, seconds_to_ready=2)
    job = await submit(sandbox, HASH)
    refused = await api(sandbox, "POST", f"jobs/{job['id']}/retry")
    assert (refused.status, refused.json["error"]) == (409, "only failed or evicted jobs can be retried")
    await sandbox.advance(2)
    failed = (await api(sandbox, "GET", f"jobs/{job['id']}")).json
    assert (failed["status"], bool(failed["error"])) == ("failed", True)
    assert (await submit(sandbox, HASH))["id"] != job["id"]
    retried = await api(sandbox, "POST", f"jobs/{job['id']}/retry")
    assert (retried.status, retried.json["status"]) == (202, "pending")
    await sandbox.define(HASH, seconds_to_ready=2, **FILM)
    await sandbox.advance(31 * 86_400)
    assert (await api(sandbox, "GET", f"jobs/{job['id']}")).json["status"] == "evicted"
    assert (await api(sandbox, "POST", f"jobs/{job['id']}/retry")).status == 202
    await sandbox.advance(2)
    assert (await api(sandbox, "GET", f"jobs/{job['id']}")).json["status"] == "complete"
    for to, status in ((job["id"], 202), ("0198f2c4-6d1e-7a33-9b0e-3f5a1c2d4e6f", 404)):
        assert (await api(sandbox, "POST", f"jobs/{to}/recheck")).status == status


async def test_hoster_troubles_show_in_the_job(sandbox: Caller):
    url = "https://1fichier.com/?down"
    await sandbox.control("POST", "/hosters", {"url": url, "state": "down"})
    for wrong in (url, "https://nohost.example/x"):
        job = (await api(sandbox, "POST", "jobs/hoster", data={"url": wrong})).json
        assert (job["status"], bool(job["error"])) == ("failed", True)


async def test_deleted_content_stays_cached_for_all(sandbox: Caller):
    job = await submit(sandbox, HASH)
    await sandbox.advance(3)
    reply = await api(sandbox, "DELETE", f"jobs/{job['id']}", "sandbox-other")
    assert (reply.status, reply.json) == (404, {"error": "job not found"})
    await api(sandbox, "GET", f"jobs/{job['id']}")
    reply = await api(sandbox, "DELETE", f"jobs/{job['id']}")
    assert (reply.status, reply.json) == (200, {"status": "deleted"})
    assert (await api(sandbox, "GET", f"jobs/{job['id']}")).status == 404
    assert (await submit(sandbox, HASH, "sandbox-other"))["status"] == "complete"


async def test_seeding_jobs_have_links_and_stay(sandbox: Caller):
    key = "sandbox-seeding-x"
    job = await submit(sandbox, HASH, key)
    await sandbox.advance(3)
    seeding = (await api(sandbox, "GET", f"jobs/{job['id']}", key)).json
    assert (seeding["status"], len(seeding["stream_urls"])) == ("seeding", 1)
    assert (await api(sandbox, "GET", "me", key)).json["active_slots"] == 1
    assert (await api(sandbox, "DELETE", f"jobs/{job['id']}", key)).status == 409
    assert (await store(sandbox, "DELETE", f"magnets/{job['id']}", key)).status == 409
    assert (await store(sandbox, "GET", f"magnets/{job['id']}", key)).json["data"]["status"] == "downloaded"
    await sandbox.advance(60)
    assert (await api(sandbox, "DELETE", f"jobs/{job['id']}", key)).status == 200


async def test_availability(sandbox: Caller):
    await sandbox.define(HASH, cached_on=["torrin"], **FILM)
    one = (await api(sandbox, "GET", f"availability/{HASH}")).json
    assert (one["available"], one["info_hash"]) == (True, HASH)
    assert set(one["files"][0]) == {"file_name", "size", "url"}
    many = (await api(sandbox, "POST", "availability", data={"hashes": [HASH.upper(), "ab" * 20]})).json
    assert (many[HASH]["available"], many["ab" * 20]) == (True, {"available": False})


async def test_store_check(sandbox: Caller):
    await sandbox.define(HASH, cached_on=["torrin"], **FILM)
    await sandbox.define("aa" * 20, cached_on=["torbox"], name="Other")
    asked = [f"{HASH},{'aa' * 20}", magnet("ff" * 20), "nonsense"]
    reply = await store(sandbox, "GET", "magnets/check", query={"magnet": asked})
    items = reply.json["data"]["items"]
    assert [item["status"] for item in items] == ["cached", "acceleratable", "unknown", "unknown"]
    assert [item["magnet"] for item in items] == [HASH, "aa" * 20, magnet("ff" * 20), "nonsense"]
    assert items[0]["files"][1] | {"link": ""} == {
        "index": 1, "name": "Film.srt", "path": "/sub/Film.srt", "size": 41, "link": "",
    }  # fmt: skip
    assert (items[1]["name"], items[1]["files"], items[2]["hash"]) == ("Other", [], "ff" * 20)
    assert (await store(sandbox, "GET", "magnets/check")).json == {"data": {"items": []}}
    bad = await store(sandbox, "GET", "magnets/check", query={"magnet": HASH, "sid": "x"})
    assert (bad.status, bad.json["error"]["message"]) == (400, "invalid series sid")


async def test_store_magnets(sandbox: Caller):
    await sandbox.control("POST", "/clock", {"rate": 0})
    await sandbox.define(HASH, seconds_to_ready=100, **FILM)
    added = await store(sandbox, "POST", "magnets", data={"magnet": magnet(HASH, "Said")})
    made = added.json["data"]
    assert (added.status, made["status"], made["name"], made["size"], made["files"]) == (200, "queued", "Said", 0, [])
    seen = []
    for step in (0, 50, 45, 5):
        await sandbox.advance(step)
        row = (await store(sandbox, "GET", f"magnets/{made['id']}")).json["data"]
        seen.append(row["status"])
    assert seen == ["queued", "downloading", "downloading", "downloaded"]
    assert (await sandbox.call("HEAD", row["files"][0]["link"])).status == 200
    listed = (await store(sandbox, "GET", "magnets", query={"limit": 0})).json["data"]
    assert (listed["total_items"], listed["items"][0]["id"]) == (1, made["id"])
    link = {"link": row["files"][0]["link"]}
    assert (await store(sandbox, "POST", "link/generate", data=link)).json == {"data": link}
    deleted = await store(sandbox, "DELETE", f"magnets/{made['id']}")
    assert (deleted.status, deleted.body) == (204, b"")
    gone = await store(sandbox, "DELETE", f"magnets/{made['id']}")
    assert (gone.status, gone.json) == (404, {"error": {"code": 404, "message": "not found"}})
    for sent, text in (({}, "magnet required"), ({"magnet": "nonsense"}, "invalid magnet")):
        bad = await store(sandbox, "POST", "magnets", data=sent)
        assert (bad.status, bad.json["error"]["message"]) == (400, text)


async def test_store_dedup(sandbox: Caller):
    first = (await store(sandbox, "POST", "magnets", data={"magnet": HASH})).json["data"]
    assert (await store(sandbox, "POST", "magnets", data={"magnet": HASH})).json["data"]["id"] == first["id"]
    other = (await store(sandbox, "POST", "magnets", "sandbox-other", data={"magnet": HASH})).json["data"]
    assert (other["id"], other["status"], other["size"]) == ("dedup", "queued", 0)
    assert (await store(sandbox, "GET", "magnets/dedup", "sandbox-other")).status == 404
    await sandbox.advance(61)
    other = (await store(sandbox, "POST", "magnets", "sandbox-other", data={"magnet": HASH})).json["data"]
    assert uuid.UUID(other["id"])


async def test_store_newz(sandbox: Caller):
    added = await store(sandbox, "POST", "newz", parts=[("file", "Said.nzb", NZB)])
    made = added.json["data"]
    assert (added.status, set(made), made["hash"]) == (201, {"id", "hash", "status"}, hashlib.sha1(NZB).hexdigest())
    by_link = await store(sandbox, "POST", "newz", data={"link": "https://any.test/x.nzb"})
    assert by_link.status == 201
    assert (await store(sandbox, "POST", "newz", data={"link": "ftp://x"})).status == 502
    assert (await store(sandbox, "POST", "newz", data={})).status == 400
    await sandbox.advance(3)
    row = (await store(sandbox, "GET", f"newz/{made['id']}")).json["data"]
    assert (row["status"], len(row["files"])) == ("downloaded", 1)
    assert (await store(sandbox, "GET", "newz")).json["data"]["total_items"] == 2
    checked = (await store(sandbox, "GET", "newz/check", query={"hash": [made["hash"], "x"]})).json["data"]["items"]
    assert [item["status"] for item in checked] == ["cached", "unknown"]
    deleted = await store(sandbox, "DELETE", f"newz/{made['id']}")
    assert (deleted.status, deleted.json) == (200, {"data": {"id": made["id"]}})
    refused = await store(sandbox, "POST", "newz", "sandbox-starter-x", parts=[("file", "Said.nzb", NZB)])
    assert (refused.status, refused.json["error"]["message"]) == (403, "your plan does not include usenet")


async def test_lapsed_accounts_do_not_reach_the_store(sandbox: Caller):
    for key, words in (("sandbox-expired-x", "subscription expired"), ("sandbox-paused-x", "subscription paused")):
        reply = await store(sandbox, "GET", "user", key)
        assert (reply.status, reply.json["error"]["message"].startswith(words)) == (403, True)
    assert (await store(sandbox, "GET", "user")).json["data"]["subscription_status"] == "premium"


async def test_rates_speak_the_native_shape_everywhere(sandbox: Caller):
    await sandbox.control("POST", "/clock", {"rate": 0})
    for _ in range(90):
        assert (await sandbox.call("GET", "/torrin/v0/health")).status == 200
    reply = await sandbox.call("GET", "/torrin/v0/store/user")
    assert (reply.status, reply.json, reply.headers["retry-after"]) == (429, {"error": "rate limit exceeded"}, "1")
    await sandbox.advance(1)
    assert (await sandbox.call("GET", "/torrin/v0/health")).status == 200


@pytest.mark.parametrize(
    ("fault", "own_status", "text", "store_status"),
    [
        ("server_error", 500, "could not start this download", 500),
        ("quota", 429, "monthly download limit reached, upgrade your plan", 429),
        ("slots_full", 429, "slot limit reached (4/4)", 429),
        ("expired_link", 500, "could not read from cache", 404),
        ("bad_token", 401, "invalid api key", 401),
    ],
)
async def test_faults(sandbox: Caller, fault: str, own_status: int, text: str, store_status: int):
    await sandbox.fault("torrin", fault, times=2, seconds=5)
    own = await api(sandbox, "GET", "me")
    assert (own.status, own.json) == (own_status, {"error": text})
    other = await store(sandbox, "GET", "user")
    assert (other.status, other.json["error"]["code"]) == (store_status, store_status)
    assert "retry-after" not in own.headers
    assert (await api(sandbox, "GET", "me")).status == 200


async def test_limiter_and_missing_paths(sandbox: Caller):
    for seconds, wait in ((4, "4"), (0, None)):
        await sandbox.fault("torrin", "rate_limited", seconds=seconds)
        reply = await store(sandbox, "GET", "user")
        assert (reply.status, reply.json) == (429, {"error": "rate limit exceeded"})
        assert reply.headers.get("retry-after") == wait
    await sandbox.fault("torrin", "gone")
    for reply in (await api(sandbox, "GET", "me"), await api(sandbox, "GET", "nowhere")):
        assert (reply.status, reply.body) == (404, b"404 page not found\n")
    assert (await api(sandbox, "PUT", "me")).status == 405
