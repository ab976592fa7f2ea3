"""Debrid-Link's traps, one by one, and what is sent for each operation."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from tests.providers.suite.interposer import Interposer, Reply, Sent
from tests.sandbox.caller import Caller, torrent

from sluicegate.core.accounts import AccountFacts, Credential
from sluicegate.core.errors import (
    AccountLocked,
    CoolingDown,
    FileGone,
    InvalidInput,
    LinkExpired,
    ProtocolError,
    SourceRejected,
    TransferMissing,
    TransferNotReady,
)
from sluicegate.core.files import RemoteFile
from sluicegate.core.links import Link
from sluicegate.core.provider import HosterSupport
from sluicegate.core.secrets import Secret
from sluicegate.core.sources import Magnet, WebLink
from sluicegate.core.torrent_files import parse_torrent
from sluicegate.core.transfers import Submission, Transfer, TransferState
from sluicegate.net.http import Http
from sluicegate.providers.debridlink.adapter import DebridLink

HASH = "c" * 39 + "1"
API = "/debridlink/api/v2"


class Desk:
    """Opens accounts whose requests pass the interposer."""

    def __init__(self, http: Http, interposer: Interposer, sandbox: Caller) -> None:
        self.http, self.interposer, self.sandbox = http, interposer, sandbox

    def open(self, token: str = "sandbox-link", path: str = API) -> DebridLink:
        credential = Credential("a", Secret(token))
        return DebridLink(self.http, credential, base_url=self.interposer.url + path + "/")

    def answer(self, value: Any, **more: Any) -> None:
        """From now on every call is answered with this ``value``."""
        self.interposer.script = lambda _: Reply.json({"success": True, "value": value, **more})

    async def content(self, info_hash: str = HASH, *paths: str, **more: Any) -> Magnet:
        files = [{"path": path, "size": 10 + n} for n, path in enumerate(paths or ("film.mkv",))]
        await self.sandbox.define(info_hash, name="Film", files=files, **more)
        return Magnet(info_hash)


@pytest.fixture
async def desk(http: Http, interposer: Interposer, sandbox: Caller) -> Desk:
    return Desk(http, interposer, sandbox)


def row(**more: Any) -> dict[str, Any]:
    told = {
        "id": "s37yg6ws", "name": "Film", "created": 1786734232, "hashString": HASH.upper(), "wait": False, "status": 4,
        "totalSize": 30, "downloadPercent": 43, "downloadSpeed": 7, "peersConnected": 12, "isZip": False,
        "srvMaint": False, "error": 0, "errorString": "", "files": [file()],
    }  # fmt: skip
    return told | more


def file(**more: Any) -> dict[str, Any]:
    told = {"id": "s37yg6ws-3", "name": "e1.mkv", "size": 10, "downloadUrl": "https://seed.example/dl/e1.mkv"}
    return {**told, "downloaded": False, "downloadPercent": 100, **more}


# Ids


async def test_dropped_ids_filter_never_shows_another_transfer(desk: Desk) -> None:
    link = desk.open()
    mine = (await link.submit_magnet(await desk.content(cached_on=["debridlink"]))).transfer_id
    for wanted in ("toolong09", "abc", mine[:-1], mine.upper(), f"{mine}{mine}"):
        with pytest.raises(TransferMissing):
            await link.get(wanted)
        with pytest.raises(TransferMissing):
            await link.files(wanted)
        with pytest.raises(TransferMissing):
            await link.link(f"debridlink:{wanted}:0")
        with pytest.raises(TransferMissing):
            await link.select(wanted, [0])
        replies = desk.interposer.replies[-4:]
        assert [len(reply.document["value"]) for reply in replies] == [1] * 4  # the account came back
    assert (await link.get(mine)).id == mine


async def test_lists_of_ids_are_no_id(desk: Desk) -> None:
    link = desk.open()
    mine = (await link.submit_magnet(await desk.content())).transfer_id
    before = len(desk.interposer.sent)
    for several in (f"{mine},{mine}", f'["{mine}"]', "é", "", mine + "\n"):
        await link.remove(several)
        with pytest.raises(TransferMissing):
            await link.get(several)
        with pytest.raises((InvalidInput, TransferMissing)):
            await link.link(f"debridlink:{several}:0")
    assert len(desk.interposer.sent) == before


async def test_removal_is_echoed_even_for_what_is_not_there(desk: Desk) -> None:
    link = desk.open()
    await link.remove("s37yg6ws")
    desk.answer(["another1"])
    with pytest.raises(ProtocolError):
        await link.remove("s37yg6ws")


async def test_same_id_after_remove_and_add(desk: Desk) -> None:
    link = desk.open()
    magnet = await desk.content()
    first = (await link.submit_magnet(magnet)).transfer_id
    await link.remove(first)
    assert (await link.submit_magnet(magnet)).transfer_id == first


# Limits and locks


async def test_flood_locks_one_endpoint_for_an_hour(desk: Desk) -> None:
    link = desk.open("sandbox-flood-2-joe")
    for _ in range(2):
        await link.account()
    with pytest.raises(CoolingDown) as caught:
        await link.account()
    assert (caught.value.upstream_code, caught.value.retry_after) == ("floodDetected", 3600.0)
    await link.list_page()  # other endpoints go on
    await desk.sandbox.advance(3601)
    assert (await link.account()).premium is True


async def test_flood_with_a_wait_of_its_own(desk: Desk) -> None:
    await desk.sandbox.fault("debridlink", "rate_limited", seconds=90)
    with pytest.raises(CoolingDown) as caught:
        await desk.open().account()
    assert caught.value.retry_after == 90.0


async def test_server_addresses_are_refused_with_advice(desk: Desk) -> None:
    link = desk.open("sandbox-server-joe")
    assert ("server_detected", 1.0) in (await link.account()).limits
    with pytest.raises(AccountLocked) as caught:
        await link.submit_magnet(await desk.content())
    assert caught.value.upstream_code == "serverNotAllowed"
    assert "egress proxy" in caught.value.action


async def test_other_errors_keep_their_own_advice(desk: Desk) -> None:
    desk.interposer.script = lambda _: Reply.json({"success": False, "error": "accountLocked"}, status=400)
    with pytest.raises(AccountLocked) as caught:
        await desk.open().account()
    assert caught.value.action == AccountLocked.action


# Envelope and paging


async def test_base_url_without_version_meets_the_old_api(desk: Desk) -> None:
    with pytest.raises(ProtocolError):
        await desk.open(path="/debridlink/api").account()


async def test_success_decides(desk: Desk) -> None:
    desk.interposer.script = lambda _: Reply.json({"success": False, "value": [row()], "error": "maxLink"})
    with pytest.raises(Exception, match="maxLink"):
        await desk.open().get("s37yg6ws")


@pytest.mark.parametrize("told", [{"page": 0, "next": 1}, {"page": 1, "next": 1}, {"page": 1, "next": 0}, None])
async def test_ignored_paging_is_no_second_page(desk: Desk, told: Any) -> None:
    desk.answer([row()], pagination=told)
    with pytest.raises(ProtocolError):
        await desk.open().list_page("1")


async def test_last_page(desk: Desk) -> None:
    desk.answer([row()], pagination={"page": 1, "pages": 2, "next": -1, "previous": 0})
    page = await desk.open().list_page("1")
    assert (len(page.transfers), page.next_cursor) == (1, None)
    desk.answer([row()], pagination={"page": 1, "pages": 3, "next": 2, "previous": 0})
    assert (await desk.open().list_page("1")).next_cursor == "2"


async def test_many_files_are_one_zip_in_lists_only(desk: Desk) -> None:
    link = desk.open()
    paths = [f"{n:03}.mkv" for n in range(101)]
    mine = (await link.submit_magnet(await desk.content(HASH, *paths, cached_on=["debridlink"]))).transfer_id
    await link.select(mine)
    listed = (await link.list_page()).transfers
    assert desk.interposer.replies[-1].document["value"][0]["isZip"] is True
    assert [(one.id, one.files) for one in listed] == [(mine, None)]
    assert [one.path for one in await link.files(mine)] == paths


# States


@pytest.mark.parametrize(
    ("told", "state"),
    [
        ({"status": 6, "downloadPercent": 99}, TransferState.DOWNLOADING),
        ({"status": 6, "downloadPercent": 100}, TransferState.READY),
        ({"status": 6, "downloadPercent": 100, "files": []}, TransferState.DOWNLOADING),
        ({"status": 100, "downloadPercent": 0, "files": []}, TransferState.READY),
        ({"status": 101}, TransferState.READY),
        ({"status": 99}, TransferState.UNKNOWN),
        ({"error": 3}, TransferState.FAILED),
        ({"errorString": "No peers"}, TransferState.FAILED),
        ({"error": 3, "downloadPercent": 100}, TransferState.READY),
        ({"wait": True, "status": 0}, TransferState.SELECTING),
        ({"wait": True, "status": 0, "files": []}, TransferState.RESOLVING),
        ({"wait": True, "status": 100}, TransferState.READY),
        ({"srvMaint": True}, TransferState.QUEUED),
        ({"status": "100"}, TransferState.UNKNOWN),
    ],
)
async def test_status_conflict(desk: Desk, told: dict[str, Any], state: TransferState) -> None:
    desk.answer([row(**told)])
    found = await desk.open().get("s37yg6ws")
    assert found.state is state
    assert (found.progress == 1.0) is (state is TransferState.READY or told.get("downloadPercent") == 100)


async def test_details(desk: Desk) -> None:
    for told, detail in (({}, "status 4"), ({"srvMaint": True}, "server maintenance"), ({"errorString": "E"}, "E")):
        desk.answer([row(**told)])
        assert (await desk.open().get("s37yg6ws")).detail == detail


async def test_transfer_value(desk: Desk) -> None:
    at = datetime(2026, 8, 14, 19, 43, 52, tzinfo=UTC)
    whole = Transfer(
        "s37yg6ws", TransferState.DOWNLOADING, "Film", info_hash=HASH, size=30, progress=0.43, speed=7, seeders=12,
        added_at=at, detail="status 4",
    )  # fmt: skip
    desk.answer([row(created=1786736632)])
    assert await desk.open().get("s37yg6ws") == whole
    desk.answer(row(created=1786736632))
    assert await desk.open().submit_magnet(Magnet(HASH)) == Submission("s37yg6ws", None, None, whole)
    desk.answer(row(status=100))
    assert (await desk.open().submit_magnet(Magnet(HASH))).cached is True


# Files and links


async def test_fetched_by_the_user_does_not_mean_complete(desk: Desk) -> None:
    half = file(downloaded=True, downloadPercent=50)
    whole = file(id="s37yg6ws-7", downloaded=False, size=None)
    desk.answer([row(files=[half, whole])])
    assert await desk.open().files("s37yg6ws") == (
        RemoteFile(3, "e1.mkv", 10, None, "video/x-matroska"),
        RemoteFile(7, "e1 (2).mkv", -1, "debridlink:s37yg6ws:7", "video/x-matroska"),
    )
    with pytest.raises(TransferNotReady):
        await desk.open().link("debridlink:s37yg6ws:3")
    found = await desk.open().link("debridlink:s37yg6ws:7")  # before the torrent is done
    assert found == Link("https://seed.example/dl/e1.mkv", name="e1.mkv")


async def test_file_that_is_gone(desk: Desk) -> None:
    desk.answer([row(status=100)])
    with pytest.raises(FileGone):
        await desk.open().link("debridlink:s37yg6ws:4")
    desk.answer([row(files=[file(downloadUrl="")], status=100)])
    with pytest.raises(TransferNotReady):
        await desk.open().link("debridlink:s37yg6ws:3")
    desk.answer([row(files=[file(downloadUrl="javascript:alert(1)")], status=100)])
    with pytest.raises(ProtocolError):
        await desk.open().link("debridlink:s37yg6ws:3")


async def test_file_ids_of_another_form_have_no_locator(desk: Desk) -> None:
    desk.answer([row(files=[file(id="s37yg6ws-zip"), file(id="another1-0")])])
    assert [(one.index, one.locator) for one in await desk.open().files("s37yg6ws")] == [(-1, None), (-1, None)]


async def test_numbers_with_gaps_after_config(desk: Desk) -> None:
    link = desk.open()
    magnet = await desk.content(HASH, "a.mkv", "b.mkv", "c.mkv", cached_on=["debridlink"])
    mine = (await link.submit_magnet(magnet)).transfer_id
    await link.select(mine, [0, 2, 9])
    assert desk.interposer.sent[-1].form == {"files-unwanted": f'["{mine}-1"]'}
    files = await link.files(mine)
    assert [(one.index, one.path, one.size) for one in files] == [(0, "a.mkv", 10), (2, "c.mkv", 12)]
    assert files[1].locator == f"debridlink:{mine}:2"
    assert (await link.link(f"debridlink:{mine}:2")).name == "c.mkv"
    with pytest.raises(FileGone):
        await link.link(f"debridlink:{mine}:1")


async def test_choosing_nothing_or_too_early(desk: Desk) -> None:
    desk.answer([row(wait=True)])
    with pytest.raises(InvalidInput):
        await desk.open().select("s37yg6ws", [0])
    desk.answer([row(wait=True, files=[])])
    with pytest.raises(TransferNotReady):
        await desk.open().select("s37yg6ws", [3])
    with pytest.raises(TransferNotReady):
        await desk.open().files("s37yg6ws")


async def test_links_need_no_key_and_outlive_the_torrent(desk: Desk) -> None:
    link = desk.open()
    mine = (await link.submit_magnet(await desk.content(cached_on=["debridlink"]))).transfer_id
    await link.select(mine)
    found = await link.link(f"debridlink:{mine}:0")
    assert (found.expires_at, found.size) == (None, 10)
    await link.remove(mine)
    assert len((await desk.http.request("GET", found.url)).body) == 10


# Hoster links


async def test_folder_is_a_list(desk: Desk) -> None:
    one = {"name": "a.zip", "downloadUrl": "https://dl.example/a", "size": 0, "expired": False, "isProcessing": False}
    desk.answer([one])
    assert await desk.open().unlock(WebLink("https://1fichier.com/?a")) == Link("https://dl.example/a", name="a.zip")
    for many in ([one, one], []):
        desk.answer(many)
        with pytest.raises(SourceRejected) as caught:
            await desk.open().unlock(WebLink("https://1fichier.com/?a"))
        assert caught.value.action == "Hand in the files' own links."


async def test_processing_and_dead_links(desk: Desk) -> None:
    desk.answer({"name": "a.zip", "downloadUrl": "", "isProcessing": True})
    with pytest.raises(TransferNotReady):
        await desk.open().unlock(WebLink("https://1fichier.com/?a"))
    desk.answer({"name": "a.zip", "downloadUrl": "https://dl.example/a", "expired": True})
    with pytest.raises(LinkExpired):
        await desk.open().unlock(WebLink("https://1fichier.com/?a"))


async def test_hoster_states(desk: Desk) -> None:
    desk.answer([
        {"name": name, "domains": ["WWW.a.example"], "status": status}
        for name, status in (("a", -1), ("b", 0), ("c", 1), ("d", 2), ("e", None))
    ])  # fmt: skip
    states = (False, False, True, True, None)
    assert await desk.open().hosters() == tuple(
        HosterSupport(name, ("a.example",), up) for name, up in zip("abcde", states, strict=True)
    )


# Account


async def test_account_has_its_number_in_an_address(desk: Desk) -> None:
    told = {
        "username": "marlow77@mail.example", "accountType": 1, "premiumLeft": 86400.5, "pts": 120, "trafficshare": 4.0,
        "viewSessidUrl": "https://debrid-link.com/user/5521980/sessions", "serverDetected": False,
    }  # fmt: skip
    desk.answer(told)
    facts = await desk.open().account()
    assert facts.expires_at is not None
    assert abs(facts.expires_at - datetime.now(UTC) - timedelta(days=1)) < timedelta(minutes=1)
    limits = (("points", 120.0), ("shared_traffic", 4.0), ("server_detected", 0.0))
    assert facts == AccountFacts("5521980", True, "premium", facts.expires_at, limits)
    desk.answer({"username": "marlow77@mail.example", "accountType": 2, "premiumLeft": 0})
    facts = await desk.open().account()
    assert (facts.id, facts.premium, facts.plan, facts.expires_at) == ("marlow77", True, "lifetime", None)
    for kind, premium, plan in ((0, False, "free"), (7, None, "type 7")):
        desk.answer({"username": "m", "accountType": kind})
        facts = await desk.open().account()
        assert (facts.premium, facts.plan) == (premium, plan)


# What is sent


async def test_requests_are_as_documented(desk: Desk) -> None:
    link = desk.open()
    mine = (await link.submit_magnet(await desk.content(cached_on=["debridlink"]))).transfer_id
    await link.submit_torrent_file(parse_torrent(torrent()))
    await link.list_page()
    await link.get(mine)
    await link.select(mine)
    await link.remove(mine)
    await link.unlock(WebLink("https://1fichier.com/?a"))
    await link.hosters()
    await link.account()
    sent: list[Sent] = desk.interposer.sent
    assert [(one.method, one.target.removeprefix(API)) for one in sent] == [
        ("POST", "/seedbox/add"),
        ("POST", "/seedbox/add"),
        ("GET", "/seedbox/list?page=0&perPage=50"),
        ("GET", f"/seedbox/list?ids={mine}"),
        ("POST", f"/seedbox/{mine}/config"),
        ("DELETE", f"/seedbox/{mine}/remove"),
        ("POST", "/downloader/add"),
        ("GET", "/downloader/hosts?types=host&keys=name%2Cdomains%2Cstatus"),
        ("GET", "/account/infos"),
    ]
    assert {one.headers["authorization"] for one in sent} == {"Bearer sandbox-link"}
    assert sent[0].form == {"url": f"magnet:?xt=urn:btih:{HASH}", "wait": "true"}
    assert sent[4].form == {"files-unwanted": "[]"}
    assert sent[6].form == {"url": "https://1fichier.com/?a"}
    assert sent[1].headers["content-type"].startswith("multipart/form-data")
    assert torrent() in sent[1].body
    assert b'name="file"; filename="upload.torrent"' in sent[1].body
    assert b"application/x-bittorrent" in sent[1].body
    assert b'name="wait"\r\n\r\ntrue' in sent[1].body
