"""The control contract, row by row and sentence by sentence."""

import hashlib
from pathlib import Path

import pytest
from tests.sandbox.caller import Caller, magnet

from sluicegate.sandbox.server import SandboxServer

HASH = "a1" * 20
URL = "https://files.test/some/show.nzb"
TOKEN = "sandbox-joe"
SMOKE = "/smokedebrid/v1"


async def submit(sandbox: Caller, info_hash: str = HASH, token: str = TOKEN) -> dict:
    reply = await sandbox.call("POST", SMOKE + "/transfers", token=token, data={"magnet": magnet(info_hash)})
    return reply.json["transfer"]


async def refused(sandbox: Caller, method: str, path: str, data=None) -> str:
    reply = await sandbox.call(method, "/_control" + path, data=data)
    assert reply.status in {400, 404}, reply.body
    return reply.json["error"]


# POST /content, GET /content


async def test_an_undefined_hash_is_one_file_of_8_mib(sandbox: Caller):
    found = await sandbox.control("GET", f"/content/{HASH}")
    assert found["info_hash"] == HASH
    assert [file["size"] for file in found["files"]] == [8 * 1024 * 1024]
    assert (found["cached_on"], found["seconds_to_ready"], found["dies"]) == ([], 3, False)
    assert len(found["files"][0]["sha256"]) == 64


async def test_defined_content_comes_back_with_digests(sandbox: Caller):
    told = {
        "info_hash": HASH.upper(),
        "name": "Box",
        "files": [{"path": "in/a.bin", "size": 70_000}, {"path": "../hostile", "size": 0}],
        "cached_on": ["torbox"],
        "seconds_to_ready": 12.5,
        "dies": True,
    }
    made = await sandbox.control("POST", "/content", told)
    assert made == {**told, "info_hash": HASH, "blocked_on": []}
    found = await sandbox.control("GET", f"/content/{HASH.upper()}")
    digests = [file.pop("sha256") for file in found["files"]]
    assert found == made
    assert digests[1] == hashlib.sha256(b"").hexdigest()
    again = await sandbox.control("GET", f"/content/{HASH}")
    assert again["files"][0]["sha256"] == digests[0]


async def test_bytes_depend_on_hash_and_path_alone(sandbox: Caller):
    async def digest(info_hash: str, path: str, size: int = 5000) -> str:
        await sandbox.define(info_hash, files=[{"path": path, "size": size}])
        return (await sandbox.control("GET", f"/content/{info_hash}"))["files"][0]["sha256"]

    first = await digest(HASH, "a")
    assert await digest(HASH, "a") == first
    assert await digest(HASH, "b") != first
    assert await digest("b2" * 20, "a") != first
    await sandbox.control("POST", "/reset")
    assert await digest(HASH, "a") == first


async def test_content_by_url(sandbox: Caller):
    told = {"url": URL, "name": "Show", "files": [{"path": "a.mkv", "size": 10}], "cached_on": ["smokedebrid"]}
    assert (await sandbox.control("POST", "/content", told))["url"] == URL
    found = await sandbox.control("GET", f"/content?url={URL}")
    assert (found["url"], found["name"], found["files"][0]["path"]) == (URL, "Show", "a.mkv")
    assert len(found["files"][0]["sha256"]) == 64
    made = await sandbox.call("POST", SMOKE + "/transfers", token=TOKEN, data={"nzb_url": URL})
    assert (made.json["transfer"]["name"], made.json["transfer"]["state"]) == ("Show", "ready")


@pytest.mark.parametrize(
    "told",
    [
        {},
        {"info_hash": "xyz"},
        {"info_hash": HASH, "url": URL},
        {"info_hash": HASH, "cached_on": ["real_debrid"]},
        {"info_hash": HASH, "files": [{"path": "", "size": 1}]},
        {"info_hash": HASH, "files": [{"path": "a", "size": -1}]},
        {"info_hash": HASH, "files": "a"},
        {"info_hash": HASH, "seconds_to_ready": -1},
    ],
)
async def test_wrong_content_is_refused_with_a_reason(sandbox: Caller, told: dict):
    assert await refused(sandbox, "POST", "/content", told)


# POST /hosters, GET /hosters


async def test_hosters(sandbox: Caller):
    told = {"url": "https://1fichier.com/?x", "name": "x.zip", "size": 900, "state": "down"}
    assert await sandbox.control("POST", "/hosters", told) == told
    found = await sandbox.control("GET", "/hosters?url=https://1fichier.com/?x")
    assert len(found.pop("sha256")) == 64
    assert found == told
    same = await sandbox.control("GET", "/content?url=https://1fichier.com/?x")
    assert same["files"][0]["size"] == 900
    unknown = await sandbox.control("GET", "/hosters?url=https://nobody.test/y.zip")
    assert (unknown["state"], unknown["name"]) == ("unsupported", "y.zip")
    builtin = await sandbox.control("GET", "/hosters?url=https://rg.to/file/z.zip")
    assert (builtin["state"], builtin["size"]) == ("ok", 8 * 1024 * 1024)
    assert await refused(sandbox, "POST", "/hosters", {"name": "x"})
    assert await refused(sandbox, "POST", "/hosters", {"url": URL, "state": "sleepy"})


# POST /faults


async def test_faults_are_used_up(sandbox: Caller):
    left = await sandbox.control("POST", "/faults", {"provider": "smokedebrid", "fault": "gone", "times": 2})
    assert left["items"][0] == {
        "provider": "smokedebrid",
        "fault": "gone",
        "call": "*",
        "times": 2,
        "seconds": 0.0,
        "status": 0,
    }
    statuses = [(await sandbox.call("GET", SMOKE + "/account", token=TOKEN)).status for _ in range(3)]
    assert statuses == [410, 410, 200]
    assert (await sandbox.control("GET", "/faults"))["items"] == []


async def test_times_zero_clears(sandbox: Caller):
    for fault in ("gone", "quota"):
        await sandbox.fault("smokedebrid", fault, times=9)
    await sandbox.fault("smokedebrid", "gone", times=0)
    assert [row["fault"] for row in (await sandbox.control("GET", "/faults"))["items"]] == ["quota"]
    await sandbox.control("POST", "/faults", {"provider": "smokedebrid", "times": 0})
    assert (await sandbox.call("GET", SMOKE + "/account", token=TOKEN)).status == 200


@pytest.mark.parametrize(
    ("pattern", "hit"),
    [
        ("*", True),
        ("/v1/account", True),
        ("v1/account", True),
        ("/smokedebrid/v1/account", True),
        ("*account", True),
        ("GET /v1/*", True),
        ("POST /v1/*", False),
        ("/v1/transfers*", False),
    ],
)
async def test_call_patterns(sandbox: Caller, pattern: str, hit: bool):
    await sandbox.fault("smokedebrid", "gone", call=pattern)
    assert (await sandbox.call("GET", SMOKE + "/account", token=TOKEN)).status == (410 if hit else 200)


async def test_a_fault_of_one_provider_leaves_others_alone(sandbox: Caller):
    await sandbox.fault("torbox", "gone")
    assert (await sandbox.call("GET", SMOKE + "/account", token=TOKEN)).status == 200
    assert (await sandbox.call("GET", "/torbox/v1/api/user/me", token=TOKEN)).status == 404


async def test_wrong_faults_are_refused(sandbox: Caller):
    assert "realdebrid" in await refused(sandbox, "POST", "/faults", {"provider": "rd", "fault": "slow"})
    for told in ({"fault": "tired"}, {}, {"fault": "slow", "times": -1}, {"fault": "slow", "status": 99}):
        assert await refused(sandbox, "POST", "/faults", {"provider": "torbox", **told})


# POST /clock


async def test_the_clock_is_driven(sandbox: Caller):
    start = (await sandbox.control("GET", "/clock"))["now"]
    moved = await sandbox.control("POST", "/clock", {"advance_seconds": 3600})
    assert 3600 <= moved["now"] - start < 3630
    still = await sandbox.control("POST", "/clock", {"rate": 0})
    assert (await sandbox.control("GET", "/clock"))["now"] == still["now"]
    fast = await sandbox.control("POST", "/clock", {"rate": 100_000, "advance_seconds": 1})
    assert fast["rate"] == 100_000
    made = await submit(sandbox)
    assert (await sandbox.call("GET", f"{SMOKE}/transfers/{made['id']}", token=TOKEN)).json["transfer"][
        "state"
    ] == "ready"
    for told in ({}, {"advance_seconds": -1}, {"rate": -1}, {"rate": "fast"}):
        assert await refused(sandbox, "POST", "/clock", told)


# GET /calls


async def test_the_tap_shows_every_call_in_order_without_secrets(sandbox: Caller):
    await sandbox.call("GET", SMOKE + "/account", token=TOKEN)
    secret = "0123-very-secret-9999"
    await sandbox.call("GET", f"/torbox/v1/api/torrents/requestdl?token={secret}&torrent_id=1")
    await sandbox.call("GET", f"/realdebrid/rest/1.0/user?auth_token={secret}&x=1")
    await sandbox.call("GET", SMOKE + "/nowhere?page=2", token=secret)
    calls = (await sandbox.control("GET", "/calls"))["items"]
    assert [(call["provider"], call["method"], call["path"], call["status"]) for call in calls] == [
        ("smokedebrid", "GET", "/smokedebrid/v1/account", 200),
        ("torbox", "GET", "/torbox/v1/api/torrents/requestdl", 403),
        ("realdebrid", "GET", "/realdebrid/rest/1.0/user", 401),
        ("smokedebrid", "GET", "/smokedebrid/v1/nowhere", 404),
    ]
    assert set(calls[0]) == {"at", "provider", "method", "path", "query", "token", "status"}
    assert [call["token"] for call in calls] == ["…-joe", "…9999", "…9999", "…9999"]
    assert calls[1]["query"] == "token=…9999&torrent_id=1"
    assert calls[2]["query"] == "auth_token=…9999&x=1"
    assert secret not in str(calls)
    assert [call["at"] for call in calls] == sorted(call["at"] for call in calls)
    assert [call["query"] for call in await sandbox.calls("smokedebrid")] == ["", "page=2"]


async def test_fetches_of_bytes_are_tapped_apart(sandbox: Caller):
    await sandbox.define(HASH, cached_on=["smokedebrid"], files=[{"path": "a", "size": 3}])
    made = await submit(sandbox)
    link = await sandbox.call("POST", f"{SMOKE}/transfers/{made['id']}/files/0/link", token=TOKEN)
    await sandbox.call("GET", link.json["url"])
    assert len(await sandbox.calls("smokedebrid")) == 2
    fetched = await sandbox.calls("files")
    assert [(call["method"], call["status"]) for call in fetched] == [("GET", 200)]
    assert fetched[0]["path"].startswith("/files/smokedebrid/")


# GET /transfers


async def test_the_truth_about_one_account(sandbox: Caller):
    await submit(sandbox)
    await submit(sandbox, "b2" * 20)
    await submit(sandbox, token="sandbox-else")
    rows = (await sandbox.control("GET", f"/transfers?provider=smokedebrid&token={TOKEN}"))["items"]
    assert [row["info_hash"] for row in rows] == [HASH, "b2" * 20]
    assert set(rows[0]) == {"id", "info_hash", "state", "created_at"}
    assert rows[0]["state"] == "resolving"
    await sandbox.advance(3)
    rows = (await sandbox.control("GET", f"/transfers?provider=smokedebrid&token={TOKEN}"))["items"]
    assert {row["state"] for row in rows} == {"ready"}
    assert (await sandbox.control("GET", f"/transfers?provider=torbox&token={TOKEN}"))["items"] == []
    assert await refused(sandbox, "GET", "/transfers?provider=nobody&token=x")


# POST /limits


async def test_limits_are_on_until_they_are_switched_off(sandbox: Caller):
    rows = (await sandbox.control("GET", "/limits"))["items"]
    assert {row["enabled"] for row in rows} == {True}
    rows = (await sandbox.control("POST", "/limits", {"provider": "torbox", "enabled": False}))["items"]
    assert [row["provider"] for row in rows if not row["enabled"]] == ["torbox"]
    statuses = {(await sandbox.call("GET", "/torbox/v1/api/stats")).status for _ in range(301)}
    assert statuses == {200}
    rows = (await sandbox.control("POST", "/limits", {"provider": "*", "enabled": False}))["items"]
    assert {row["enabled"] for row in rows} == {False}
    assert await refused(sandbox, "POST", "/limits", {"provider": "nobody", "enabled": True})


# POST /reset


async def test_reset_leaves_an_empty_world(sandbox: Caller):
    await sandbox.define(HASH, name="Box")
    await sandbox.control("POST", "/hosters", {"url": URL, "state": "down"})
    await submit(sandbox)
    await sandbox.fault("smokedebrid", "gone", times=9)
    await sandbox.control("POST", "/limits", {"provider": "*", "enabled": False})
    await sandbox.control("POST", "/clock", {"advance_seconds": 1e9})
    before = (await sandbox.control("GET", "/clock"))["now"]
    after = await sandbox.control("POST", "/reset")
    assert before - after["now"] > 9e8
    assert after["rate"] == 1
    assert (await sandbox.control("GET", f"/content/{HASH}"))["name"] != "Box"
    assert (await sandbox.control("GET", f"/hosters?url={URL}"))["state"] == "unsupported"
    assert (await sandbox.control("GET", "/faults"))["items"] == []
    assert (await sandbox.control("GET", "/calls"))["items"] == []
    assert (await sandbox.control("GET", f"/transfers?provider=smokedebrid&token={TOKEN}"))["items"] == []
    assert all(row["enabled"] for row in (await sandbox.control("GET", "/limits"))["items"])


async def test_unknown_control_calls_and_providers(sandbox: Caller):
    assert "/reset" in await refused(sandbox, "GET", "/nothing")
    assert await refused(sandbox, "GET", "/reset")
    broken = await sandbox.call("POST", "/_control/content", body=b"{not json")
    assert broken.status == 400
    nobody = await sandbox.call("GET", "/nobody/v1")
    assert (nobody.status, b"realdebrid" in nobody.body) == (404, True)


# PUT /bytes


async def test_bytes_that_were_handed_in_are_served_in_ranges(sandbox: Caller):
    film = bytes(range(256)) * 2000
    told = (await sandbox.call("PUT", "/_control/bytes", body=film)).json
    assert told == {"sha256": hashlib.sha256(film).hexdigest(), "size": len(film)}
    files = [{"path": "film.webm", "bytes": told["sha256"]}, {"path": "noise.bin", "size": 1000}]
    await sandbox.define(HASH, name="Film", files=files, cached_on=["smokedebrid"])
    shown = await sandbox.control("GET", f"/content/{HASH}")
    assert shown["files"][0] == {
        "path": "film.webm",
        "size": len(film),
        "bytes": told["sha256"],
        "sha256": told["sha256"],
    }
    transfer = await submit(sandbox)
    rows = (await sandbox.call("GET", f"{SMOKE}/transfers/{transfer['id']}/files", token=TOKEN)).json["files"]
    (file,) = [row for row in rows if row["path"].endswith("film.webm")]
    link = await sandbox.call("POST", f"{SMOKE}/transfers/{transfer['id']}/files/{file['id']}/link", token=TOKEN)
    whole = await sandbox.call("GET", link.json["url"])
    assert (whole.status, whole.body) == (200, film)
    part = await sandbox.call("GET", link.json["url"], headers={"Range": "bytes=300000-300009"})
    assert (part.status, part.body) == (206, film[300_000:300_010])


async def test_bytes_that_cannot_be_kept_are_refused(sandbox: Caller):
    too_large = await sandbox.call("PUT", "/_control/bytes", body=bytes(16 * 1024 * 1024 + 1))
    assert (too_large.status, too_large.json["error"]) == (413, "a file has at most 16777216 bytes")
    for files in ([{"path": "a", "bytes": "0" * 64}], [{"path": "a", "bytes": "../../etc/passwd"}], [{"path": "a"}]):
        assert await refused(sandbox, "POST", "/content", {"info_hash": HASH, "files": files})
    kept = (await sandbox.call("PUT", "/_control/bytes", body=b"four")).json["sha256"]
    wrong_size = {"info_hash": HASH, "files": [{"path": "a", "bytes": kept, "size": 5}]}
    assert "leave size out" in await refused(sandbox, "POST", "/content", wrong_size)
    await sandbox.control("POST", "/reset")
    assert await refused(sandbox, "POST", "/content", {"info_hash": HASH, "files": [{"path": "a", "bytes": kept}]})


async def test_all_bytes_together_are_bounded_and_outlive_a_restart(tmp_path: Path):
    async with SandboxServer(tmp_path) as server:
        caller = Caller(server.url)
        replies = [await caller.call("PUT", "/_control/bytes", body=bytes([n]) * (16 << 20)) for n in range(5)]
        assert [reply.status for reply in replies] == [200, 200, 200, 200, 413]
    async with SandboxServer(tmp_path) as server:
        files = [{"path": "a.bin", "bytes": replies[0].json["sha256"]}]
        await Caller(server.url).define(HASH, files=files)
        assert (await Caller(server.url).call("PUT", "/_control/bytes", body=b"more")).status == 413
