"""Premiumize's dialect against its documented shapes and known traps."""

import hashlib
import re
from typing import Any

import pytest
from tests.sandbox.caller import Caller, Reply, magnet, torrent

TOKEN = "sandbox-otter"
HASH = "0f6b0c1e9e1f4d0c8c5a7f3e2d1b0a9988776655"
SHOW = {
    "name": "Example.Show.S01",
    "files": [{"path": "E01.mkv", "size": 5000}, {"path": "Subs/E01.srt", "size": 41}],
}


async def call(sandbox: Caller, to: str, key: str = TOKEN, **form: Any) -> Reply:
    return await sandbox.call("POST", f"/premiumize/api/{to}", token=key, form=form)


async def good(sandbox: Caller, to: str, key: str = TOKEN, **form: Any) -> Any:
    reply = await call(sandbox, to, key, **form)
    assert (reply.status, reply.json.get("status")) == (200, "success"), reply.body
    return reply.json


async def bad(sandbox: Caller, to: str, key: str = TOKEN, **form: Any) -> tuple[str, str]:
    reply = await call(sandbox, to, key, **form)
    assert (reply.status, reply.json["status"]) == (200, "error"), reply.body
    return reply.json.get("code", ""), reply.json["message"]


async def create(sandbox: Caller, src: str, key: str = TOKEN, **more: Any) -> str:
    return str((await good(sandbox, "transfer/create", key, src=src, **more))["id"])


async def rows(sandbox: Caller, key: str = TOKEN) -> list[dict[str, Any]]:
    return list((await good(sandbox, "transfer/list", key))["transfers"])


async def test_errors_come_at_200_and_keys_in_four_places(sandbox: Caller):
    for token in ("", "nonsense"):
        assert (await bad(sandbox, "account/info", token))[0] == "authentication_failed"
    assert (await bad(sandbox, "account/info", "sandbox-locked-x"))[0] == "permission_denied"
    path = "/premiumize/api/account/info"
    for query in ({"apikey": TOKEN}, {"pin": TOKEN, "customer_id": "1"}):
        for method in ("GET", "POST"):
            assert (await sandbox.call(method, path, query=query)).json["status"] == "success"
        assert (await sandbox.call("POST", path, form=query)).json["status"] == "success"
    assert (await sandbox.call("GET", path, token=TOKEN)).json["status"] == "success"


async def test_account(sandbox: Caller):
    info = await good(sandbox, "account/info")
    assert set(info) == {"status", "customer_id", "premium_until", "limit_used", "booster_points", "space_used"}
    assert info["customer_id"].isdigit()
    assert (await good(sandbox, "account/info", "sandbox-free-x"))["premium_until"] is None
    lapsed = await good(sandbox, "account/info", "sandbox-expired-x")
    assert 0 < lapsed["premium_until"] < info["premium_until"] - 100 * 86_400
    for path, form in (("transfer/create", {"src": magnet(HASH)}), ("transfer/directdl", {"src": magnet(HASH)})):
        assert await bad(sandbox, path, "sandbox-expired-x", **form) == ("permission_denied", "Account not premium.")


async def test_a_show_moves_into_a_folder_of_its_own(sandbox: Caller):
    await sandbox.control("POST", "/clock", {"rate": 0})
    await sandbox.define(HASH, seconds_to_ready=100, **SHOW)
    made = await good(sandbox, "transfer/create", src=magnet(HASH, "Said.Name"))
    assert (made["name"], made["type"]) == ("Said.Name", "torrent")
    assert re.fullmatch(r"[\w-]{22}", made["id"])
    assert set(made) == {"status", "id", "name", "type"}
    seen = []
    for step in (0, 50, 45, 5, 60):
        await sandbox.advance(step)
        (row,) = await rows(sandbox)
        seen.append(row["status"])
        assert HASH not in str(row)
        if row["message"] and "from" in row["message"]:
            shape = r"[\d,.]+ KB/s from \d+ peers, [\d.]+ GB of [\d.]+ GB, \d\d:\d\d:\d\d left"
            assert re.fullmatch(shape, row["message"])
            assert row["progress"] == 0.5
    assert seen == ["waiting", "running", "running", "seeding", "finished"]
    assert set(row) == {
        "id", "name", "message", "status", "progress", "src", "folder_id", "file_id", "other_cloud_id",
    }  # fmt: skip
    assert (row["name"], row["file_id"]) == ("Example.Show.S01", None)
    source = await sandbox.call("GET", row["src"], token=TOKEN)
    assert (source.status, source.headers["location"]) == (302, magnet(HASH, "Said.Name"))

    first = await good(sandbox, "folder/list", id=row["folder_id"])
    assert [entry.get("link") for entry in first["content"]] == [None, None]
    entries = {entry["name"]: entry for entry in (await good(sandbox, "folder/list", id=row["folder_id"]))["content"]}
    assert set(entries["Subs"]) == {"id", "name", "type", "created_at"}
    fetched = await sandbox.call("GET", entries["E01.mkv"]["link"])
    truth = await sandbox.control("GET", f"/content/{HASH}")
    assert hashlib.sha256(fetched.body).hexdigest() == truth["files"][0]["sha256"]


async def test_a_single_file_lands_among_others(sandbox: Caller):
    for info_hash in (HASH, "ab" * 20):
        await sandbox.define(
            info_hash, cached_on=["premiumize"], name="one.mkv", files=[{"path": "one.mkv", "size": 7}]
        )
        await create(sandbox, magnet(info_hash))
    second, first = await rows(sandbox)
    assert first["folder_id"] == second["folder_id"] == "0"
    root = await good(sandbox, "folder/list")
    assert [entry["name"] for entry in root["content"]] == ["one.mkv", "one.mkv (1)"]
    assert [entry["id"] for entry in root["content"]] == [first["file_id"], second["file_id"]]
    details = (await call(sandbox, "item/details", id=first["file_id"])).json
    assert "status" not in details
    assert (details["size"], details["folder_id"], details["vcodec"]) == (7, "0", "h264")
    assert len((await sandbox.call("GET", details["link"])).body) == 7
    assert [row["progress"] for row in (second, first)] != [1, 1]


async def test_a_private_folder_gives_the_hash_back(sandbox: Caller):
    folder = (await good(sandbox, "folder/create", name=HASH))["id"]
    assert (await bad(sandbox, "folder/create", name=HASH.upper()))[1] == "This folder already exists."
    await create(sandbox, magnet(HASH), folder_id=folder)
    await sandbox.advance(3)
    (row,) = await rows(sandbox)
    assert row["folder_id"] == folder
    listed = await good(sandbox, "folder/list", id=folder, includebreadcrumbs="true")
    assert (listed["name"], listed["parent_id"], listed["folder_id"]) == (HASH, "0", folder)
    assert [crumb["name"] for crumb in listed["breadcrumbs"]] == ["My Files", HASH]
    assert (await bad(sandbox, "transfer/create", src=magnet("ab" * 20), folder_id="nowhere"))[0] == "not_found"


async def test_sources(sandbox: Caller):
    path = "/premiumize/api/transfer/create"
    for number, part in enumerate(("src", "file")):
        made = await sandbox.call(
            "POST", path, token=TOKEN, parts=[(part, "1.torrent", torrent(b"own%d.mkv" % number))]
        )
        assert (made.json["status"], made.json["type"]) == ("success", "torrent")
    nzb = await sandbox.call("POST", path, token=TOKEN, parts=[("file", "upload.nzb", b"<?xml?><nzb></nzb>")])
    assert (nzb.json["status"], "type" in nzb.json) == ("success", False)
    await create(sandbox, "https://any.test/x.nzb")
    await create(sandbox, "https://1fichier.com/?abc")
    for wrong, code in (
        (HASH, "invalid_request"),
        ("", "invalid_request"),
        ("https://nohost.example/x", "service_unsupported"),
    ):
        assert (await bad(sandbox, "transfer/create", src=wrong))[0] == code
    broken = await sandbox.call("POST", path, token=TOKEN, parts=[("src", "1.torrent", b"d3:fooe")])
    assert broken.json["code"] == "invalid_request"


async def test_a_duplicate_is_an_error_without_an_id(sandbox: Caller):
    await create(sandbox, magnet(HASH))
    reply = await call(sandbox, "transfer/create", src=magnet(HASH.upper(), "other"))
    assert (reply.json["message"], "id" in reply.json) == ("You already added this job.", False)
    await sandbox.define("ab" * 20, dies=True)
    failed = await create(sandbox, magnet("ab" * 20))
    await sandbox.advance(3)
    assert (await rows(sandbox))[0]["status"] == "error"
    await good(sandbox, "transfer/retry", id=failed)
    assert (await rows(sandbox))[0]["status"] == "waiting"
    assert (await bad(sandbox, "transfer/retry", id="x"))[0] == "not_found"


async def test_delete_and_clear_leave_files(sandbox: Caller):
    await sandbox.define(HASH, cached_on=["premiumize"], **SHOW)
    id_ = await create(sandbox, magnet(HASH))
    await good(sandbox, "transfer/delete", id=id_)
    assert await rows(sandbox) == []
    assert (await bad(sandbox, "transfer/delete", id=id_))[0] == "not_found"
    (folder,) = (await good(sandbox, "folder/list"))["content"]
    await good(sandbox, "folder/delete", id=folder["id"])
    assert (await bad(sandbox, "folder/delete", id=folder["id"]))[0] == "not_found"
    assert (await good(sandbox, "item/listall"))["files"] == []
    await create(sandbox, magnet(HASH))
    moving = await create(sandbox, magnet("ab" * 20))
    await good(sandbox, "transfer/clearfinished")
    assert [row["id"] for row in await rows(sandbox)] == [moving]
    assert [file["path"] for file in (await good(sandbox, "item/listall"))["files"]] == [
        "Example.Show.S01/E01.mkv",
        "Example.Show.S01/Subs/E01.srt",
    ]


async def test_cache_check_is_parallel_arrays_with_sizes_as_text(sandbox: Caller):
    await sandbox.define(HASH, cached_on=["premiumize"], **SHOW)
    items = [HASH, "ab" * 20, magnet(HASH.upper())]
    expected = {
        "status": "success",
        "response": [True, False, True],
        "transcoded": [True, False, True],
        "filename": ["Example.Show.S01", None, "Example.Show.S01"],
        "filesize": ["5041", None, "5041"],
    }
    assert await good(sandbox, "cache/check", **{"items[]": items}) == expected
    path = "/premiumize/api/cache/check"
    assert (await sandbox.call("GET", path, token=TOKEN, query={"items[]": items})).json == expected
    assert (await good(sandbox, "cache/check"))["response"] == []
    assert (await sandbox.call("GET", path, token=TOKEN, query={"items[]": [HASH] * 160})).status == 414
    old = await good(sandbox, "cache/check", "sandbox-old-x", **{"items[]": items})
    assert (old["filesize"], old["filename"][1]) == ([5041, "", 5041], "")
    shorter = await good(sandbox, "cache/check", "sandbox-old-x", **{"items[]": items[:2]})
    assert shorter["response"] == [True]


async def test_direct_links_cost_points(sandbox: Caller):
    await sandbox.define(HASH, cached_on=["premiumize"], **SHOW)
    before = (await good(sandbox, "account/info"))["limit_used"]
    await sandbox.define("ab" * 20, cached_on=["premiumize"], files=[{"path": "big.bin", "size": 2**40}])
    direct = await good(sandbox, "transfer/directdl", src=magnet(HASH))
    assert [(row["path"], row["size"]) for row in direct["content"]] == [
        ("Example.Show.S01/E01.mkv", 5000),
        ("Example.Show.S01/Subs/E01.srt", "41"),
    ]
    assert set(direct["content"][0]) == {"path", "size", "link", "stream_link", "transcode_status"}
    assert (direct["filename"], direct["filesize"]) == ("E01.mkv", 5000)
    assert len((await sandbox.call("GET", direct["location"])).body) == 5000
    await good(sandbox, "transfer/directdl", src=magnet("ab" * 20))
    assert (await good(sandbox, "account/info"))["limit_used"] >= before + 1
    assert await bad(sandbox, "transfer/directdl", src=magnet(HASH)) == (
        "account_limit_reached",
        "Fair use limit reached!",
    )
    assert (await bad(sandbox, "transfer/create", src=magnet("cd" * 20)))[0] == "account_limit_reached"
    await sandbox.advance(4 * 86_400)
    await good(sandbox, "transfer/directdl", src=magnet(HASH))


async def test_direct_links_of_hosters(sandbox: Caller):
    link = "https://1fichier.com/?a1b2"
    await sandbox.control("POST", "/hosters", {"url": link, "name": "survey.zip", "size": 734})
    direct = await good(sandbox, "transfer/directdl", src=link)
    assert [row["path"] for row in direct["content"]] == ["survey.zip"]
    await sandbox.control("POST", "/hosters", {"url": link, "state": "down"})
    for wrong, code in (
        (link, "service_down"),
        ("https://nohost.example/x", "service_unsupported"),
        (magnet("ab" * 20), "not_found"),
        ("", "invalid_request"),
    ):
        assert (await bad(sandbox, "transfer/directdl", src=wrong))[0] == code
    services = (await sandbox.call("GET", "/premiumize/api/services/list")).json
    assert set(services) == {"cache", "directdl", "queue", "fairusefactor", "aliases", "regexpatterns"}
    assert "rg.to" in services["aliases"]["rapidgator.net"]


async def test_folders_and_items(sandbox: Caller):
    await sandbox.define(HASH, cached_on=["premiumize"], **SHOW)
    await create(sandbox, magnet(HASH))
    (show,) = (await good(sandbox, "folder/list"))["content"]
    target = (await good(sandbox, "folder/create", name="Target", parent_id="0"))["id"]
    await good(sandbox, "folder/rename", id=show["id"], name="Renamed")
    await good(sandbox, "folder/paste", **{"id": target, "folders[]": show["id"]})
    assert (await bad(sandbox, "folder/paste", **{"id": show["id"], "folders[]": target}))[0] == "not_found"
    listed = await good(sandbox, "folder/list", path="/target/RENAMED")
    assert [entry["name"] for entry in listed["content"]] == ["E01.mkv", "Subs"]
    file = listed["content"][0]
    moved = {"id": "0", "items[0][id]": file["id"], "items[0][type]": "file"}
    await good(sandbox, "folder/paste", **moved)
    found = (await good(sandbox, "folder/search", q="e01"))["content"]
    assert {entry["name"] for entry in found} == {"E01.mkv", "E01.srt"}
    (found,) = (await good(sandbox, "folder/search", q="named"))["content"]
    assert (found["name"], found["type"]) == ("Renamed", "folder")
    archive = (await good(sandbox, "zip/generate", **{"folders[]": target, "files[]": file["id"]}))["location"]
    assert (await sandbox.call("HEAD", archive)).headers["content-length"] == "5041"
    await good(sandbox, "item/rename", id=file["id"], name="new.mkv")
    assert (await bad(sandbox, "item/rename", id=file["id"], name='a"b'))[0] == "invalid_request"
    await good(sandbox, "item/delete", id=file["id"])
    assert (await bad(sandbox, "item/details", id=file["id"]))[0] == "not_found"
    assert (await bad(sandbox, "folder/list", id="nowhere"))[0] == "not_found"
    assert (await bad(sandbox, "folder/uploadinfo"))[0] == "permission_denied"


async def test_slots_and_banned_content(sandbox: Caller):
    await sandbox.control("POST", "/clock", {"rate": 0})
    for number in range(25):
        await create(sandbox, magnet(f"{number:040x}"))
    code, message = await bad(sandbox, "transfer/create", src=magnet(HASH))
    assert (code, message) == (
        "account_limit_reached",
        "You already have a maximum of 25 active downloads in progress!",
    )
    await sandbox.advance(5)
    await sandbox.define(HASH, blocked_on=["premiumize"])
    await create(sandbox, magnet(HASH))
    await sandbox.advance(5)
    (row, *_) = await rows(sandbox)
    assert (row["status"], row["file_id"]) == ("banned", None)


async def test_the_old_generation(sandbox: Caller):
    key = "sandbox-old-x"
    assert isinstance((await good(sandbox, "account/info", key))["customer_id"], int)
    await create(sandbox, magnet(HASH), key)
    assert (await rows(sandbox, key))[0]["src"] == magnet(HASH)
    assert await bad(sandbox, "transfer/create", key, src=magnet(HASH)) == ("", "You already added this job.")


async def test_device_login(sandbox: Caller):
    async def token(**form: str) -> Reply:
        return await sandbox.call("POST", "/premiumize/token", form=form)

    await sandbox.control("POST", "/clock", {"rate": 0})
    device = (await token(response_type="device_code", client_id="1")).json
    assert set(device) == {"device_code", "user_code", "verification_uri", "expires_in", "interval"}
    poll = {"grant_type": "device_code", "code": device["device_code"], "client_id": "1"}
    for expected in ("authorization_pending", "slow_down"):
        pending = await token(**poll)
        assert (pending.status, pending.json["error"], "status" in pending.json) == (400, expected, False)
    await sandbox.call("GET", device["verification_uri"], query={"user_code": device["user_code"]})
    granted = (await token(**poll)).json
    assert granted["token_type"] == "Bearer"
    await good(sandbox, "account/info", granted["access_token"])
    assert (await token(**poll)).json["error"] == "invalid_grant"
    sent = await sandbox.call("GET", "/premiumize/authorize?redirect_uri=http://app.test/back&state=s1")
    back = sent.headers["location"]
    assert back.startswith("http://app.test/back?code=")
    code = back.partition("code=")[2].partition("&")[0]
    assert "access_token" in (await token(grant_type="authorization_code", code=code)).json


@pytest.mark.parametrize(
    ("fault", "code"),
    [
        ("rate_limited", "rate_limit_reached"),
        ("quota", "account_limit_reached"),
        ("slots_full", "account_limit_reached"),
        ("expired_link", "link_generation_failed"),
        ("bad_token", "authentication_failed"),
    ],
)
async def test_faults_at_200(sandbox: Caller, fault: str, code: str):
    await sandbox.fault("premiumize", fault, call="/api/account/info")
    assert (await bad(sandbox, "account/info"))[0] == code
    await good(sandbox, "account/info")


async def test_faults_of_the_server_in_front(sandbox: Caller):
    for fault, more, status, wait in (
        ("rate_limited", {"seconds": 9}, 429, "9"),
        ("rate_limited", {"status": 429}, 429, None),
        ("server_error", {}, 500, None),
        ("server_error", {"status": 521}, 521, None),
        ("gone", {}, 404, None),
    ):
        await sandbox.fault("premiumize", fault, **more)
        reply = await call(sandbox, "account/info")
        assert (reply.status, reply.headers.get("retry-after")) == (status, wait)
        assert not reply.headers["content-type"].startswith("application/json")
    assert (await call(sandbox, "nowhere")).status == 404
