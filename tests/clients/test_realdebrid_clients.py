"""Three independent Real-Debrid clients run against the sandbox with another base URL and nothing else."""

import hashlib

from tests.clients.conftest import Drive
from tests.sandbox.caller import Caller, torrent, torrent_info

HASH = "a1" * 20
LINK = "https://files.test/archive.rar"
FILES = [{"path": "e1.mkv", "size": 5000}, {"path": "e2.mkv", "size": 6000}, {"path": "x.nfo", "size": 1}]
UPLOADED = hashlib.sha1(torrent_info()).hexdigest()


async def _world(sandbox: Caller) -> None:
    await sandbox.define(HASH, name="Harbour", files=FILES)
    await sandbox.control("POST", "/hosters", {"url": LINK, "name": "archive.rar", "size": 10})


async def test_rd_api_py(sandbox: Caller, drive: Drive):
    await _world(sandbox)
    token = "sandbox-rdapi"
    got = await drive("rd-api-py", "rd_api_py", token=token, hash=HASH, torrent=torrent().hex(), link=LINK)
    assert got["user"]["type"] == "premium"
    assert (got["empty"], got["added"], got["early"]) == ([204, "", "0"], 201, 404)
    assert (got["selected"], got["again"], got["uploaded"]) == ([204, ""], 202, 201)
    assert (got["info"]["status"], len(got["info"]["links"])) == ("downloaded", 2)
    assert got["listed"] == [[HASH], "2"]
    assert got["check"]["supported"] == 1
    truth = (await sandbox.control("GET", f"/content/{HASH}"))["files"][0]["sha256"]
    assert hashlib.sha256(bytes.fromhex(got["bytes"])).hexdigest() == truth
    assert (got["hoster"]["filename"], got["hoster"]["filesize"]) == ("archive.rar", 10)
    assert (len(got["downloads"]), got["forgotten"]) == (2, 204)
    assert got["transcode"] == ["apple", "dash", "h264WebM", "liveMP4"]
    assert got["availability"] == {"error": "disabled_endpoint", "error_code": 37}
    assert got["active"] == {"nb": 0, "limit": 25}
    assert got["folder"] == [LINK]
    assert (got["settings"], got["updated"], got["deleted"]) == ("en", 204, 204)
    assert got["missing"] == {"error": "unknown_ressource", "error_code": 7}
    assert (got["disabled"], got["after"]) == (204, 401)
    rows = (await sandbox.control("GET", f"/transfers?provider=realdebrid&token={token}"))["items"]
    assert [row["info_hash"] for row in rows] == [UPLOADED]


async def test_pyrd(sandbox: Caller, drive: Drive):
    await _world(sandbox)
    got = await drive("pyrd", "pyrd", token="sandbox-pyrd", hash=HASH, torrent=torrent().hex())
    assert got["user"] == "premium"
    assert got["added"] == got["uploaded"] == ["id", "uri"]
    assert (got["info"]["status"], len(got["info"]["links"])) == ("downloaded", 1)
    assert got["listed"] == [UPLOADED, HASH]
    assert got["link"]["filename"] == "e1.mkv"
    assert (got["check"], got["downloads"]) == (1, [got["link"]["id"]])
    assert got["active"] == {"nb": 0, "limit": 25}
    assert got["settings"] == "en"
    assert got["availability"] == got["missing"] == "APIError"
    assert got["selected"] == got["time"] == got["deleted"] == "ContentTypeError", "documented: no JSON there"
    rows = (await sandbox.control("GET", "/transfers?provider=realdebrid&token=sandbox-pyrd"))["items"]
    assert [row["info_hash"] for row in rows] == [UPLOADED]


async def test_rd_wrapper(sandbox: Caller, drive: Drive):
    await _world(sandbox)
    got = await drive("rd-wrapper", "rd_wrapper", token="sandbox-rdw", link=LINK)
    assert (got["type"], got["username"]) == ("Premium", "rdw")
    assert got["id"] > 0
    assert got["expires"] > got["time"]
    assert abs(got["iso"] - got["time"]) <= 2
    assert got["supported"] is True
    assert got["free"] == "Free"
    assert (got["data"]["filename"], got["data"]["size"], got["data"]["hoster"]) == ("archive.rar", 10, "files.test")
    truth = (await sandbox.control("GET", f"/hosters?url={LINK}"))["sha256"]
    assert hashlib.sha256(bytes.fromhex(got["bytes"])).hexdigest() == truth
    assert got["unsupported"] == "UnsupportedHosterError"
    assert got["bad_token"] == got["after"] == "InvalidAPIToken"
    assert got["disabled"] == "APITokenDisabledSuccessfully"
