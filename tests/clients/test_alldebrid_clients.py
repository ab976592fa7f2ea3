"""``alldebrid`` and ``alldebrid-py`` run against the sandbox with another base URL and nothing else."""

import hashlib

from tests.clients.conftest import Drive
from tests.sandbox.caller import Caller, magnet, torrent, torrent_info

HASH, CACHED, SLOW = "a1" * 20, "b2" * 20, "c3" * 20
LINK, DELAYED = "https://1fichier.com/?a1b2c3", "https://slow.test/big.iso"
OWN = hashlib.sha1(torrent_info()).hexdigest()


async def _world(sandbox: Caller) -> str:
    """What both clients find; the digest of the file that they fetch."""
    await sandbox.control("POST", "/limits", {"provider": "alldebrid", "enabled": False})
    await sandbox.define(HASH, name="Film.mkv", files=[{"path": "Film.mkv", "size": 5000}])
    shows = [{"path": "E01.mkv", "size": 10}, {"path": "Extras/n.txt", "size": 5}]
    await sandbox.define(CACHED, name="Show", cached_on=["alldebrid"], files=shows)
    await sandbox.define(SLOW, seconds_to_ready=10_000)
    await sandbox.control("POST", "/hosters", {"url": LINK, "name": "survey.zip", "size": 734})
    await sandbox.control("POST", "/content", {"url": DELAYED, "seconds_to_ready": 25})
    return str((await sandbox.control("GET", f"/content/{HASH}"))["files"][0]["sha256"])


async def test_alldebrid(sandbox: Caller, drive: Drive):
    digest = await _world(sandbox)
    got = await drive(
        "alldebrid",
        "alldebrid",
        token="sandbox-sdk",
        magnet=magnet(HASH, "Said"),
        cached=CACHED,
        slow=SLOW,
        torrent=torrent().hex(),
        link=LINK,
        delayed=DELAYED,
    )
    assert got["login"] == [["data.apikey"], True], (
        "the client insists on a key in a pending answer, once granted it works"
    )
    assert got["uploaded"] == [HASH, CACHED, "MAGNET_INVALID_URI"]
    assert got["ready"] == [False, True]
    assert got["file"] == [OWN, False]
    assert got["early"] == [[0, "Said"]]
    assert got["listed"] == [4, 4, 4]
    assert got["filtered"] == [4, 4, 4], "a map with index keys, as PHP leaves a filtered list"
    assert got["files"] == [[["Film.mkv", 5000]], [["Show/E01.mkv", 10], ["Show/Extras/n.txt", 5]]]
    name, data = got["bytes"]
    assert (name, hashlib.sha256(bytes.fromhex(data)).hexdigest()) == ("Film.mkv", digest)
    assert got["infos"] == [734, "LINK_HOST_NOT_SUPPORTED"]
    assert got["redirected"] == "1fichier"
    assert got["deleted"] == "MAGNET_INVALID_ID"
    assert got["delayed"] == ["data.delayed"], "the client types the documented integer as text"
    assert got["bad"] == "AUTH_BAD_APIKEY"


async def test_alldebrid_py(sandbox: Caller, drive: Drive):
    digest = await _world(sandbox)
    got = await drive(
        "alldebrid-py",
        "alldebrid_py",
        token="sandboxMarlow0000001",
        magnet=magnet(HASH),
        torrent=torrent().hex(),
        link=LINK,
    )
    assert (got["ping"], got["user"]) == ({"ping": "pong"}, "Marlow0000001")
    assert got["pin"] == "PIN_ALREADY_AUTHED", "the client sends its key with every call"
    assert got["uploaded"] == [HASH, "MAGNET_INVALID_URI"]
    assert got["file"] == OWN
    assert got["retired"] == "DISCONTINUED"
    assert got["status"] == [4, "Film.mkv"]
    assert hashlib.sha256(bytes.fromhex(got["bytes"])).hexdigest() == digest
    assert got["delayed"] == [1, 2]
    assert got["saved"] == [1, {}]
    assert got["history"] == 0
    assert got["restart"] == "MAGNET_PROCESSING"
    assert got["instant"] == 404
    assert got["deleted"] == ["taken", "MAGNET_INVALID_ID"]
    rows = (await sandbox.control("GET", "/transfers?provider=alldebrid&token=sandbox-Marlow0000001"))["items"]
    assert [row["info_hash"] for row in rows] == [OWN]
