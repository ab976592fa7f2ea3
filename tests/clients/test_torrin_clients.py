"""StremThru's SDK runs against the Torrin store with another base URL and nothing else."""

import hashlib

from tests.clients.conftest import Drive
from tests.sandbox.caller import Caller, magnet

HASH, CACHED, ELSEWHERE = "a1" * 20, "b2" * 20, "c3" * 20
NZB = "<?xml?><nzb></nzb>"


async def test_stremthru(sandbox: Caller, drive: Drive):
    await sandbox.define(HASH, name="Film", files=[{"path": "Film.mkv", "size": 5000}, {"path": "s/F.srt", "size": 41}])
    await sandbox.define(CACHED, cached_on=["torrin"])
    await sandbox.define(ELSEWHERE, cached_on=["realdebrid"])
    got = await drive(
        "stremthru",
        "stremthru",
        token="sandbox-sdk",
        magnet=magnet(HASH, "Said"),
        cached=CACHED,
        elsewhere=ELSEWHERE,
        nzb=NZB,
    )
    truth = (await sandbox.control("GET", f"/content/{HASH}"))["files"][0]
    assert got["health"] == {"status": "ok"}
    assert got["user"] == ["sdk@example.org", "premium"]
    assert got["checked"] == ["unknown", "cached", "acceleratable"]
    assert got["added"] == [200, "queued", HASH, magnet(HASH, "Said")]
    assert got["twice"] is True
    assert got["one"] == ["downloaded", [[0, "/Film.mkv", 5000], [1, "/s/F.srt", 41]]]
    assert got["listed"] == [1, "downloaded"]
    assert hashlib.sha256(bytes.fromhex(got["bytes"])).hexdigest() == truth["sha256"]
    assert got["removed"] == [204, None]
    assert got["gone"] == [404, {"code": 404, "message": "not found"}]
    assert got["wrong"] == [400, {"code": 400, "message": "invalid magnet"}]
    assert got["newz"] == {
        "added": [201, hashlib.sha1(NZB.encode()).hexdigest()],
        "status": ["downloaded", "cached", 2],
        "size": 8 * 1024 * 1024,
        "removed": [200, True],
    }
