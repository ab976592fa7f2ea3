"""TorBox: what the fact sheet documents, shape by shape."""

import hashlib
import re

import pytest
from tests.sandbox.caller import Caller, magnet, torrent, torrent_info

HASH = "a1" * 20
TOKEN = "sandbox-joe"
ROOT = "/torbox/v1/api"
NZB = b'<?xml version="1.0"?><nzb xmlns="http://www.newzbin.com/DTD/2003/nzb"></nzb>'
FILES = [{"path": "a.mkv", "size": 70_000}, {"path": "s/b.srt", "size": 41}]
LINK = "https://files.test/archive.rar"


async def get(sandbox: Caller, path: str, **more):
    return await sandbox.call("GET", ROOT + path, token=TOKEN, **more)


async def post(sandbox: Caller, path: str, data=None, **more):
    return await sandbox.call("POST", ROOT + path, token=TOKEN, data=data, **more)


async def create(sandbox: Caller, info_hash: str = HASH, **more):
    form = {"magnet": magnet(info_hash), **more}
    return await post(sandbox, "/torrents/createtorrent", form=form)


async def item(sandbox: Caller, group: str = "torrents", number: int = 0):
    query = {"bypass_cache": "true"} | ({"id": number} if number else {})
    data = (await get(sandbox, f"/{group}/mylist", query=query)).json["data"]
    return data if number else data[0]


def says(reply, status: int, error: str):
    assert (reply.status, reply.json["error"], reply.json["success"]) == (status, error, False), reply.body
    assert isinstance(reply.json["detail"], str)


async def test_envelope_and_limit_headers(sandbox: Caller):
    reply = await get(sandbox, "/user/me")
    assert set(reply.json) == {"success", "error", "detail", "data"}
    assert (reply.json["success"], reply.json["error"]) == (True, None)
    assert reply.headers["x-ratelimit-limit"] == "300"
    assert reply.headers["x-ratelimit-remaining"] == "299"
    assert int(reply.headers["x-ratelimit-reset"]) > 1_700_000_000
    assert int(reply.headers["retry-after"]) > 0


async def test_account(sandbox: Caller):
    me = (await get(sandbox, "/user/me")).json["data"]
    assert (me["plan"], me["is_subscribed"]) == (2, True)
    assert re.fullmatch(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", me["auth_id"])
    assert "settings" not in me
    assert "settings" in (await get(sandbox, "/user/me?settings=true")).json["data"]
    free = (await sandbox.call("GET", ROOT + "/user/me", token="sandbox-free-x")).json["data"]
    assert (free["plan"], free["premium_expires_at"]) == (0, None)


async def test_credentials(sandbox: Caller):
    says(await sandbox.call("GET", ROOT + "/user/me"), 403, "NO_AUTH")
    says(await sandbox.call("GET", ROOT + "/user/me", token="nobody"), 403, "BAD_TOKEN")
    says(await sandbox.call("GET", ROOT + "/user/me", token="sandbox-locked-x"), 403, "AUTH_ERROR")


async def test_open_calls(sandbox: Caller):
    assert (await sandbox.call("GET", "/torbox/")).status == 200
    assert (await sandbox.call("GET", ROOT + "/stats")).json["error"] is False
    row = (await sandbox.call("GET", ROOT + "/webdl/hosters")).json["data"][0]
    assert row["domains"] == ["1fichier.com", "alterupload.com"]
    assert "daily_link_used" not in row
    assert "daily_link_used" in (await get(sandbox, "/webdl/hosters")).json["data"][0]
    info = (await sandbox.call("GET", ROOT + f"/torrents/torrentinfo?hash={HASH}")).json["data"]
    assert set(info) == {"name", "hash", "size", "trackers", "seeds", "peers", "files"}
    says(await sandbox.call("GET", ROOT + "/torrents/torrentinfo?hash=x"), 500, "INVALID_HASH")
    says(await sandbox.call("POST", ROOT + "/torrents/magnettofile", data={}), 500, "TEMPORARILY_DISABLED")


async def test_unknown_paths_and_methods(sandbox: Caller):
    says(await get(sandbox, "/no/such"), 404, "ENDPOINT_NOT_FOUND")
    assert (await sandbox.call("DELETE", ROOT + "/torrents/controltorrent/5", token=TOKEN)).status == 404
    wrong = await sandbox.call("DELETE", ROOT + "/torrents/controltorrent", token=TOKEN)
    assert (wrong.status, wrong.json) == (405, {"detail": "Method Not Allowed"})


async def test_an_empty_list_is_a_404_that_succeeded(sandbox: Caller):
    for group in ("torrents", "usenet", "webdl"):
        reply = await get(sandbox, f"/{group}/mylist")
        assert reply.status == 404
        assert (reply.json["success"], reply.json["error"]) == (True, "ITEM_NOT_FOUND")
        assert reply.json["data"] is None
    queued = await get(sandbox, "/queued/getqueued")
    assert (queued.status, queued.json["data"]) == (404, [])
    assert (await get(sandbox, "/torrents/mylist?id=5")).status == 404


async def test_an_uncached_torrent_moves(sandbox: Caller):
    await sandbox.define(HASH, name="Film", files=FILES, seconds_to_ready=100)
    made = await create(sandbox, name="Mine")
    assert made.json["detail"] == "Torrent Added Successfully"
    number = made.json["data"]["torrent_id"]
    assert isinstance(number, int)
    assert made.json["data"]["hash"] == HASH
    seen = [await item(sandbox, number=number)]
    for step in (40, 51, 9):
        await sandbox.advance(step)
        seen.append(await item(sandbox, number=number))
    assert [one["download_state"] for one in seen] == ["metaDL", "downloading", "completed", "uploading"]
    assert [one["download_finished"] for one in seen] == [False, False, True, True]
    assert [one["download_present"] for one in seen] == [False, False, False, True]
    assert seen[0]["files"] == []
    assert 0 < seen[1]["progress"] < 1
    assert (seen[3]["progress"], seen[3]["size"]) == (1.0, 70_041)
    assert seen[3]["expires_at"]
    file = seen[3]["files"][1]
    assert (file["id"], file["name"], file["short_name"], file["size"]) == (1, "Film/s/b.srt", "b.srt", 41)


async def test_list_items_have_the_documented_members(sandbox: Caller):
    await create(sandbox)
    expected = (
        "id auth_id server hash name magnet size active created_at updated_at download_state seeds peers ratio "
        "progress download_speed upload_speed eta torrent_file expires_at download_present files download_path "
        "availability download_finished tracker total_uploaded total_downloaded cached owner seed_torrent "
        "allow_zipped long_term_seeding tracker_message cached_at private alternative_hashes tags airlocked"
    )
    assert set(await item(sandbox)) == set(expected.split())


async def test_a_cached_torrent_is_ready_at_once(sandbox: Caller):
    await sandbox.define(HASH, files=FILES, cached_on=["torbox"])
    made = await create(sandbox)
    assert "Found Cached" in made.json["detail"]
    found = await item(sandbox)
    assert (found["download_state"], found["active"], found["cached"], found["progress"]) == ("cached", False, True, 1)
    assert found["download_finished"]
    assert found["download_present"]


async def test_a_dying_torrent(sandbox: Caller):
    await sandbox.define(HASH, dies=True)
    await create(sandbox)
    await sandbox.advance(3)
    found = await item(sandbox)
    assert found["download_state"].startswith("failed")
    assert not found["download_finished"]


async def test_uploads_and_bad_input(sandbox: Caller):
    made = await post(sandbox, "/torrents/createtorrent", parts=[("file", "x.torrent", torrent())])
    assert made.json["data"]["hash"] == hashlib.sha1(torrent_info()).hexdigest()
    says(await post(sandbox, "/torrents/createtorrent", form={}), 400, "MISSING_REQUIRED_OPTION")
    both = [("file", "x.torrent", torrent()), ("magnet", "", magnet(HASH).encode())]
    says(await post(sandbox, "/torrents/createtorrent", parts=both), 400, "TOO_MANY_OPTIONS")
    says(await post(sandbox, "/torrents/createtorrent", form={"magnet": "x"}), 400, "BOZO_TORRENT")
    broken = [("file", "x.torrent", b"d3:foo")]
    says(await post(sandbox, "/torrents/createtorrent", parts=broken), 400, "BOZO_TORRENT")
    says(await create(sandbox, add_only_if_cached="true"), 400, "DOWNLOAD_NOT_CACHED")
    await sandbox.define(HASH, blocked_on=["torbox"])
    says(await create(sandbox), 400, "NOT_ALLOWED")
    await sandbox.define(HASH, files=[{"path": "huge", "size": 1 << 40}])
    says(await create(sandbox), 400, "DOWNLOAD_TOO_LARGE")


async def test_adding_twice(sandbox: Caller):
    first = (await create(sandbox)).json["data"]["torrent_id"]
    says(await create(sandbox), 400, "DIFF_ISSUE")
    await sandbox.advance(3)
    assert (await create(sandbox)).json["data"]["torrent_id"] == first


async def test_async_create_says_nothing(sandbox: Caller):
    for text in (magnet(HASH), "broken"):
        reply = await post(sandbox, "/torrents/asynccreatetorrent", form={"magnet": text})
        assert (reply.status, reply.json["data"]) == (200, None)
    assert (await item(sandbox))["hash"] == HASH


async def test_slots_and_the_queue(sandbox: Caller):
    for number in range(10):
        assert (await create(sandbox, f"{number:040x}")).status == 200
    full = await create(sandbox)
    says(full, 400, "ACTIVE_LIMIT")
    assert full.json["data"] == {"active_limit": 10, "current_active_downloads": 10}
    queued = (await create(sandbox, as_queued="true")).json["data"]
    assert "torrent_id" not in queued
    row = (await get(sandbox, "/queued/getqueued")).json["data"][0]
    assert (row["id"], row["hash"], row["type"]) == (queued["queued_id"], HASH, "torrent")
    assert set(row) >= {"magnet", "torrent_file", "name_override", "seed_torrent_override", "created_at"}
    hashes = [one["hash"] for one in (await get(sandbox, "/torrents/mylist")).json["data"]]
    assert HASH not in hashes
    await sandbox.advance(6)
    assert (await get(sandbox, "/torrents/getqueued")).status == 404
    started = await item(sandbox)
    assert started["hash"] == HASH
    assert started["id"] != queued["queued_id"]


async def test_queue_control(sandbox: Caller):
    for number in range(3):
        await create(sandbox, f"{number:040x}", as_queued="true")
    rows = (await get(sandbox, "/queued/getqueued?type=torrent&limit=2")).json["data"]
    assert len(rows) == 2
    one = rows[0]["id"]
    assert (await get(sandbox, f"/queued/getqueued?id={one}")).json["data"]["id"] == one
    started = await post(sandbox, "/queued/controlqueued", {"queued_id": one, "operation": "start"})
    assert started.status == 200
    assert (await item(sandbox))["hash"] == rows[0]["hash"]
    says(await post(sandbox, "/queued/controlqueued", {"queued_id": one, "operation": "start"}), 409, "NOT_OWNER")
    says(await post(sandbox, "/queued/controlqueued", {"operation": "delete"}), 400, "MISSING_REQUIRED_OPTION")
    says(await post(sandbox, "/queued/controlqueued", {"operation": "start", "all": True}), 400, "INVALID_OPTION")
    await post(sandbox, "/queued/controlqueued", {"operation": "delete", "all": True})
    assert (await get(sandbox, "/queued/getqueued")).status == 404
    says(await get(sandbox, "/queued/getqueued?type=rss"), 400, "INVALID_OPTION")


async def test_paging_is_youngest_first(sandbox: Caller):
    for number in range(5):
        await create(sandbox, f"{number:040x}")
    seen = []
    for offset in (0, 2, 4):
        rows = (await get(sandbox, f"/torrents/mylist?offset={offset}&limit=2&bypass_cache=true")).json["data"]
        seen += [row["hash"] for row in rows]
    assert seen == [f"{number:040x}" for number in range(4, -1, -1)]
    assert (await get(sandbox, "/torrents/mylist?offset=6")).status == 404
    wrong = await get(sandbox, "/torrents/mylist?limit=x")
    assert wrong.status == 422
    assert wrong.json["detail"][0]["loc"] == ["query", "limit"]


async def test_the_list_is_ten_minutes_old_without_bypass(sandbox: Caller):
    await create(sandbox)
    number = (await get(sandbox, "/torrents/mylist")).json["data"][0]["id"]
    await sandbox.advance(10)
    assert (await get(sandbox, "/torrents/mylist")).json["data"][0]["download_state"] == "metaDL"
    assert (await get(sandbox, f"/torrents/mylist?id={number}")).json["data"]["download_state"] == "uploading"
    assert (await item(sandbox))["download_state"] == "uploading"
    await create(sandbox, "b2" * 20)
    assert len((await get(sandbox, "/torrents/mylist")).json["data"]) == 2
    await sandbox.advance(600)
    rows = (await get(sandbox, "/torrents/mylist")).json["data"]
    assert {row["download_state"] for row in rows} == {"uploading"}


async def test_control(sandbox: Caller):
    number = (await create(sandbox)).json["data"]["torrent_id"]
    path = "/torrents/controltorrent"
    for operation in ("reannounce", "resume", "stop_seeding"):
        assert (await post(sandbox, path, {"torrent_id": number, "operation": operation})).status == 200
    says(await post(sandbox, path, {"torrent_id": number, "operation": "pause"}), 400, "INVALID_OPTION")
    says(await post(sandbox, path, {"operation": "delete"}), 400, "MISSING_REQUIRED_OPTION")
    assert (await post(sandbox, path, {"torrent_id": number})).status == 422
    gone = await post(sandbox, path, {"torrent_id": number, "operation": "delete", "all": False})
    assert (gone.status, gone.json["data"]) == (200, None)
    says(await post(sandbox, path, {"torrent_id": number, "operation": "delete"}), 409, "NOT_OWNER")
    await create(sandbox, "b2" * 20)
    assert (await post(sandbox, path, {"operation": "delete", "all": True})).status == 200
    assert (await get(sandbox, "/torrents/mylist")).status == 404


async def test_edit_and_export(sandbox: Caller):
    number = (await create(sandbox)).json["data"]["torrent_id"]
    await sandbox.advance(3)
    path = ROOT + "/torrents/edittorrent"
    says(await sandbox.call("PUT", path, token=TOKEN, data={"torrent_id": number}), 500, "NO_CHANGES")
    long = {"torrent_id": number, "name": "x" * 300}
    says(await sandbox.call("PUT", path, token=TOKEN, data=long), 500, "NAME_TOO_LONG")
    edited = {"torrent_id": number, "name": "New", "tags": ["a"]}
    assert (await sandbox.call("PUT", path, token=TOKEN, data=edited)).status == 200
    assert ((await item(sandbox))["name"], (await item(sandbox))["tags"]) == ("New", ["a"])
    exported = await get(sandbox, f"/torrents/exportdata?torrent_id={number}&type=magnet")
    assert HASH in exported.json["data"]


async def test_cache_check(sandbox: Caller):
    await sandbox.define(HASH, name="Film", files=FILES, cached_on=["torbox"])
    other = "b2" * 20
    plain = await get(sandbox, f"/torrents/checkcached?hash={HASH.upper()},{other}")
    assert plain.json["data"] == {HASH: {"name": "Film", "size": 70_041, "hash": HASH}}
    listed = await post(sandbox, "/torrents/checkcached?format=list&list_files=true", {"hashes": [HASH, other]})
    assert [row["hash"] for row in listed.json["data"]] == [HASH]
    assert listed.json["data"][0]["files"][0]["name"] == "Film/a.mkv"
    repeated = await get(sandbox, f"/torrents/checkcached?hash={other}&hash={HASH}")
    assert set(repeated.json["data"]) == {HASH}
    assert (await get(sandbox, f"/torrents/checkcached?hash={other}")).json["data"] == {}
    says(await get(sandbox, f"/torrents/checkcached?hash={HASH}&format=tree"), 400, "INVALID_OPTION")
    assert (await get(sandbox, "/torrents/checkcached")).status == 422


async def test_requestdl(sandbox: Caller):
    await sandbox.define(HASH, name="Film", files=FILES)
    number = (await create(sandbox)).json["data"]["torrent_id"]
    path = f"{ROOT}/torrents/requestdl"
    early = await sandbox.call("GET", path, query={"token": TOKEN, "torrent_id": number})
    says(early, 500, "DATABASE_ERROR")
    await sandbox.advance(3)
    one = await sandbox.call("GET", path, query={"token": TOKEN, "torrent_id": number, "file_id": 1})
    body = (await sandbox.call("GET", one.json["data"])).body
    truth = (await sandbox.control("GET", f"/content/{HASH}"))["files"][1]["sha256"]
    assert hashlib.sha256(body).hexdigest() == truth
    default = await sandbox.call("GET", path, query={"token": TOKEN, "torrent_id": number})
    assert default.json["data"].endswith("/a.mkv")
    moved = await sandbox.call("GET", path, query={"token": TOKEN, "torrent_id": number, "redirect": "true"})
    assert moved.status == 307
    assert moved.headers["location"].startswith(sandbox.url + "/files/torbox/")
    zipped = await sandbox.call("GET", path, query={"token": TOKEN, "torrent_id": number, "zip_link": "true"})
    assert zipped.json["data"].endswith(".zip")
    says(
        await sandbox.call("GET", path, query={"token": TOKEN, "torrent_id": number, "file_id": 9}),
        404,
        "ITEM_NOT_FOUND",
    )
    says(await sandbox.call("GET", path, query={"token": TOKEN, "torrent_id": 1}), 404, "ITEM_NOT_FOUND")
    says(await sandbox.call("GET", path, query={"token": "sandbox-b", "torrent_id": number}), 409, "NOT_OWNER")
    says(await sandbox.call("GET", path, query={"token": "nobody", "torrent_id": number}), 403, "BAD_TOKEN")
    missing = await sandbox.call("GET", path, query={"torrent_id": number})
    assert missing.json["detail"][0]["loc"] == ["query", "token"]
    wrong = await sandbox.call("GET", path, query={"token": TOKEN, "torrent_id": "abc"})
    assert wrong.status == 422
    await sandbox.advance(3 * 3600)
    assert (await sandbox.call("GET", one.json["data"])).status == 404


async def test_web_downloads(sandbox: Caller):
    await sandbox.control("POST", "/hosters", {"url": LINK, "name": "archive.rar", "size": 900})
    made = await post(sandbox, "/webdl/createwebdownload", form={"link": LINK})
    digest = hashlib.md5(LINK.encode()).hexdigest()
    assert made.json["data"]["hash"] == digest
    number = made.json["data"]["webdownload_id"]
    await sandbox.advance(3)
    found = await item(sandbox, "webdl", number)
    assert (found["hash"], found["download_state"], found["original_url"]) == (digest, "completed", LINK)
    assert found["files"][0]["name"] == "archive.rar"
    query = {"token": TOKEN, "web_id": number, "file_id": 0}
    link = await sandbox.call("GET", f"{ROOT}/webdl/requestdl", query=query)
    truth = (await sandbox.control("GET", f"/hosters?url={LINK}"))["sha256"]
    assert hashlib.sha256((await sandbox.call("GET", link.json["data"])).body).hexdigest() == truth
    bad = {"webdl_id": number, "operation": "resume"}
    says(await post(sandbox, "/webdl/controlwebdownload", bad), 400, "INVALID_OPTION")
    gone = {"webdl_id": number, "operation": "delete"}
    assert (await post(sandbox, "/webdl/controlwebdownload", gone)).status == 200


async def test_web_links_that_fail(sandbox: Caller):
    path = "/webdl/createwebdownload"
    says(await post(sandbox, path, form={"link": "nothing"}), 400, "INVALID_LINK")
    says(await post(sandbox, path, form={"link": "https://nobody.test/x"}), 400, "UNSUPPORTED_SITE")
    await sandbox.control("POST", "/hosters", {"url": LINK, "state": "down"})
    says(await post(sandbox, path, form={"link": LINK}), 400, "LINK_OFFLINE")
    assert (await post(sandbox, path, form={})).status == 422


async def test_defined_web_content_on_any_host(sandbox: Caller):
    url = "https://own.example/video"
    content = {"url": url, "name": "Video", "files": FILES, "cached_on": ["torbox"]}
    await sandbox.control("POST", "/content", content)
    made = await post(sandbox, "/webdl/createwebdownload", form={"link": url})
    assert "Found Cached" in made.json["detail"]
    digest = made.json["data"]["hash"]
    assert set((await get(sandbox, f"/webdl/checkcached?hash={digest}")).json["data"]) == {digest}
    assert [row["name"] for row in (await item(sandbox, "webdl"))["files"]] == ["Video/a.mkv", "Video/s/b.srt"]


async def test_usenet(sandbox: Caller):
    path = "/usenet/createusenetdownload"
    made = await post(sandbox, path, parts=[("file", "Show.nzb", NZB)])
    assert made.json["data"]["hash"] == hashlib.md5(NZB).hexdigest()
    number = made.json["data"]["usenetdownload_id"]
    await sandbox.advance(2.8)
    assert (await item(sandbox, "usenet", number))["download_state"] == "verifying"
    await sandbox.advance(1)
    found = await item(sandbox, "usenet", number)
    assert found["download_id"].startswith("SABnzbd_nzo_")
    assert "magnet" not in found
    query = {"token": TOKEN, "usenet_id": number}
    assert (await sandbox.call("GET", f"{ROOT}/usenet/requestdl", query=query)).status == 200
    assert (await post(sandbox, path, form={"link": "https://nzb.test/a.nzb"})).status == 200
    says(await post(sandbox, path, form={}), 400, "MISSING_REQUIRED_OPTION")
    both = [("file", "x.nzb", NZB), ("link", "", b"https://nzb.test/b.nzb")]
    says(await post(sandbox, path, parts=both), 400, "INVALID_OPTION")
    says(await post(sandbox, path, parts=[("file", "x.nzb", b"zip")]), 400, "BOZO_NZB")
    free = await sandbox.call("POST", ROOT + path, token="sandbox-free-x", form={"link": "https://nzb.test/a"})
    says(free, 403, "PLAN_RESTRICTED_FEATURE")
    for operation in ("pause", "resume", "delete"):
        told = {"usenet_id": number, "operation": operation}
        assert (await post(sandbox, "/usenet/controlusenetdownload", told)).status == 200


async def test_the_three_number_spaces_do_not_mix(sandbox: Caller):
    await create(sandbox)
    torrent_id = (await item(sandbox))["id"]
    assert (await get(sandbox, f"/usenet/mylist?id={torrent_id}")).status == 404
    assert (await get(sandbox, f"/webdl/mylist?id={torrent_id}")).status == 404


async def test_device_login(sandbox: Caller):
    started = (await sandbox.call("GET", ROOT + "/user/auth/device/start?app=x")).json["data"]
    asked = {"device_code": started["device_code"]}
    path = ROOT + "/user/auth/device/token"
    says(await sandbox.call("POST", path, data=asked), 400, "DEVICE_CODE_NOT_USED")
    await sandbox.advance(10)
    key = (await sandbox.call("POST", path, data=asked)).json["data"]["access_token"]
    assert (await sandbox.call("GET", ROOT + "/user/me", token=key)).status == 200
    await sandbox.advance(600)
    says(await sandbox.call("POST", path, data=asked), 404, "ITEM_NOT_FOUND")


async def test_sixty_uncached_adds_an_hour(sandbox: Caller):
    await sandbox.control("POST", "/clock", {"rate": 0})
    for number in range(60):
        if number % 10 == 0:
            await sandbox.advance(5)
        assert (await create(sandbox, f"{number:040x}")).status == 200
    refused = await create(sandbox, "c3" * 20)
    assert refused.status == 429
    assert refused.json == {"success": None, "error": None, "detail": "60 per 1 hour", "data": None}
    assert int(refused.headers["retry-after"]) > 3000
    await sandbox.define(HASH, cached_on=["torbox"])
    assert (await create(sandbox)).status == 200
    await sandbox.advance(3601)
    assert (await create(sandbox, "c3" * 20)).status == 200


async def test_three_hundred_a_minute_for_each_path(sandbox: Caller):
    await sandbox.control("POST", "/clock", {"rate": 0})
    for _ in range(300):
        await get(sandbox, "/user/me")
    refused = await get(sandbox, "/user/me")
    assert (refused.status, refused.json["detail"]) == (429, "300 per 1 minute")
    assert refused.headers["retry-after"] == "60"
    assert (await get(sandbox, "/torrents/mylist")).status == 404
    await sandbox.advance(60)
    assert (await get(sandbox, "/user/me")).status == 200


async def test_a_free_account_has_ten_downloads_a_month(sandbox: Caller):
    for number in range(11):
        form = {"magnet": magnet(f"{number:040x}")}
        reply = await sandbox.call("POST", ROOT + "/torrents/createtorrent", token="sandbox-free-x", form=form)
        await sandbox.advance(3)
    says(reply, 400, "MONTHLY_LIMIT")
    assert reply.json["data"] == {"monthly_limit": 10, "current_downloads": 10}


@pytest.mark.parametrize(
    ("fault", "more", "status", "error"),
    [
        ("server_error", {}, 500, "UNKNOWN_ERROR"),
        ("quota", {}, 400, "MONTHLY_LIMIT"),
        ("quota", {"seconds": 600}, 400, "COOLDOWN_LIMIT"),
        ("slots_full", {}, 400, "ACTIVE_LIMIT"),
        ("bad_token", {}, 403, "BAD_TOKEN"),
        ("gone", {}, 404, "ENDPOINT_NOT_FOUND"),
        ("server_error", {"status": 502}, 502, "UNKNOWN_ERROR"),
    ],
)
async def test_faults_in_its_own_words(sandbox: Caller, fault: str, more: dict, status: int, error: str):
    await sandbox.fault("torbox", fault, **more)
    reply = await get(sandbox, "/user/me")
    says(reply, status, error)
    if more.get("seconds"):
        assert set(reply.json["data"]) == {"cooldown_until", "current_time"}


async def test_rate_limited_with_and_without_retry_after(sandbox: Caller):
    for seconds, header in ((0, None), (9, "9")):
        await sandbox.fault("torbox", "rate_limited", seconds=seconds)
        reply = await get(sandbox, "/user/me")
        assert (reply.status, reply.json["error"], reply.json["success"]) == (429, None, None)
        assert reply.headers.get("retry-after") == header


async def test_link_faults(sandbox: Caller):
    await create(sandbox)
    number = (await item(sandbox))["id"]
    await sandbox.advance(3)
    path = f"{ROOT}/torrents/requestdl?token={TOKEN}&torrent_id={number}"
    await sandbox.fault("torbox", "server_error", call="/v1/api/torrents/requestdl")
    says(await sandbox.call("GET", path), 500, "DATABASE_ERROR")
    await sandbox.fault("torbox", "expired_link", call="*/requestdl")
    says(await sandbox.call("GET", path), 404, "ITEM_NOT_FOUND")
    assert (await sandbox.call("GET", path)).status == 200
    shown = (await sandbox.calls("torbox"))[-1]
    assert TOKEN not in str(shown)
    assert shown["token"] == "…-joe"
