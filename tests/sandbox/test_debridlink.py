"""Debrid-Link's dialect against its documented shapes and known traps."""

import hashlib
import json
import re
from typing import Any

import pytest
from tests.sandbox.caller import Caller, Reply, magnet, torrent

TOKEN = "sandbox-marlow"
HASH = "3f1c8de0a97b52c4466e0d1b7a9f58c2e4d7031a"
ROOT = "/debridlink/api/v2"
SHOW = {
    "name": "Harbour.Lights.S01",
    "files": [{"path": "a/E01.mkv", "size": 5000}, {"path": "b/E01.mkv", "size": 6000}, {"path": "n.txt", "size": 41}],
}


async def call(sandbox: Caller, method: str, to: str, key: str = TOKEN, **more: Any) -> Reply:
    return await sandbox.call(method, f"{ROOT}/{to}", token=key, **more)


async def good(sandbox: Caller, method: str, to: str, key: str = TOKEN, **more: Any) -> Any:
    reply = await call(sandbox, method, to, key, **more)
    assert (reply.status, reply.json["success"]) == (200, True), reply.body
    return reply.json["value"]


async def bad(sandbox: Caller, method: str, to: str, key: str = TOKEN, **more: Any) -> tuple[int, str]:
    reply = await call(sandbox, method, to, key, **more)
    assert reply.json["success"] is False, reply.body
    assert set(reply.json) == {"success", "error", "error_description", "error_id"}
    return reply.status, str(reply.json["error"])


async def add(sandbox: Caller, url: str, key: str = TOKEN, **more: Any) -> Any:
    return await good(sandbox, "POST", "seedbox/add", key, form={"url": url, **more})


async def listing(sandbox: Caller, key: str = TOKEN, **query: Any) -> tuple[list[Any], dict[str, int]]:
    reply = await call(sandbox, "GET", "seedbox/list", key, query=query)
    assert reply.json["success"]
    return reply.json["value"], reply.json["pagination"]


async def test_tokens(sandbox: Caller):
    for key in ("", "nonsense"):
        assert await bad(sandbox, "GET", "account/infos", key) == (401, "badToken")
    assert await bad(sandbox, "GET", "account/infos", "sandbox-locked-x") == (400, "accountLocked")
    assert await good(sandbox, "GET", f"account/infos?access_token={TOKEN}", "")


async def test_account(sandbox: Caller):
    infos = await good(sandbox, "GET", "account/infos")
    assert re.search(r"/user/\d+/sessions", infos["viewSessidUrl"])
    assert "id" not in infos
    assert (infos["accountType"], infos["serverDetected"]) == (1, False)
    assert 100 * 86_400 < infos["premiumLeft"] <= 120 * 86_400
    for key in ("sandbox-free-x", "sandbox-expired-x"):
        other = await good(sandbox, "GET", "account/infos", key)
        assert (other["accountType"], other["premiumLeft"]) == (0, 0)
    assert (await good(sandbox, "GET", "account/infos", "sandbox-server-x"))["serverDetected"] is True
    await good(sandbox, "POST", "account/update", form={"themeDark": "false"})
    assert (await good(sandbox, "GET", "account/infos"))["settings"]["themeDark"] is False


async def test_stored_content_is_there_at_once(sandbox: Caller):
    await sandbox.define(HASH, cached_on=["debridlink"], **SHOW)
    added = await add(sandbox, HASH)
    assert set(added) == {
        "id", "name", "created", "hashString", "uploadRatio", "serverId", "wait", "peersConnected", "status",
        "totalSize", "downloadPercent", "downloadSpeed", "uploadSpeed", "isZip", "srvMaint", "error", "errorString",
        "files", "trackers",
    }  # fmt: skip
    assert (added["status"], added["downloadPercent"], added["hashString"]) == (100, 100, HASH)
    assert re.fullmatch(r"[a-z0-9]{8}", added["id"])
    assert [(file["id"], file["name"]) for file in added["files"]] == [
        (f"{added['id']}-0", "E01.mkv"),
        (f"{added['id']}-1", "E01.mkv"),
        (f"{added['id']}-2", "n.txt"),
    ]
    assert {file["downloaded"] for file in added["files"]} == {False}
    await good(sandbox, "DELETE", f"seedbox/{added['id']}/remove")
    await sandbox.advance(30 * 86_400)
    fetched = await sandbox.call("GET", added["files"][1]["downloadUrl"])
    truth = await sandbox.control("GET", f"/content/{HASH}")
    assert hashlib.sha256(fetched.body).hexdigest() == truth["files"][1]["sha256"]
    assert (await add(sandbox, HASH))["id"] == added["id"]


async def test_a_bare_hash_must_be_stored(sandbox: Caller):
    assert await bad(sandbox, "POST", "seedbox/add", form={"url": HASH}) == (400, "notAddTorrent")
    assert (await listing(sandbox))[0] == []
    assert (await good(sandbox, "GET", "seedbox/limits"))["dayCount"] == {"current": 0, "value": 50}


async def test_a_magnet_moves_through_the_states(sandbox: Caller):
    await sandbox.control("POST", "/clock", {"rate": 0})
    await sandbox.define(HASH, seconds_to_ready=100, **SHOW)
    added = await add(sandbox, magnet(HASH))
    assert (added["name"], added["totalSize"], added["files"]) == ("", 0, [])
    seen = []
    for step in (0, 50, 45, 5):
        await sandbox.advance(step)
        ((row,), _) = await listing(sandbox, ids=added["id"])
        seen.append((row["status"], row["downloadPercent"]))
        activity = (await good(sandbox, "GET", "seedbox/activity"))[added["id"]]
        assert (activity["status"], activity["downloadPercent"]) == seen[-1]
    assert seen == [(1, 0), (4, 50), (6, 99), (100, 100)]


async def test_a_dying_torrent_says_so(sandbox: Caller):
    await sandbox.define(HASH, dies=True)
    await add(sandbox, magnet(HASH))
    await sandbox.advance(3)
    ((row,), _) = await listing(sandbox)
    assert (row["error"] > 0, bool(row["errorString"]), row["downloadPercent"] < 100) == (True, True, True)


@pytest.mark.parametrize("way", ["form", "json", "file"])
async def test_bodies(sandbox: Caller, way: str):
    more: dict[str, Any] = {
        "form": {"form": {"url": magnet(HASH), "wait": "True"}},
        "json": {"data": {"url": magnet(HASH), "wait": True}},
        "file": {"parts": [("file", "own.torrent", torrent()), ("wait", "", b"true")]},
    }[way]
    added = await good(sandbox, "POST", "seedbox/add", **more)
    assert added["wait"] is True
    assert bool(added["files"]) is (way == "file")


async def test_sources_that_are_refused(sandbox: Caller):
    for url, code in (("", "badArguments"), ("nonsense", "notAddTorrent"), ("https://x.test/page", "notAddTorrent")):
        assert await bad(sandbox, "POST", "seedbox/add", form={"url": url}) == (400, code)
    parts = [("file", "own.torrent", b"d3:fooe")]
    assert await bad(sandbox, "POST", "seedbox/add", parts=parts) == (400, "badTorrentFile")
    assert (await add(sandbox, "https://x.test/y.torrent"))["totalSize"] > 0
    await sandbox.define(HASH, blocked_on=["debridlink"])
    assert await bad(sandbox, "POST", "seedbox/add", form={"url": magnet(HASH)}) == (400, "infringingFile")
    for key, expected in (
        ("sandbox-server-x", (403, "serverNotAllowed")),
        ("sandbox-free-x", (400, "freeServerOverload")),
    ):
        assert await bad(sandbox, "POST", "seedbox/add", key, form={"url": magnet("ab" * 20)}) == expected


async def test_adding_again_keeps_the_id_and_moves_to_the_top(sandbox: Caller):
    first = await add(sandbox, magnet(HASH))
    second = await add(sandbox, magnet("ab" * 20))
    assert [row["id"] for row in (await listing(sandbox))[0]] == [second["id"], first["id"]]
    await sandbox.advance(60)
    again = await add(sandbox, magnet(HASH.upper()))
    assert again["id"] == first["id"]
    assert again["created"] >= first["created"] + 60
    assert [row["id"] for row in (await listing(sandbox))[0]] == [first["id"], second["id"]]


async def test_choice_of_files(sandbox: Caller):
    await sandbox.control("POST", "/clock", {"rate": 0})
    await sandbox.define(HASH, **SHOW)
    id_ = (await add(sandbox, magnet(HASH), wait="true"))["id"]
    await sandbox.advance(1)
    ((row,), _) = await listing(sandbox)
    assert (row["wait"], row["status"], len(row["files"])) == (True, 0, 3)
    unwanted = [f"{id_}-0", f"{id_}-2"]
    assert await bad(sandbox, "POST", f"seedbox/{id_}/config", form={"files-unwanted": "x-1"}) == (400, "badArguments")
    answer = await good(sandbox, "POST", f"seedbox/{id_}/config", form={"files-unwanted": json.dumps(unwanted)})
    assert answer == unwanted
    await sandbox.advance(3)
    ((row,), _) = await listing(sandbox)
    assert (row["wait"], row["status"], row["totalSize"]) == (False, 100, 6000)
    assert [file["id"] for file in row["files"]] == [f"{id_}-1"]
    assert await bad(sandbox, "POST", "seedbox/zzzzzzzz/config", form={"files-unwanted": "[]"}) == (400, "badId")


async def test_paging(sandbox: Caller):
    await sandbox.control("POST", "/limits", {"provider": "debridlink", "enabled": False})
    ids = [(await add(sandbox, magnet(f"{number:040x}")))["id"] for number in range(45)][::-1]
    seen = []
    for page in range(3):
        rows, place = await listing(sandbox, page=page, perPage=1)
        seen += [row["id"] for row in rows]
        assert place == {"page": page, "pages": 3, "next": (1, 2, -1)[page], "previous": page - 1}
    assert seen == ids
    assert len((await listing(sandbox, perPage=1000))[0]) == 45
    rows, place = await listing(sandbox, page=5, perPage=100)
    assert (rows, place) == ([], {"page": 5, "pages": 1, "next": -1, "previous": 4})


async def test_the_filter_is_dropped_for_bad_or_too_many_ids(sandbox: Caller):
    first, second = (await add(sandbox, magnet(HASH)))["id"], (await add(sandbox, magnet("ab" * 20)))["id"]

    async def ids(asked: str) -> list[str]:
        return [row["id"] for row in (await listing(sandbox, ids=asked))[0]]

    assert await ids(first) == [first]
    assert await ids(f"{first},{second}") == [first, second]
    assert await ids(json.dumps([first, second])) == [first, second]
    assert await ids("zzzzzzzz") == []
    assert await ids("BAD") == [second, first]
    assert await ids(",".join([first] * 101)) == [second, first]
    assert await good(sandbox, "GET", "seedbox/activity?ids=zzzzzzzz") == []


async def test_many_files_collapse_in_bulk_lists(sandbox: Caller):
    files = [{"path": f"{number}.jpg", "size": 10} for number in range(101)]
    await sandbox.define(HASH, cached_on=["debridlink"], name="Photos", files=files)
    id_ = (await add(sandbox, HASH))["id"]
    ((row,), _) = await listing(sandbox)
    assert (row["isZip"], [file["name"] for file in row["files"]]) == (True, ["Photos.zip"])
    assert (await sandbox.call("HEAD", row["files"][0]["downloadUrl"])).status == 200
    ((row,), _) = await listing(sandbox, ids=id_)
    assert (row["isZip"], len(row["files"])) == (False, 101)
    packed = await good(sandbox, "POST", f"seedbox/{id_}/zip", form={"ids": f"{id_}-0,{id_}-1"})
    assert packed["status"] == "ready"
    assert (await sandbox.call("HEAD", packed["url"])).headers["content-length"] == "20"


async def test_remove_echoes_everything(sandbox: Caller):
    id_ = (await add(sandbox, magnet(HASH)))["id"]
    assert await good(sandbox, "DELETE", f"seedbox/{id_},zzzzzzzz/remove") == [id_, "zzzzzzzz"]
    assert await good(sandbox, "DELETE", f"seedbox/{id_}/remove") == [id_]
    assert (await listing(sandbox))[0] == []


async def test_the_days_torrents_and_the_slots(sandbox: Caller):
    await sandbox.control("POST", "/clock", {"rate": 0})

    async def codes(numbers: range) -> list[str]:
        found = []
        for number in numbers:
            reply = await call(sandbox, "POST", "seedbox/add", form={"url": magnet(f"{number:040x}")})
            found.append(reply.json.get("error", ""))
        return found

    assert await codes(range(21)) == [""] * 20 + ["maxTransfer"]
    await sandbox.advance(5)
    limits = await good(sandbox, "GET", "seedbox/limits")
    assert (limits["dayCount"]["current"], limits["activeTransferCount"]) == (20, {"current": 0, "value": 20})
    assert await codes(range(20, 40)) == [""] * 20
    await sandbox.advance(5)
    assert await codes(range(40, 51)) == [""] * 10 + ["maxTorrent"]
    await sandbox.define(HASH, cached_on=["debridlink"])
    await add(sandbox, HASH)
    await sandbox.advance(86_400)
    assert await codes(range(50, 51)) == [""]
    await sandbox.define("ab" * 20, files=[{"path": "x", "size": 2**41}])
    assert await bad(sandbox, "POST", "seedbox/add", form={"url": magnet("ab" * 20)}) == (400, "torrentTooBig")


async def test_a_flood_locks_one_endpoint_for_an_hour(sandbox: Caller):
    await sandbox.control("POST", "/clock", {"rate": 0})
    key = "sandbox-flood-3-x"
    for _ in range(3):
        await listing(sandbox, key)
    assert await bad(sandbox, "GET", "seedbox/list", key) == (429, "floodDetected")
    await good(sandbox, "GET", "account/infos", key)
    await sandbox.advance(3599)
    assert await bad(sandbox, "GET", "seedbox/list", key) == (429, "floodDetected")
    await sandbox.advance(2)
    await listing(sandbox, key)


async def test_links(sandbox: Caller):
    link = "https://1fichier.com/?a1b2"
    await sandbox.control("POST", "/hosters", {"url": link, "name": "survey-data.zip", "size": 734})
    value = await good(sandbox, "POST", "downloader/add", data={"url": link})
    assert set(value) == {
        "id", "name", "url", "downloadUrl", "expired", "chunk", "host", "size", "created", "isProcessing", "otherLinks",
    }  # fmt: skip
    assert (value["host"], value["name"], value["size"]) == ("1fichier", "survey-data.zip", 734)
    assert len((await sandbox.call("GET", value["downloadUrl"])).body) == 734
    listed = await call(sandbox, "GET", "downloader/list")
    assert ([row["id"] for row in listed.json["value"]], listed.json["pagination"]["pages"]) == ([value["id"]], 1)
    limits = await good(sandbox, "GET", "downloader/limits")
    used = {row["name"]: row["daySize"]["current"] for row in limits["hosters"]}
    assert (used["1fichier"], used["mega"]) == (734, 0)
    await sandbox.advance(86_401)
    (row,) = await good(sandbox, "GET", f"downloader/list?ids={value['id']}")
    assert row["expired"] is True
    await good(sandbox, "DELETE", f"downloader/{value['id']}/remove")
    assert await good(sandbox, "GET", "downloader/list") == []


async def test_folders_and_slow_links(sandbox: Caller):
    folder = "https://1fichier.com/dir/x"
    await sandbox.control(
        "POST", "/content", {"url": folder, "files": [{"path": "a", "size": 1}, {"path": "b", "size": 2}]}
    )
    assert [row["name"] for row in await good(sandbox, "POST", "downloader/add", form={"url": folder})] == ["a", "b"]
    slow = "https://slow.test/x.iso"
    await sandbox.control("POST", "/content", {"url": slow, "seconds_to_ready": 30})
    value = await good(sandbox, "POST", "downloader/add", form={"url": slow})
    assert (value["isProcessing"], value["downloadUrl"]) == (True, "")
    await sandbox.advance(30)
    (row,) = await good(sandbox, "GET", f"downloader/list?ids={value['id']}")
    assert (row["isProcessing"], row["downloadUrl"] != "") == (False, True)


async def test_links_that_are_refused(sandbox: Caller):
    down = "https://1fichier.com/?down"
    await sandbox.control("POST", "/hosters", {"url": down, "state": "down"})
    for url, expected in (
        ("", (400, "badArguments")),
        ("nonsense", (400, "badFileUrl")),
        ("https://nohost.example/x", (400, "hostNotValid")),
        (down, (400, "maintenanceHost")),
    ):
        assert await bad(sandbox, "POST", "downloader/add", form={"url": url}) == expected
    for key, expected in (("sandbox-server-x", (403, "serverNotAllowed")), ("sandbox-free-x", (400, "notFreeHost"))):
        assert await bad(sandbox, "POST", "downloader/add", key, form={"url": down}) == expected


async def test_hosts_need_no_token(sandbox: Caller):
    hosts = await good(sandbox, "GET", "downloader/hosts?types=host&keys=name,domains", "")
    assert {"name": "1fichier", "domains": ["1fichier.com", "alterupload.com"]} in hosts
    assert set((await good(sandbox, "GET", "downloader/hosts", ""))[0]) == {
        "name", "type", "domains", "regexs", "isFree", "status",
    }  # fmt: skip
    assert "rg.to" in await good(sandbox, "GET", "downloader/domains", "")


async def test_logins(sandbox: Caller):
    async def token(**form: str) -> Reply:
        return await sandbox.call("POST", "/debridlink/api/oauth/token", form={"client_id": "1", **form})

    device = (await sandbox.call("POST", "/debridlink/api/oauth/device/code", form={"client_id": "1"})).json
    assert set(device) == {"device_code", "user_code", "verification_url", "expires_in", "interval"}
    poll = {"grant_type": "urn:ietf:params:oauth:grant-type:device_code", "code": device["device_code"]}
    pending = await token(**poll)
    assert (pending.status, pending.json) == (400, {"error": "authorization_pending"})
    await sandbox.call("GET", f"{device['verification_url']}/{device['user_code']}")
    granted = (await token(**poll)).json
    await good(sandbox, "GET", "account/infos", granted["access_token"])
    assert (await token(**poll)).json == {"error": "expired_token"}
    renewed = (await token(grant_type="refresh_token", refresh_token=granted["refresh_token"])).json
    assert await bad(sandbox, "GET", "account/infos", granted["access_token"]) == (401, "badToken")
    await good(sandbox, "GET", "account/infos", renewed["access_token"])
    await sandbox.call("GET", f"/debridlink/api/oauth/revoke?token={renewed['access_token']}")
    assert await bad(sandbox, "GET", "account/infos", renewed["access_token"]) == (401, "badToken")
    sent = await sandbox.call("GET", "/debridlink/oauth/auth?redirect_uri=http://app.test/back&state=s")
    code = sent.headers["location"].partition("code=")[2].partition("&")[0]
    assert "access_token" in (await token(grant_type="authorization_code", code=code)).json


@pytest.mark.parametrize(
    ("fault", "to", "status", "code"),
    [
        ("rate_limited", "seedbox/list", 429, "floodDetected"),
        ("server_error", "seedbox/list", 500, "internalError"),
        ("quota", "seedbox/list", 400, "maxTorrent"),
        ("quota", "downloader/list", 400, "maxDataHost"),
        ("slots_full", "seedbox/list", 400, "maxTransfer"),
        ("slots_full", "downloader/list", 400, "maxSimultaneousFilesHost"),
        ("expired_link", "downloader/list", 400, "fileNotFound"),
        ("bad_token", "seedbox/list", 401, "badToken"),
        ("gone", "seedbox/list", 400, "endpointDisabled"),
    ],
)
async def test_faults(sandbox: Caller, fault: str, to: str, status: int, code: str):
    await sandbox.fault("debridlink", fault, call=f"/api/v2/{to}", seconds=9)
    reply = await call(sandbox, "GET", to)
    assert (reply.status, reply.json["error"]) == (status, code)
    assert reply.headers.get("retry-after") == ("9" if fault == "rate_limited" else None)
    await good(sandbox, "GET", to)


async def test_what_is_not_there(sandbox: Caller):
    assert await bad(sandbox, "GET", "seedbox/cached?url=" + HASH) == (400, "endpointDisabled")
    for method, path in (("GET", "seedbox/abcdefgh"), ("DELETE", "seedbox/abcdefgh/delete"), ("GET", "nowhere")):
        assert await bad(sandbox, method, path) == (404, "unknowR")
    old = await sandbox.call("GET", "/debridlink/api/seedbox/list", token=TOKEN)
    assert (old.status, old.json["result"]) == (200, "KO")
    page = await sandbox.call("GET", "/debridlink/webapp")
    assert (page.status, page.headers["content-type"].startswith("text/html")) == (200, True)
