"""AllDebrid's dialect against its documented shapes."""

import hashlib
import re
from typing import Any
from urllib.parse import urlsplit

import pytest
from tests.sandbox.caller import Caller, Reply, magnet, torrent, torrent_info

TOKEN = "sandbox-marlow"
HASH = "3f1c8de0a97b52c4466e0d1b7a9f58c2e4d7031a"
SHOW = {
    "name": "Harbour.Lights.S01",
    "files": [
        {"path": "E01.mkv", "size": 5000},
        {"path": "E02.mkv", "size": 5000},
        {"path": "Extras/notes.txt", "size": 41},
    ],
}


async def call(sandbox: Caller, path: str, key: str = TOKEN, version: str = "v4", **form: Any) -> Reply:
    return await sandbox.call("POST", f"/alldebrid/{version}/{path}", token=key, form=form)


async def good(sandbox: Caller, path: str, key: str = TOKEN, version: str = "v4", **form: Any) -> Any:
    reply = await call(sandbox, path, key, version, **form)
    assert (reply.status, reply.json["status"], set(reply.json)) == (200, "success", {"status", "data"}), reply.body
    return reply.json["data"]


async def code(sandbox: Caller, path: str, key: str = TOKEN, version: str = "v4", **form: Any) -> str:
    reply = await call(sandbox, path, key, version, **form)
    assert reply.json["status"] == "error"
    assert isinstance(reply.json["error"]["message"], str)
    assert reply.status == 200
    return str(reply.json["error"]["code"])


async def upload(sandbox: Caller, *magnets: str, token: str = TOKEN) -> list[Any]:
    return list((await good(sandbox, "magnet/upload", token, **{"magnets[]": magnets}))["magnets"])


async def status(sandbox: Caller, **form: Any) -> Any:
    return (await good(sandbox, "magnet/status", version="v4.1", **form))["magnets"]


async def test_keys_and_their_refusals_come_at_200(sandbox: Caller):
    assert await code(sandbox, "user", "") == "AUTH_MISSING_APIKEY"
    assert await code(sandbox, "user", "nonsense") == "AUTH_BAD_APIKEY"
    assert await code(sandbox, "user", "sandbox-locked-x") == "AUTH_USER_BANNED"
    by_query = await sandbox.call("GET", f"/alldebrid/v4/user?apikey={TOKEN}&agent=any")
    assert by_query.json["data"]["user"]["username"] == "marlow"


async def test_user(sandbox: Caller):
    user = (await good(sandbox, "user"))["user"]
    assert set(user) == {
        "username", "email", "isPremium", "isSubscribed", "isTrial", "premiumUntil", "lang", "preferedDomain",
        "fidelityPoints", "limitedHostersQuotas", "notifications",
    }  # fmt: skip
    assert isinstance(user["premiumUntil"], int)
    free = (await good(sandbox, "user", "sandbox-free-x"))["user"]
    assert (free["isPremium"], free["premiumUntil"], free["limitedHostersQuotas"]) == (False, 0, [])


async def test_a_new_place_must_be_confirmed(sandbox: Caller):
    blocked = await call(sandbox, "user", "sandbox-place-x")
    assert blocked.json["error"]["code"] == "AUTH_BLOCKED"
    token = blocked.json["error"]["token"]
    assert await good(sandbox, "user/verif", "", token=token) == {"verif": "waiting", "resendable": True}
    assert await good(sandbox, "user/verif/resend", "", token=token) == {"sent": True}
    assert await code(sandbox, "user/verif/resend", "", token=token) == "ALREADY_SENT"
    allowed = await good(sandbox, "user/verif", "", token=token)
    assert allowed["verif"] == "allowed"
    for key in (allowed["apikey"], "sandbox-place-x"):
        assert (await good(sandbox, "user", key))["user"]["isPremium"]
    assert await code(sandbox, "user/verif", "", token="other") == "PIN_EXPIRED"


async def test_pin_login(sandbox: Caller):
    pin = await good(sandbox, "pin/get", "", "v4.1")
    assert set(pin) == {"pin", "check", "expires_in", "user_url", "base_url"}
    assert set(await good(sandbox, "pin/get", "")) - set(pin) == {"check_url"}
    asked = {"pin": pin["pin"], "check": pin["check"]}
    assert (await good(sandbox, "pin/check", "", **asked))["activated"] is False
    assert (await sandbox.call("GET", pin["user_url"])).status == 200
    granted = await good(sandbox, "pin/check", "", **asked)
    assert granted["activated"] is True
    assert re.fullmatch(r"[A-Za-z0-9]{20}", granted["apikey"])
    assert (await good(sandbox, "user", granted["apikey"]))["user"]["isPremium"]
    assert await code(sandbox, "pin/check", "", pin="XXXX", check="x") == "PIN_INVALID"
    await sandbox.advance(601)
    assert await code(sandbox, "pin/check", "", **asked) == "PIN_EXPIRED"
    assert await code(sandbox, "pin/get", version="v4.1") == "PIN_ALREADY_AUTHED"


async def test_upload_tells_errors_at_the_item(sandbox: Caller):
    await sandbox.define(HASH, cached_on=["alldebrid"], **SHOW)
    cached, bare, wrong = await upload(sandbox, magnet(HASH, "Harbour"), "ab" * 20, "not-a-magnet")
    assert cached == {
        "magnet": magnet(HASH, "Harbour"), "hash": HASH, "name": "Harbour.Lights.S01", "filename_original": "",
        "size": 10_041, "ready": True, "id": cached["id"],
    }  # fmt: skip
    assert (bare["name"], bare["size"], bare["ready"]) == ("noname", 0, False)
    assert (wrong["magnet"], wrong["error"]["code"], set(wrong)) == (
        "not-a-magnet", "MAGNET_INVALID_URI", {"magnet", "error"},
    )  # fmt: skip
    assert (await upload(sandbox, HASH.upper()))[0]["id"] == cached["id"]
    assert await code(sandbox, "magnet/upload") == "MAGNET_NO_URI"


async def test_upload_takes_no_json_but_get_and_bare_names(sandbox: Caller):
    path = "/alldebrid/v4/magnet/upload"
    reply = await sandbox.call("POST", path, token=TOKEN, data={"magnets": [HASH]})
    assert reply.json["error"]["code"] == "MAGNET_NO_URI"
    for query in ({"magnets[]": HASH}, {"magnets[0]": HASH}, {"magnets": HASH}):
        reply = await sandbox.call("GET", path, token=TOKEN, query=query)
        assert reply.json["data"]["magnets"][0]["hash"] == HASH


@pytest.mark.parametrize("names", [("files[]", "files[]"), ("files[0]", "files[1]")])
async def test_upload_of_files(sandbox: Caller, names: tuple[str, str]):
    parts = [(names[0], "own.torrent", torrent()), (names[1], "broken.torrent", b"d3:fooe")]
    reply = await sandbox.call("POST", "/alldebrid/v4/magnet/upload/file", token=TOKEN, parts=parts)
    own, broken = reply.json["data"]["files"]
    assert (own["file"], own["hash"]) == ("own.torrent", hashlib.sha1(torrent_info()).hexdigest())
    assert own["size"] > 0
    assert broken["error"]["code"] == "MAGNET_INVALID_FILE"


async def test_a_magnet_walks_through_the_status_codes(sandbox: Caller):
    await sandbox.control("POST", "/clock", {"rate": 0})
    await sandbox.define(HASH, seconds_to_ready=100, **SHOW)
    id_ = (await upload(sandbox, magnet(HASH)))[0]["id"]
    seen = []
    for step in (0, 40, 51, 5, 5):
        await sandbox.advance(step)
        row = await status(sandbox, id=id_)
        seen.append(row["statusCode"])
        if row["statusCode"] == 1:
            assert 0 < row["downloaded"] < row["size"]
            assert (row["filename"], row["completionDate"], row["files"]) == (SHOW["name"], 0, [])
    assert seen == [0, 1, 2, 3, 4]
    assert row["completionDate"] == row["uploadDate"] + 100


async def test_a_dying_magnet_fails_and_restarts(sandbox: Caller):
    await sandbox.define(HASH, dies=True, seconds_to_ready=10)
    id_ = (await upload(sandbox, HASH))[0]["id"]
    assert await code(sandbox, "magnet/restart", id=id_) == "MAGNET_PROCESSING"
    await sandbox.advance(6)
    assert (await status(sandbox, id=id_))["statusCode"] == 15
    both = (await good(sandbox, "magnet/restart", **{"ids[]": [id_, "7"]}))["magnets"]
    assert (both[0]["magnet"], "message" in both[0]) == (str(id_), True)
    assert both[1]["error"]["code"] == "MAGNET_INVALID_ID"
    assert (await status(sandbox, id=id_))["statusCode"] < 4


async def test_files_expire_after_thirty_days(sandbox: Caller):
    id_ = (await upload(sandbox, HASH))[0]["id"]
    await sandbox.advance(5)
    link = (await status(sandbox, id=id_))["files"][0]["l"]
    await sandbox.advance(31 * 86_400)
    assert (await status(sandbox, id=id_))["statusCode"] == 11
    assert [row["id"] for row in await status(sandbox, status="expired")] == [id_]
    rows = (await good(sandbox, "magnet/files", **{"id[]": id_}))["magnets"]
    assert rows[0]["error"]["code"] == "MAGNET_LINKS_REMOVED"
    assert await code(sandbox, "link/unlock", link=link) == "LINK_DOWN"
    assert (await upload(sandbox, HASH))[0]["ready"] is False
    await good(sandbox, "magnet/restart", id=id_)
    await sandbox.advance(5)
    assert (await status(sandbox, id=id_))["statusCode"] == 4


async def test_status_is_an_object_a_list_or_a_map(sandbox: Caller):
    await sandbox.define(HASH, cached_on=["alldebrid"], **SHOW)
    await upload(sandbox, HASH, "ab" * 20, "cd" * 20)
    every = await status(sandbox)
    assert [row["statusCode"] for row in every] == [0, 0, 4]
    assert "downloaded" in every[0]
    assert "downloaded" not in every[2]
    assert isinstance(await status(sandbox, status="active"), list)
    ready = await status(sandbox, status="ready")
    assert set(ready) == {"2"}
    one = await status(sandbox, id=ready["2"]["id"])
    assert (one["hash"], one["type"], one["version"], one["nbLinks"]) == (HASH, "m", 2, 3)
    assert await status(sandbox, status="expired") == []
    assert await code(sandbox, "magnet/status", version="v4.1", id=1) == "MAGNET_INVALID_ID"
    assert await code(sandbox, "magnet/status") == "DISCONTINUED"


def walk(nodes: list[dict[str, Any]], above: str = "") -> dict[str, tuple[int, str]]:
    found = {}
    for node in nodes:
        if "e" in node:
            assert set(node) == {"n", "e"}
            found.update(walk(node["e"], f"{above}{node['n']}/"))
        else:
            assert set(node) == {"n", "s", "l"}
            found[above + node["n"]] = (node["s"], node["l"])
    return found


async def test_files_are_trees_in_no_stable_order(sandbox: Caller):
    files = [{"path": f"{number:02}.mkv", "size": number + 1} for number in range(30)]
    await sandbox.define(HASH, name="Box", cached_on=["alldebrid"], files=files)
    id_ = (await upload(sandbox, HASH))[0]["id"]
    first, second = [(await good(sandbox, "magnet/files", **{"id[]": [id_]}))["magnets"][0] for _ in range(2)]
    assert first["id"] == str(id_)
    assert first["files"] != second["files"]
    assert walk(first["files"]) == walk(second["files"])
    assert {path: size for path, (size, _) in walk(first["files"]).items()} == {
        f"Box/{file['path']}": file["size"] for file in files
    }


async def test_files_of_many_of_one_and_of_none(sandbox: Caller):
    await sandbox.define(HASH, name="one.mkv", files=[{"path": "one.mkv", "size": 7}], cached_on=["alldebrid"])
    ready, waiting = await upload(sandbox, HASH, "ab" * 20)
    rows = (await good(sandbox, "magnet/files", **{"id[]": [ready["id"], waiting["id"], 1]}))["magnets"]
    assert rows[0]["files"][0]["n"] == "one.mkv"
    assert rows[0]["files"][0]["l"].startswith("https://alldebrid.com/f/")
    assert rows[1]["files"] == []
    assert (rows[2]["id"], rows[2]["error"]["code"]) == ("1", "MAGNET_INVALID_ID")


async def test_file_links_unlock_to_bytes(sandbox: Caller):
    await sandbox.define(HASH, cached_on=["alldebrid"], **SHOW)
    id_ = (await upload(sandbox, HASH))[0]["id"]
    files = walk((await good(sandbox, "magnet/files", **{"id[]": id_}))["magnets"][0]["files"])
    size, link = files["Harbour.Lights.S01/Extras/notes.txt"]
    unlocked = await good(sandbox, "link/unlock", link=link)
    assert (unlocked["host"], unlocked["filename"], unlocked["filesize"]) == ("magnet", "notes.txt", size)
    fetched = await sandbox.call("GET", unlocked["link"])
    truth = await sandbox.control("GET", f"/content/{HASH}")
    assert hashlib.sha256(fetched.body).hexdigest() == truth["files"][2]["sha256"]
    assert await code(sandbox, "link/unlock", "sandbox-other", link=link) == "LINK_DOWN"
    await good(sandbox, "magnet/delete", id=id_)
    assert await code(sandbox, "link/unlock", link=link) == "LINK_DOWN"
    assert await code(sandbox, "magnet/delete", id=id_) == "MAGNET_INVALID_ID"


async def test_live_mode_sends_what_changed(sandbox: Caller):
    await sandbox.control("POST", "/clock", {"rate": 0})
    await sandbox.define(HASH, seconds_to_ready=100, **SHOW)
    moving, waiting = await upload(sandbox, magnet(HASH), "ab" * 20)

    async def poll(counter: int) -> Any:
        return await good(sandbox, "magnet/status", version="v4.1", session=77, counter=counter)

    first = await poll(0)
    assert (first["fullsync"], len(first["magnets"])) == (True, 2)
    quiet = await poll(first["counter"])
    assert (quiet["magnets"], "fullsync" in quiet) == ([], False)
    await sandbox.advance(2)
    await poll(quiet["counter"])
    await sandbox.advance(28)
    await good(sandbox, "magnet/delete", id=waiting["id"])
    third = await poll(quiet["counter"] + 1)
    changed, deleted = third["magnets"]
    assert changed["id"] == moving["id"]
    assert changed["statusCode"] == 1
    assert "hash" not in changed
    assert deleted == {"id": waiting["id"], "deleted": True}
    assert (await poll(9999))["fullsync"] is True


async def test_caps(sandbox: Caller):
    hashes = [f"{number:040x}" for number in range(31)]
    rows = await upload(sandbox, *hashes)
    assert [row["hash"] for row in rows[:30]] == hashes[:30]
    assert rows[30]["error"]["code"] == "MAGNET_TOO_MANY_ACTIVE"
    await sandbox.advance(5)
    await sandbox.control("POST", "/limits", {"provider": "alldebrid", "enabled": False})
    await upload(sandbox, *[f"{number:040x}" for number in range(31, 1001)])
    await sandbox.control("POST", "/limits", {"provider": "alldebrid", "enabled": True})
    assert await code(sandbox, "magnet/upload", **{"magnets[]": "ab" * 20}) == "MAGNET_TOO_MANY"


async def test_places_plans_and_blocked_content(sandbox: Caller):
    for token, expected in (
        ("sandbox-server-x", "NO_SERVER"),
        ("sandbox-vpn-x", "MAGNET_NO_SERVER"),
        ("sandbox-free-x", "MAGNET_MUST_BE_PREMIUM"),
        ("sandbox-expired-x", "MAGNET_MUST_BE_PREMIUM"),
    ):
        assert await code(sandbox, "magnet/upload", token, **{"magnets[]": HASH}) == expected
        assert "user" in await good(sandbox, "user", token)
    assert await code(sandbox, "link/unlock", "sandbox-free-x", link="https://1fichier.com/?a") == "MUST_BE_PREMIUM"
    await sandbox.define(HASH, blocked_on=["alldebrid"])
    assert (await upload(sandbox, HASH))[0]["error"]["code"] == "MAGNET_PROCESSING_FAILED"


async def test_rates(sandbox: Caller):
    await sandbox.control("POST", "/clock", {"rate": 0})
    for _ in range(12):
        await good(sandbox, "ping", "")
    assert (await call(sandbox, "ping", "")).status == 429
    await sandbox.advance(1)
    await good(sandbox, "ping", "")


async def test_hoster_links(sandbox: Caller):
    link = "https://1fichier.com/?a1b2c3d4e5f6g7h8i9j0"
    await sandbox.control("POST", "/hosters", {"url": link, "name": "survey-data.zip", "size": 734})
    infos = (await good(sandbox, "link/infos", **{"link[]": [link, "https://nohost.example/x", "x"]}))["infos"]
    assert infos[0] == {
        "link": link, "filename": "survey-data.zip", "size": 734, "host": "1fichier", "hostDomain": "1fichier.com",
    }  # fmt: skip
    assert [row["error"]["code"] for row in infos[1:]] == ["LINK_HOST_NOT_SUPPORTED", "BAD_LINK"]
    unlocked = await good(sandbox, "link/unlock", link=link)
    assert set(unlocked) == {
        "link", "host", "hostDomain", "filename", "filesize", "paws", "streams", "id", "max_chunks", "path",
    }  # fmt: skip
    assert len((await sandbox.call("GET", unlocked["link"])).body) == 734
    assert (await good(sandbox, "user/history"))["links"][0]["link_dl"] == unlocked["link"]
    await good(sandbox, "user/history/delete")
    assert (await good(sandbox, "user/history"))["links"] == []
    await sandbox.control("POST", "/hosters", {"url": link, "state": "down"})
    for wrong, expected in (
        (link, "LINK_HOST_UNAVAILABLE"),
        ("", "LINK_IS_MISSING"),
        ("ftp://x", "BAD_LINK"),
        ("https://nohost.example/x", "LINK_HOST_NOT_SUPPORTED"),
        ("https://alldebrid.com/f/nonsense", "LINK_DOWN"),
    ):
        assert await code(sandbox, "link/unlock", link=wrong) == expected


async def test_delayed_links(sandbox: Caller):
    await sandbox.control("POST", "/clock", {"rate": 0})
    url = "https://slow.test/big.iso"
    await sandbox.control("POST", "/content", {"url": url, "seconds_to_ready": 25})
    unlocked = await good(sandbox, "link/unlock", link=url)
    assert unlocked["link"] == ""
    assert isinstance(unlocked["delayed"], int)
    assert await good(sandbox, "link/delayed", id=unlocked["delayed"]) == {"status": 1, "time_left": 25}
    await sandbox.advance(25)
    ready = await good(sandbox, "link/delayed", id=unlocked["delayed"])
    assert (ready["status"], ready["time_left"], urlsplit(ready["link"]).scheme) == (2, 0, "http")
    assert await code(sandbox, "link/delayed", id=1) == "DELAYED_INVALID_ID"
    await sandbox.control("POST", "/content", {"url": url, "seconds_to_ready": 25, "dies": True})
    assert (await good(sandbox, "link/delayed", id=unlocked["delayed"]))["status"] == 3


async def test_streams_and_redirectors(sandbox: Caller):
    page = await good(sandbox, "link/unlock", link="https://videoportal.example/watch/771")
    assert (page["link"], page["host"]) == ("", "stream")
    assert [stream["quality"] for stream in page["streams"]] == [1080, "audio"]
    merged = await good(sandbox, "link/streaming", id=page["id"], stream="137+140")
    assert (merged["link"], "delayed" in merged) == ("", True)
    audio = await good(sandbox, "link/streaming", id=page["id"], stream="140")
    assert (await sandbox.call("HEAD", audio["link"])).status == 200
    assert await code(sandbox, "link/streaming", id="x", stream="140") == "STREAM_INVALID_GEN_ID"
    assert await code(sandbox, "link/streaming", id=page["id"], stream="1") == "STREAM_INVALID_STREAM_ID"
    hidden = (await good(sandbox, "link/redirector", link="https://short.example/a1b2"))["links"][0]
    assert hidden.startswith("https://redirect.alldebrid.com/")
    assert (await good(sandbox, "link/unlock", link=hidden))["host"] == "1fichier"
    assert await code(sandbox, "link/redirector", link="https://1fichier.com/?x") == "REDIRECTOR_NOT_SUPPORTED"


async def test_hosts_and_saved_links(sandbox: Caller):
    every = await good(sandbox, "hosts", "")
    assert set(every) == {"hosts", "streams", "redirectors"}
    shapes = {type(host["regexp"]) for host in every["hosts"].values()}
    assert shapes == {str, list}
    only = await sandbox.call("GET", "/alldebrid/v4/hosts?hostsOnly=1")
    assert set(only.json["data"]) == {"hosts"}
    assert "1fichier.com" in (await good(sandbox, "hosts/domains", ""))["hosts"]
    assert (await good(sandbox, "hosts/priority", ""))["hosts"]["1fichier"] == 1
    assert set(await good(sandbox, "user/hosts", version="v4.1")) == {"hosts"}
    assert "streams" in await good(sandbox, "user/hosts")
    link = "https://1fichier.com/?saved"
    await good(sandbox, "user/links/save", **{"links[]": [link]})
    assert [row["link"] for row in (await good(sandbox, "user/links"))["links"]] == [link]
    await good(sandbox, "user/links/delete", **{"links[]": [link]})
    assert (await good(sandbox, "user/links"))["links"] == []
    assert await code(sandbox, "user/links/save") == "USER_LINK_MISSING"


async def test_what_is_not_there_is_404(sandbox: Caller):
    for path in ("magnet/instant", "nowhere"):
        reply = await call(sandbox, path)
        assert (reply.status, reply.json["error"]["code"]) == (404, "404")


@pytest.mark.parametrize(
    ("fault", "path", "status", "expected"),
    [
        ("server_error", "user", 500, "GENERIC"),
        ("bad_token", "user", 200, "AUTH_BAD_APIKEY"),
        ("gone", "user", 200, "DISCONTINUED"),
        ("quota", "link/unlock", 200, "LINK_HOST_LIMIT_REACHED"),
        ("quota", "magnet/upload", 200, "MAGNET_TOO_MANY"),
        ("slots_full", "link/unlock", 200, "LINK_TOO_MANY_DOWNLOADS"),
        ("expired_link", "link/unlock", 200, "LINK_DOWN"),
        ("expired_link", "magnet/files", 200, "MAGNET_LINKS_REMOVED"),
    ],
)
async def test_faults(sandbox: Caller, fault: str, path: str, status: int, expected: str):
    await sandbox.fault("alldebrid", fault, call=f"/v4/{path}")
    reply = await call(sandbox, path)
    assert (reply.status, reply.json["error"]["code"]) == (status, expected)


async def test_full_slots_are_told_at_every_item(sandbox: Caller):
    await sandbox.fault("alldebrid", "slots_full", call="POST /v4/magnet/upload")
    rows = await upload(sandbox, HASH, "ab" * 20)
    assert [row["error"]["code"] for row in rows] == ["MAGNET_TOO_MANY_ACTIVE"] * 2
    await sandbox.fault("alldebrid", "slots_full", call="/v4/magnet/upload/file")
    parts = [("files[]", "own.torrent", torrent())]
    reply = await sandbox.call("POST", "/alldebrid/v4/magnet/upload/file", token=TOKEN, parts=parts)
    assert reply.json["data"]["files"][0]["error"]["code"] == "MAGNET_TOO_MANY_ACTIVE"


async def test_the_limiter_is_429_or_a_503_page(sandbox: Caller):
    await sandbox.fault("alldebrid", "rate_limited", seconds=3)
    reply = await call(sandbox, "ping")
    assert (reply.status, reply.headers["retry-after"]) == (429, "3")
    await sandbox.fault("alldebrid", "rate_limited", status=503)
    page = await call(sandbox, "ping")
    assert (page.status, page.headers["content-type"].partition(";")[0]) == (503, "text/html")
    assert "retry-after" not in page.headers
