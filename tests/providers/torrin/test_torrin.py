"""Torrin's traps, one by one, and what is sent for each operation."""

from datetime import UTC, datetime
from typing import Any

import pytest
from tests.providers.suite.interposer import Interposer, Reply
from tests.sandbox.caller import Caller, torrent

from sluicegate.core.accounts import AccountFacts, Credential
from sluicegate.core.availability import Availability
from sluicegate.core.errors import (
    FileGone,
    InvalidInput,
    ProtocolError,
    SlotsFull,
    SourceRejected,
    TransferNotReady,
    UpstreamPlanRequired,
)
from sluicegate.core.files import RemoteFile
from sluicegate.core.links import Link
from sluicegate.core.provider import HosterSupport, Page
from sluicegate.core.secrets import Secret
from sluicegate.core.sources import Magnet, Nzb, SourceKind, WebLink
from sluicegate.core.torrent_files import parse_torrent
from sluicegate.core.transfers import Submission, Transfer, TransferState
from sluicegate.net.http import Http
from sluicegate.providers.torrin.adapter import Torrin

HASH = "c" * 39 + "1"
NZB = b'<?xml version="1.0"?><nzb xmlns="http://www.newzbin.com/DTD/2003/nzb"><file/></nzb>'
AT = datetime(2026, 8, 1, 10, 15, 30, 123456, tzinfo=UTC)


class Desk:
    """Opens accounts whose requests pass the interposer."""

    def __init__(self, http: Http, interposer: Interposer, sandbox: Caller) -> None:
        self.http, self.interposer, self.sandbox = http, interposer, sandbox

    def open(self, token: str = "sandbox-tor", path: str = "/torrin") -> Torrin:
        return Torrin(self.http, Credential("a", Secret(token)), base_url=self.interposer.url + path)

    def answer(self, value: Any, status: int = 200) -> None:
        """From now on every call is answered with this."""
        self.interposer.script = lambda _: Reply.json(value, status)

    async def content(self, info_hash: str = HASH, **more: Any) -> Magnet:
        files = [{"path": "film.mkv", "size": 10}, {"path": "extras/film.mkv", "size": 20}]
        await self.sandbox.define(info_hash, **({"name": "Film", "files": files} | more))
        return Magnet(info_hash)


@pytest.fixture
async def desk(http: Http, interposer: Interposer, sandbox: Caller) -> Desk:
    return Desk(http, interposer, sandbox)


def job(**more: Any) -> dict[str, Any]:
    told = {
        "id": "0198f2c4-6d1e", "info_hash": HASH.upper(), "name": "Film", "source": "torrent", "status": "downloading",
        "file_size": 30, "progress": 41.5, "speed": 7, "created_at": "2026-08-01T10:15:30.123456789Z",
    }  # fmt: skip
    return told | more


# Lists


async def test_null_is_an_empty_list(desk: Desk) -> None:
    assert await desk.open().list_page() == Page((), None)
    assert desk.interposer.replies[-1].body == b"null"


async def test_keyset_paging(desk: Desk) -> None:
    class Small(Torrin):
        page_size = 2

    account = Small(desk.http, Credential("a", Secret("sandbox-pro-tor")), base_url=desk.interposer.url + "/torrin")
    made = []
    for number in range(4):
        magnet = await desk.content(f"{number}" * 39 + "1")
        made.insert(0, (await account.submit_magnet(magnet)).transfer_id)
        if number % 2:  # two share each moment, so the time alone tells no place
            await desk.sandbox.advance(0.25)
    first = await account.list_page()
    second = await account.list_page(first.next_cursor)
    third = await account.list_page(second.next_cursor)
    assert [one.id for page in (first, second) for one in page.transfers] == made
    assert third == Page((), None)
    queries = [sent.query for sent in desk.interposer.sent[-3:]]
    last = desk.interposer.replies[-3].document[-1]
    assert queries[0] == {"limit": "2"}
    assert queries[1] == {"limit": "2", "before": last["created_at"], "before_id": made[1]}
    assert queries[2]["before_id"] == made[3]


@pytest.mark.parametrize("cursor", ["", "x", "2026-08-01T10:15:30Z", "yesterday 0198", "2026-08-01T10:15:30Z a&b"])
async def test_cursors_that_are_none(desk: Desk, cursor: str) -> None:
    with pytest.raises(InvalidInput):
        await desk.open().list_page(cursor)
    assert desk.interposer.sent == []


# Jobs


async def test_transfer_value(desk: Desk) -> None:
    desk.answer(job())
    assert await desk.open().get("0198f2c4-6d1e") == Transfer(
        "0198f2c4-6d1e", TransferState.DOWNLOADING, "Film", info_hash=HASH, size=30, progress=0.415, speed=7,
        added_at=AT, detail="downloading",
    )  # fmt: skip
    desk.answer(job(status="failed", error="no peers", progress=250))
    found = await desk.open().get("0198f2c4-6d1e")
    assert (found.state, found.detail, found.progress) == (TransferState.FAILED, "no peers", 1.0)


@pytest.mark.parametrize(
    ("source", "kind"),
    [
        ("usenet", SourceKind.USENET),
        ("hoster", SourceKind.WEB),
        ("hdencode", SourceKind.WEB),
        ("scenerls", SourceKind.WEB),
        ("telegram", SourceKind.WEB),
        ("ytdlp", SourceKind.WEB),
        ("crossseed", SourceKind.TORRENT),
        ("torrent", SourceKind.TORRENT),
    ],
)
async def test_hash_of_a_link_is_no_info_hash(desk: Desk, source: str, kind: SourceKind) -> None:
    desk.answer(job(source=source))
    found = await desk.open().get("0198f2c4-6d1e")
    assert found.kind is kind
    assert found.info_hash == (HASH if kind is SourceKind.TORRENT else None)


async def test_what_the_create_status_tells(desk: Desk) -> None:
    magnet = Magnet(HASH)
    for status, word, existing, cached in (
        (202, "pending", False, False),
        (200, "complete", None, True),
        (200, "downloading", True, None),
    ):
        desk.answer(job(status=word), status)
        found = await desk.open().submit_magnet(magnet)
        assert (found.transfer_id, found.existing, found.cached) == ("0198f2c4-6d1e", existing, cached)
        assert found.transfer is not None
        assert found.transfer.info_hash == HASH


async def test_another_job_than_asked_for(desk: Desk) -> None:
    desk.answer(job(id="0198f2c4-0000"))
    with pytest.raises(ProtocolError):
        await desk.open().get("0198f2c4-6d1e")
    desk.answer({"job_id": "0198f2c4-0000", "streams": []})
    with pytest.raises(ProtocolError):
        await desk.open().link("torrin:0198f2c4-6d1e:0")


async def test_seeding_has_files_and_refuses_removal(desk: Desk) -> None:
    account = desk.open("sandbox-seeding-tor")
    mine = (await account.submit_magnet(await desk.content(seconds_to_ready=2))).transfer_id
    await desk.sandbox.advance(3)
    assert (await account.get(mine)).state is TransferState.READY
    assert desk.interposer.replies[-1].document["status"] == "seeding"
    assert len(await account.files(mine)) == 2
    assert (await account.link(f"torrin:{mine}:0")).size == 10
    with pytest.raises(TransferNotReady) as caught:
        await account.remove(mine)
    assert caught.value.upstream_code == "409"
    await desk.sandbox.advance(61)
    await account.remove(mine)


async def test_removal_is_confirmed(desk: Desk) -> None:
    desk.answer({"status": "queued"})
    with pytest.raises(ProtocolError):
        await desk.open().remove("0198f2c4-6d1e")


async def test_removed_content_stays_cached(desk: Desk) -> None:
    account = desk.open()
    magnet = await desk.content(seconds_to_ready=2)
    mine = (await account.submit_magnet(magnet)).transfer_id
    await desk.sandbox.advance(3)
    await account.get(mine)
    await account.remove(mine)
    again = await account.submit_magnet(magnet)
    assert (again.transfer_id != mine, again.cached) == (True, True)


async def test_evicted_is_failed_and_may_be_handed_in_again(desk: Desk) -> None:
    account = desk.open()
    magnet = await desk.content(seconds_to_ready=2)
    mine = (await account.submit_magnet(magnet)).transfer_id
    await desk.sandbox.advance(3)
    await account.get(mine)
    await desk.sandbox.advance(31 * 86_400)
    found = await account.get(mine)
    assert (found.state, found.detail) == (TransferState.FAILED, "evicted")
    assert (await account.submit_magnet(magnet)).transfer_id != mine


async def test_slots_are_told_apart_from_rates(desk: Desk) -> None:
    account = desk.open("sandbox-starter-tor")
    for number in range(2):
        await account.submit_magnet(await desk.content(f"{number}" * 39 + "1"))
    with pytest.raises(SlotsFull) as caught:
        await account.submit_magnet(await desk.content())
    assert (caught.value.upstream_code, caught.value.retry_after) == ("429", None)


async def test_blocked_content_is_never_handed_in_again(desk: Desk) -> None:
    with pytest.raises(SourceRejected) as caught:
        await desk.open().submit_magnet(await desk.content(blocked_on=["torrin"]))
    assert "bans" in caught.value.action


async def test_paused_and_free_accounts(desk: Desk) -> None:
    paused = desk.open("sandbox-paused-tor")
    facts = await paused.account()
    assert (facts.premium, facts.plan) == (False, "standard (paused)")
    with pytest.raises(UpstreamPlanRequired) as caught:
        await paused.submit_magnet(await desk.content())
    assert caught.value.action == "Resume the subscription at torrin.app."
    free = desk.open("sandbox-free-tor")
    assert (await free.account()).premium is False
    with pytest.raises(UpstreamPlanRequired) as caught:
        await free.submit_web(WebLink("https://1fichier.com/?a"))
    assert caught.value.action == UpstreamPlanRequired.action


async def test_trouble_with_a_link_shows_in_the_transfer(desk: Desk) -> None:
    url = "https://1fichier.com/?down"
    await desk.sandbox.control("POST", "/hosters", {"url": url, "name": "x", "size": 1, "state": "down"})
    made = await desk.open().submit_web(WebLink(url))
    assert made.transfer is not None
    assert (made.transfer.state, made.transfer.detail) == (TransferState.FAILED, "hoster is down")


# Files and links


async def test_files_keep_position_and_index_apart(desk: Desk) -> None:
    files = [{"index": 4, "name": "a/b.mkv", "size": 5}, {"index": 7, "name": "c.txt"}]
    desk.answer(job(status="complete", files=files))
    assert await desk.open().files("0198f2c4-6d1e") == (
        RemoteFile(4, "a/b.mkv", 5, "torrin:0198f2c4-6d1e:0", "video/x-matroska"),
        RemoteFile(7, "c.txt", -1, "torrin:0198f2c4-6d1e:1", "text/plain"),
    )
    for told in (job(files=files), job(status="complete")):
        desk.answer(told)
        with pytest.raises(TransferNotReady):
            await desk.open().files("0198f2c4-6d1e")


async def test_signed_links_are_taken_as_they_are(desk: Desk) -> None:
    url = "https://eu1.example/0f/a%2Fb.mkv?exp=1785666662&sig=9d&enc=k%2B1"
    first = {"signed_url": "https://eu1.example/first"}
    desk.answer({"job_id": "0198f2c4-6d1e", "streams": [first, {"file_name": "a/b.mkv", "size": 5, "signed_url": url}]})
    until = datetime(2026, 8, 2, 10, 31, 2, tzinfo=UTC)
    assert await desk.open().link("torrin:0198f2c4-6d1e:1") == Link(url, until, "b.mkv", 5)
    assert await desk.open().link("torrin:0198f2c4-6d1e:0") == Link("https://eu1.example/first")
    with pytest.raises(FileGone):
        await desk.open().link("torrin:0198f2c4-6d1e:2")


async def test_links_live_a_day(desk: Desk) -> None:
    account = desk.open()
    mine = (await account.submit_magnet(await desk.content(cached_on=["torrin"]))).transfer_id
    link = await account.link(f"torrin:{mine}:1")
    await desk.sandbox.advance(86_000)
    assert len((await desk.http.request("GET", link.url)).body) == 20
    await desk.sandbox.advance(500)
    assert (await desk.http.request("GET", link.url)).status == 403
    fresh = await account.link(f"torrin:{mine}:1")
    assert (await desk.http.request("GET", fresh.url)).ok


# The rest


async def test_availability_values(desk: Desk) -> None:
    other, third, fourth = (letter * 39 + "1" for letter in "def")
    desk.answer({
        HASH: {"available": True, "files": [{"file_name": "a/b.mkv", "size": 5, "url": "https://secret.example"}]},
        other: {"available": False},
        third: {"available": True, "files": [{"file_name": "../x", "size": 5}]},
    })  # fmt: skip
    assert await desk.open().availability([HASH, other, third, fourth]) == (
        Availability(HASH, True, files=(RemoteFile(0, "a/b.mkv", 5, None, "video/x-matroska"),)),
        Availability(other, False),
        Availability(third, True),
        Availability(fourth, None),
    )


async def test_account_value(desk: Desk) -> None:
    plan = {"id": "pro", "max_concurrent_jobs": 8, "max_torrent_bytes": 1024}
    desk.answer({"user_id": "0198a1b2", "plan": plan, "active_slots": 1, "expires_at": "2026-12-31T00:00:00Z"})
    limits = (("active_transfers", 1.0), ("slots", 8.0), ("largest_torrent_bytes", 1024.0))
    until = datetime(2026, 12, 31, tzinfo=UTC)
    assert await desk.open().account() == AccountFacts("0198a1b2", True, "pro", until, limits)


async def test_hosters_value(desk: Desk) -> None:
    desk.answer([{"name": "1fichier", "domains": ["WWW.1fichier.com"]}])
    assert await desk.open().hosters() == (HosterSupport("1fichier", ("1fichier.com",)),)


async def test_base_url_may_end_with_api(desk: Desk) -> None:
    assert (await desk.open(path="/torrin/api/").account()).premium is True
    assert desk.interposer.sent[-1].target == "/torrin/api/me"


async def test_requests_are_as_documented(desk: Desk) -> None:
    account = desk.open("sandbox-pro-tor")
    mine = (await account.submit_magnet(await desk.content(cached_on=["torrin"]))).transfer_id
    await account.submit_torrent_file(parse_torrent(torrent()))
    await account.submit_nzb(Nzb("show.nzb", raw=NZB))
    linked = await account.submit_nzb(Nzb("far.nzb", url="https://nzb.example/far.nzb"))
    await account.submit_web(WebLink("https://1fichier.com/?a"))
    await account.list_page()
    await account.files(mine)
    await account.link(f"torrin:{mine}:0")
    await account.availability([HASH])
    await account.hosters()
    await account.remove(mine)
    sent = desk.interposer.sent
    assert [(one.method, one.target.removeprefix("/torrin")) for one in sent] == [
        ("POST", "/api/jobs"),
        ("POST", "/api/add"),
        ("POST", "/api/jobs/nzb?name=show"),
        ("POST", "/v0/store/newz"),
        ("POST", "/api/jobs/hoster"),
        ("GET", "/api/jobs?limit=200"),
        ("GET", f"/api/jobs/{mine}"),
        ("POST", f"/api/jobs/{mine}/sign"),
        ("POST", "/api/availability"),
        ("GET", "/api/hosters"),
        ("DELETE", f"/api/jobs/{mine}"),
    ]
    assert {one.headers["authorization"] for one in sent} == {"Bearer sandbox-pro-tor"}
    assert [sent[at].json for at in (0, 3, 4, 8)] == [
        {"magnet": f"magnet:?xt=urn:btih:{HASH}"},
        {"link": "https://nzb.example/far.nzb"},
        {"url": "https://1fichier.com/?a"},
        {"hashes": [HASH]},
    ]
    assert b'name="file"; filename="upload.torrent"' in sent[1].body
    assert b"application/x-bittorrent" in sent[1].body
    assert torrent() in sent[1].body
    assert sent[2].body == NZB
    assert linked == Submission(desk.interposer.replies[3].document["data"]["id"])
