"""What the one published client of the contract sends and reads (section 16 of the sheet), played against us.

Its rules are written out here as it applies them: an answer that it would throw away is a failure of ours.
"""

import json
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

import httpx
import pytest

from sluicegate.core.transfers import Transfer, TransferState
from sluicegate.providers.memory.world import Content
from sluicegate.surfaces.gateway.application import _PROVIDER_SECONDS, _TOTAL_SECONDS
from sluicegate.surfaces.gateway.payloads import job_body

HASH = "c1" * 20
MAGNET = f"magnet:?xt=urn:btih:{HASH}"
READY = {"completed", "downloaded", "ready", "finished"}
FAILED = {"error", "failed", "dead", "canceled", "cancelled"}
VIDEO = (".mkv", ".mp4")
GIVES_UP_SECONDS = 15.0


@dataclass
class Client:
    """The client on behalf of one user."""

    base: str
    headers: dict[str, str]

    async def call(self, method: str, path: str, body: Any = None, providers: str = "torbox") -> dict[str, Any]:
        """``data.<slug>.data`` of its first provider; any provider's error spoils the whole answer."""
        url = self.base.rstrip("/") + "/api/v0.6-beta/canonical" + path
        # Its HTTP library writes a GET's missing body as the four characters "null", of this type.
        headers = self.headers | {"Content-Type": "application/json", "X-Relaygate-Provider": providers}
        async with httpx.AsyncClient(timeout=GIVES_UP_SECONDS) as client:
            response = await client.request(method, url, content=json.dumps(body), headers=headers)
        assert response.is_success, response.text
        fragments = response.json()["data"]
        assert not [fragment["error"]["detail"] or fragment["error"]["title"]
                    for fragment in fragments.values() if "error" in fragment]  # fmt: skip
        return fragments[providers.partition(",")[0]]["data"]

    async def cached(self, hashes: list[str]) -> set[str]:
        asked = [text.lower() for text in hashes]
        answer = await self.call("POST", "/torrents/cache-check", {"hashes": asked, "list_files": False})
        items = answer.get("items")
        return {item["info_hash"] for item in items if item["info_hash"] in asked and item["cached"] is True}

    async def play(self, magnet: str, hint: str = "") -> str:
        """From a magnet to the address that its player opens."""
        job = await self.call("POST", "/jobs", {"kind": "torrent", "magnet": magnet})
        job_id = job.get("job_id") or job.get("id") or job.get("jobId")
        path = f"/jobs/{quote(str(job_id), safe='')}"
        for _ in range(48):
            job = await self.call("GET", f"{path}?kind=torrent")
            status = (job.get("status") or job.get("state")).lower()
            assert status not in FAILED
            if status in READY:
                break
        listed = await self.call("GET", f"{path}/files?kind=torrent")
        file_id = self.chosen(listed.get("files") or listed.get("items"), hint)
        body = await self.call("POST", f"{path}/files/{quote(file_id, safe='')}/playback?kind=torrent", {})
        return next(location["url"] for location in body["locations"] if location["url"])

    def chosen(self, files: list[dict[str, Any]], hint: str) -> str:
        """The hinted video by the end of its path, else the largest; files with a falsy id do not exist for it."""
        videos = [file for file in files if file["id"] and (file["name"] or file["path"]).lower().endswith(VIDEO)]
        hinted = [file for file in videos if file["path"].endswith(hint)] if hint else []
        return str((hinted or [max(videos, key=lambda file: file["size"])])[0]["id"])


@pytest.fixture
async def client(stage) -> Client:
    _, key = await stage.user("torbox", "premiumize")
    headers = {
        "X-Relaygate-Addon-Id": stage.addon,
        "X-Relaygate-Addon-Secret": stage.secret,
        "Authorization": f"Bearer {key}",
    }
    return Client(stage.url + "/", headers)


async def test_it_finds_what_is_cached_among_a_hundred_hashes(stage, client):
    hashes = [f"{number:040X}" for number in range(1, 101)]
    hits = {hashes[7].lower(), hashes[99].lower()}
    for text in hashes[:50] + hashes[99:]:
        stage.twins.worlds["torbox"].define(text.lower(), Content(cached=text.lower() in hits))
    assert await client.cached(hashes) == hits


@pytest.mark.parametrize(("hint", "played"), [("", "S01E02.mkv"), ("S01E01.mkv", "S01E01.mkv")])
async def test_it_plays_the_hinted_or_the_largest_video(stage, client, hint, played):
    files = {"Show/S01E01.mkv": b"x" * 10, "Show/S01E02.mkv": b"x" * 20, "Show/all.zip": b"x" * 90}
    script = (TransferState.QUEUED, TransferState.STALLED, TransferState.DOWNLOADING, TransferState.READY)
    stage.twins.worlds["torbox"].define(HASH, Content("Show", files, script=script))
    url = await client.play(MAGNET, hint)
    assert url.startswith("https://")
    assert url.partition("?")[0].endswith(played)


async def test_it_lists_what_there_is(stage, client):
    stage.twins.worlds["torbox"].define(HASH, Content("Show", {"a.mkv": b"xyz"}))
    await client.call("POST", "/jobs", {"kind": "torrent", "magnet": MAGNET})
    (item,) = (await client.call("GET", "/jobs?kind=torrent"))["items"]
    assert item["id"] == item["job_id"]
    assert isinstance(item["id"], str)
    assert (item["name"], item["size"], item["hash"], item["url"]) == ("Show", 3, HASH, None)


async def test_it_unlocks_a_link_for_a_viewer(stage, client):
    body = {"url": "https://hoster.example/f", "client_ip": "203.0.113.7"}
    for sent in (body, {"url": body["url"]}):
        answer = await client.call("POST", "/hoster/links/unlock", sent, "premiumize")
        assert answer["locations"][0]["url"].startswith("https://")


async def test_it_asks_two_providers_with_a_space_behind_the_comma(stage, client):
    hashes = ["d4" * 20, "e5" * 20]
    answer = await client.call("POST", "/torrents/cache-check", {"hashes": hashes}, "torbox, premiumize")
    # What nobody can tell is no error: one error would spoil the other provider's answer.
    assert [item["cached"] for item in answer["items"]] == [None, None]


@pytest.mark.parametrize("state", list(TransferState))
def test_it_stops_polling_exactly_when_a_job_is_over(state):
    status = job_body(Transfer("1", state, detail="cached"), "torrent").status
    assert (status in READY) == (state is TransferState.READY)
    assert (status in FAILED) == (state is TransferState.FAILED)


def test_it_is_answered_before_it_gives_up():
    assert _PROVIDER_SECONDS < _TOTAL_SECONDS < GIVES_UP_SECONDS
