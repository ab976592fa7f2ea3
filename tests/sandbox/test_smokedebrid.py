"""SmokeDebrid: the contract of docs/sandbox.md, shape by shape."""

import hashlib

import pytest
from tests.sandbox.caller import Caller, magnet, torrent, torrent_info

HASH = "a1" * 20
TOKEN = "whatever-token"
ROOT = "/smokedebrid/v1"


async def _submit(sandbox: Caller, **source: str) -> dict:
    reply = await sandbox.call("POST", ROOT + "/transfers", token=TOKEN, data=source)
    assert reply.status in {200, 201}, reply.body
    return reply.json["transfer"]


async def test_account_of_any_token_and_of_none(sandbox: Caller):
    reply = await sandbox.call("GET", ROOT + "/account", token=TOKEN)
    assert set(reply.json["account"]) == {"id", "name", "plan", "premium_until", "active_transfers"}
    assert reply.json["account"]["plan"] == "premium"
    refused = await sandbox.call("GET", ROOT + "/account")
    assert (refused.status, refused.json["error"]["code"]) == (401, "unauthorized")


async def test_a_magnet_moves_and_becomes_bytes(sandbox: Caller):
    await sandbox.define(HASH, name="Box", files=[{"path": "in/a.bin", "size": 70_001}, {"path": "b.txt", "size": 3}])
    made = await _submit(sandbox, magnet=magnet(HASH.upper(), "Other"))
    assert (made["info_hash"], made["name"], made["size"]) == (HASH, "Box", 70_004)
    early = await sandbox.call("POST", f"{ROOT}/transfers/{made['id']}/files/0/link", token=TOKEN)
    assert (early.status, early.json["error"]["code"]) == (409, "not_ready")
    await sandbox.advance(3)
    shown = (await sandbox.call("GET", f"{ROOT}/transfers/{made['id']}", token=TOKEN)).json["transfer"]
    assert (shown["state"], shown["progress"]) == ("ready", 1.0)
    assert shown["files"][0] == {"id": 0, "path": "in/a.bin", "size": 70_001}
    link = (await sandbox.call("POST", f"{ROOT}/transfers/{made['id']}/files/0/link", token=TOKEN)).json
    fetched = await sandbox.call("GET", link["url"])
    truth = await sandbox.control("GET", f"/content/{HASH}")
    assert hashlib.sha256(fetched.body).hexdigest() == truth["files"][0]["sha256"]


async def test_the_same_source_twice_is_one_transfer(sandbox: Caller):
    first, second = await _submit(sandbox, magnet=magnet(HASH)), await _submit(sandbox, info_hash=HASH)
    assert first["id"] == second["id"]
    rows = (await sandbox.call("GET", ROOT + "/transfers", token=TOKEN)).json
    assert (rows["total"], rows["pages"], len(rows["transfers"])) == (1, 1, 1)


async def test_torrent_nzb_and_link_uploads(sandbox: Caller):
    made = await sandbox.call("POST", ROOT + "/transfers/torrent", token=TOKEN, body=torrent())
    assert made.json["transfer"]["info_hash"] == hashlib.sha1(torrent_info()).hexdigest()
    nzb = await sandbox.call("POST", ROOT + "/transfers/nzb?name=x", token=TOKEN, body=b"<?xml?><nzb></nzb>")
    assert (nzb.status, nzb.json["transfer"]["kind"]) == (201, "usenet")
    for field, kind in (("link", "web"), ("nzb_url", "usenet")):
        assert (await _submit(sandbox, **{field: f"https://any.test/{field}"}))["kind"] == kind
    bad = await sandbox.call("POST", ROOT + "/transfers/torrent", token=TOKEN, body=b"d3:fooe")
    assert (bad.status, bad.json["error"]["code"]) == (422, "invalid_source")


async def test_pages_lose_and_repeat_nothing(sandbox: Caller):
    for number in range(7):
        await _submit(sandbox, info_hash=f"{number:040x}")
    seen = []
    for page in (1, 2, 3, 4):
        rows = await sandbox.call("GET", ROOT + "/transfers", token=TOKEN, query={"page": page, "per_page": 3})
        assert rows.json["pages"] == 3
        seen += [row["info_hash"] for row in rows.json["transfers"]]
    assert seen == [f"{number:040x}" for number in range(6, -1, -1)]


async def test_remove(sandbox: Caller):
    made = await _submit(sandbox, magnet=magnet(HASH))
    for status in (204, 404):
        assert (await sandbox.call("DELETE", f"{ROOT}/transfers/{made['id']}", token=TOKEN)).status == status


async def test_unlock_and_hosts(sandbox: Caller):
    url = "https://files.test/x"
    for state, status in (("ok", 200), ("down", 503), ("unsupported", 422)):
        await sandbox.control("POST", "/hosters", {"url": url, "name": "x.zip", "size": 9, "state": state})
        reply = await sandbox.call("POST", ROOT + "/unlock", token=TOKEN, data={"link": url})
        assert reply.status == status
    anything = await sandbox.call("POST", ROOT + "/unlock", token=TOKEN, data={"link": "https://else.test/y.iso"})
    assert (anything.json["name"], anything.json["size"]) == ("y.iso", 8 * 1024 * 1024)
    hosts = (await sandbox.call("GET", ROOT + "/hosts")).json["hosts"]
    assert {"name": "1fichier", "domains": ["1fichier.com", "alterupload.com"]} in hosts


async def test_availability_and_cached_submission(sandbox: Caller):
    await sandbox.define(HASH, cached_on=["smokedebrid"])
    other = "b2" * 20
    reply = await sandbox.call("POST", ROOT + "/availability", token=TOKEN, data={"hashes": [HASH, other]})
    assert reply.json == {"cached": {HASH: True, other: False}}
    assert (await _submit(sandbox, magnet=magnet(HASH)))["state"] == "ready"


@pytest.mark.parametrize(
    ("fault", "status", "code"),
    [
        ("rate_limited", 429, "rate_limited"),
        ("server_error", 500, "server_error"),
        ("quota", 402, "quota_exceeded"),
        ("slots_full", 409, "slots_full"),
        ("expired_link", 410, "link_expired"),
        ("bad_token", 401, "unauthorized"),
        ("gone", 410, "endpoint_gone"),
    ],
)
async def test_faults(sandbox: Caller, fault: str, status: int, code: str):
    await sandbox.fault("smokedebrid", fault, call="/v1/account", seconds=7)
    reply = await sandbox.call("GET", ROOT + "/account", token=TOKEN)
    assert (reply.status, reply.json["error"]["code"]) == (status, code)
    assert reply.headers.get("retry-after") == ("7" if fault == "rate_limited" else None)
    assert (await sandbox.call("GET", ROOT + "/account", token=TOKEN)).status == 200


async def test_unknown_path_and_wrong_method(sandbox: Caller):
    assert (await sandbox.call("GET", ROOT + "/nowhere", token=TOKEN)).status == 404
    assert (await sandbox.call("PUT", ROOT + "/account", token=TOKEN)).status == 405
