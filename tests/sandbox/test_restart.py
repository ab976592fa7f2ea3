"""What AllDebrid, Premiumize, Debrid-Link and Torrin told a client before a restart still holds after it."""

from pathlib import Path
from typing import Any

from tests.sandbox.caller import Caller, magnet

from sluicegate.sandbox.server import SandboxServer

HASH = "a1" * 20
TOKEN = "sandbox-joe"
EVERYWHERE = ["alldebrid", "premiumize", "debridlink", "torrin"]
CALLS: dict[str, tuple[str, str, dict[str, Any]]] = {
    "alldebrid": ("POST", "/alldebrid/v4.1/magnet/status", {"form": {}}),
    "premiumize": ("GET", "/premiumize/api/transfer/list", {}),
    "cloud": ("GET", "/premiumize/api/item/listall", {}),
    "debridlink": ("GET", "/debridlink/api/v2/seedbox/list", {}),
    "links": ("GET", "/debridlink/api/v2/downloader/list", {}),
    "torrin": ("GET", "/torrin/api/jobs", {}),
    "availability": ("GET", f"/torrin/api/availability/{'b2' * 20}", {}),
}


async def _submit(sandbox: Caller) -> None:
    for info_hash in (HASH, "b2" * 20):
        link = magnet(info_hash)
        for path, sent in (
            ("/alldebrid/v4/magnet/upload", {"form": {"magnets[]": link}}),
            ("/premiumize/api/transfer/create", {"form": {"src": link}}),
            ("/debridlink/api/v2/seedbox/add", {"form": {"url": link}}),
            ("/debridlink/api/v2/downloader/add", {"form": {"url": "https://1fichier.com/?x"}}),
            ("/torrin/api/jobs", {"data": {"magnet": link}}),
        ):
            assert (await sandbox.call("POST", path, token=TOKEN, **sent)).status in {200, 202}


def _without_links(value: Any) -> Any:
    """Links are fresh in every answer, and begin with the address of the server."""
    if isinstance(value, dict):
        return {key: _without_links(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_without_links(item) for item in value]
    return "link" if isinstance(value, str) and value.startswith("http://127.0.0.1") else value


async def _seen(sandbox: Caller) -> dict[str, Any]:
    shown = {}
    for name, (method, path, sent) in CALLS.items():
        shown[name] = _without_links((await sandbox.call(method, path, token=TOKEN, **sent)).json)
    return shown


async def test_ids_files_and_links_survive(tmp_path: Path):
    async with SandboxServer(tmp_path) as server:
        sandbox = Caller(server.url)
        files = [{"path": "a", "size": 1}, {"path": "b/c", "size": 2}]
        await sandbox.define(HASH, name="Box", cached_on=EVERYWHERE, files=files)
        await _submit(sandbox)
        await sandbox.advance(90)
        await sandbox.control("POST", "/clock", {"rate": 0})
        before = await _seen(sandbox)
    async with SandboxServer(tmp_path) as server:
        assert await _seen(Caller(server.url)) == before
    assert (len(before["premiumize"]["transfers"]), len(before["cloud"]["files"])) == (2, 3)
    assert (len(before["alldebrid"]["data"]["magnets"]), len(before["links"]["value"])) == (2, 1)
    assert before["availability"]["available"] is True
