"""TorBox's own Python SDK (``torbox-api``) runs against the sandbox with another base URL and nothing else."""

import hashlib

from tests.clients.conftest import Drive
from tests.sandbox.caller import Caller, magnet, torrent, torrent_info

HASH, CACHED, OTHER = "a1" * 20, "b2" * 20, "c3" * 20
LINK, NZB = "https://files.test/archive.rar", "https://nzb.test/show.nzb"


async def test_torbox_api(sandbox: Caller, drive: Drive):
    await sandbox.define(HASH, name="Film", files=[{"path": "film.mkv", "size": 5000}])
    await sandbox.define(CACHED, cached_on=["torbox"])
    await sandbox.control("POST", "/hosters", {"url": LINK, "name": "archive.rar", "size": 10})
    got = await drive(
        "torbox-api",
        "torbox_api",
        token="sandbox-sdk",
        magnet=magnet(HASH),
        cached=f"{CACHED},{HASH}",
        other=magnet(OTHER),
        torrent=torrent().hex(),
        link=LINK,
        nzb=NZB,
    )
    truth = (await sandbox.control("GET", f"/content/{HASH}"))["files"][0]
    uploaded = hashlib.sha1(torrent_info()).hexdigest()
    assert got["plan"] == 2
    assert got["email"] == "sdk@example.org"
    assert got["empty"] == 404
    assert got["checked"] == [CACHED]
    assert got["created"] == {"hash": HASH, "detail": "Torrent Added Successfully"}
    assert got["twice"] == "DIFF_ISSUE"
    assert got["uploaded"] == uploaded
    assert got["listed"] == [[uploaded, True, True, 1.0], [HASH, True, True, 1.0]]
    assert got["files"] == [["Film/film.mkv", 5000]]
    assert hashlib.sha256(bytes.fromhex(got["bytes"])).hexdigest() == truth["sha256"]
    assert got["queued"] > 0
    assert got["web"] == [hashlib.md5(LINK.encode()).hexdigest(), [True]]
    assert got["usenet"] == [hashlib.md5(NZB.encode()).hexdigest(), [True]]
    assert got["hosters"] == ["1fichier", "Rapidgator"]
    assert (got["gone"], got["stats"], got["up"]) == (True, True, True)
    calls = await sandbox.calls("torbox")
    assert [call["status"] for call in calls if call["path"].endswith("/getqueued")] == [200]
    rows = (await sandbox.control("GET", "/transfers?provider=torbox&token=sandbox-sdk"))["items"]
    assert HASH not in {row["info_hash"] for row in rows}
