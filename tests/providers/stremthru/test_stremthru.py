"""The store API's traps, one by one, at Torrin's store and as StremThru itself answers."""

import hashlib
from datetime import UTC, datetime
from typing import Any

import pytest
from tests.providers.suite.interposer import Interposer, Reply, Sent
from tests.sandbox.caller import Caller

from sluicegate.core import errors as e
from sluicegate.core.accounts import AccountFacts, Credential
from sluicegate.core.availability import Availability
from sluicegate.core.files import RemoteFile
from sluicegate.core.links import Link
from sluicegate.core.secrets import Secret
from sluicegate.core.sources import Magnet
from sluicegate.core.transfers import Submission, Transfer, TransferState
from sluicegate.net.http import Http
from sluicegate.providers.stremthru.adapter import StremThru

HASH = "c" * 39 + "1"
STORE = "/torrin/v0/store"


class Desk:
    """Opens accounts whose requests pass the interposer."""

    def __init__(self, http: Http, interposer: Interposer, sandbox: Caller) -> None:
        self.http, self.interposer, self.sandbox = http, interposer, sandbox

    def open(self, token: str = "sandbox-thru") -> StremThru:
        return StremThru(self.http, Credential("a", Secret(token)), base_url=self.interposer.url + STORE + "/")

    def answer(self, data: Any, status: int = 200) -> None:
        """From now on every call is answered with this ``data``."""
        self.interposer.script = lambda _: Reply.json({"data": data}, status)


@pytest.fixture
async def desk(http: Http, interposer: Interposer, sandbox: Caller) -> Desk:
    return Desk(http, interposer, sandbox)


def row(**more: Any) -> dict[str, Any]:
    told = {"id": "0198-a", "hash": HASH.upper(), "name": "Film", "status": "downloading", "size": 30}
    return {**told, "added_at": "2026-08-01T10:15:30Z", "files": [], **more}


def key(path: str) -> str:
    """What a locator holds of a path."""
    return hashlib.blake2b(path.encode(), digest_size=8).hexdigest()


def file(**more: Any) -> dict[str, Any]:
    return {"index": 4, "name": "b.mkv", "path": "/a/b.mkv", "size": 5, "link": "https://locked.example/1", **more}


# Which store it is


def test_an_account_without_address_is_refused(http: Http) -> None:
    with pytest.raises(e.InvalidInput) as caught:
        StremThru(http, Credential("a", Secret("x")))
    assert caught.value.field == "base_url"


@pytest.mark.parametrize(
    ("token", "store", "key"),
    [("tr_1", None, "tr_1"), ("realdebrid:AB:C", "realdebrid", "AB:C"), ("Ab:c", None, "Ab:c"), (":x", None, ":x")],
)
async def test_token_may_name_the_store(desk: Desk, token: str, store: str | None, key: str) -> None:
    desk.answer({"id": "u", "subscription_status": "premium"})
    await desk.open(token).account()
    headers = desk.interposer.sent[0].headers
    assert headers["x-stremthru-store-authorization"] == f"Bearer {key}"
    assert headers.get("x-stremthru-store-name") == store
    assert "authorization" not in headers


async def test_account_value(desk: Desk) -> None:
    for status, premium in (("premium", True), ("trial", True), ("expired", False), ("new", None)):
        desk.answer({"id": "marlow@mail.example", "subscription_status": status})
        assert await desk.open().account() == AccountFacts("marlow", premium, status)


async def test_an_account_of_nobody_is_none(desk: Desk) -> None:
    desk.answer({"id": "@mail.example", "subscription_status": "premium"})
    with pytest.raises(e.ProtocolError):
        await desk.open().account()


# Adding


async def test_dedup_is_no_transfer(desk: Desk) -> None:
    await desk.sandbox.define(HASH, name="Film", files=[{"path": "f", "size": 1}])
    await desk.open("sandbox-first").submit_magnet(Magnet(HASH))
    with pytest.raises(e.UpstreamUnavailable) as caught:
        await desk.open("sandbox-second").submit_magnet(Magnet(HASH))
    assert desk.interposer.replies[-1].document["data"]["id"] == "dedup"
    assert (caught.value.upstream_code, caught.value.retry_after) == ("dedup", None)
    await desk.sandbox.advance(61)
    again = await desk.open("sandbox-second").submit_magnet(Magnet(HASH))
    assert again.transfer_id != "dedup"


async def test_answers_to_adds(desk: Desk) -> None:
    at = datetime(2026, 8, 1, 10, 15, 30, tzinfo=UTC)
    for status, word, state, cached, progress in (
        (200, "downloaded", TransferState.READY, True, 1.0),
        (201, "downloading", TransferState.DOWNLOADING, None, 0.0),
    ):
        desk.answer(row(status=word), status)
        transfer = Transfer(
            "0198-a", state, "Film", info_hash=HASH, size=30, progress=progress, added_at=at, detail=word
        )
        assert await desk.open().submit_magnet(Magnet(HASH)) == Submission("0198-a", None, cached, transfer)


async def test_success_with_an_error_beside_data(desk: Desk) -> None:
    desk.interposer.script = lambda _: Reply.json({"data": row(), "error": {"code": "STORE_LIMIT_EXCEEDED"}})
    with pytest.raises(e.UpstreamQuota):
        await desk.open().get("0198-a")


# Listing


def shelf(count: int, *, obeys: bool) -> Any:
    """A store with so many transfers that minds ``limit`` and ``offset``, or does not and gives a hundred at most."""

    def script(sent: Sent) -> Reply:
        rows = [row(id=f"t{number}") for number in range(count)]
        if obeys:
            start = int(sent.query["offset"])
            return Reply.json({"data": {"items": rows[start : start + int(sent.query["limit"])], "total_items": count}})
        return Reply.json({"data": {"items": rows[:100], "total_items": len(rows[:100])}})

    return script


@pytest.mark.parametrize("count", [0, 1, 49, 50, 51, 100, 120])
async def test_paging_of_a_store_that_has_it(desk: Desk, count: int) -> None:
    desk.interposer.script = shelf(count, obeys=True)
    found: list[str] = []
    cursor = None
    for _ in range(4):
        page = await desk.open().list_page(cursor)
        found += [one.id for one in page.transfers]
        cursor = page.next_cursor
        if cursor is None:
            break
    assert found == [f"t{number}" for number in range(count)]
    assert desk.interposer.sent[0].query == {"limit": "50", "offset": "0"}


async def test_listing_that_is_cut_is_an_error(desk: Desk) -> None:
    desk.interposer.script = shelf(99, obeys=False)
    page = await desk.open().list_page()
    assert (len(page.transfers), page.next_cursor) == (99, None)
    desk.interposer.script = shelf(100, obeys=False)
    with pytest.raises(e.ProtocolError) as caught:
        await desk.open().list_page()
    assert "torrin" in caught.value.action


async def test_cursors_that_are_none(desk: Desk) -> None:
    for cursor in ("x", "-1", "1,2"):
        with pytest.raises(e.InvalidInput) as caught:
            await desk.open().list_page(cursor)
        assert caught.value.field == "cursor"
    assert desk.interposer.sent == []


# Files, links, removal


async def test_files_value(desk: Desk) -> None:
    desk.answer(row(status="downloaded", files=[file(), file(index=-1, path="/c.txt", size=None)]))
    assert await desk.open().files("0198-a") == (
        RemoteFile(0, "a/b.mkv", 5, f"stremthru:0198-a:{key('a/b.mkv')}", "video/x-matroska"),
        RemoteFile(1, "c.txt", -1, f"stremthru:0198-a:{key('c.txt')}", "text/plain"),
    )
    for told in (row(files=[file()]), row(status="downloaded")):
        desk.answer(told)
        with pytest.raises(e.TransferNotReady):
            await desk.open().files("0198-a")


async def test_link_reads_the_file_again(desk: Desk) -> None:
    answers = [row(status="downloaded", files=[file()]), {"link": "https://direct.example/1"}]
    waiting = iter(answers)
    desk.interposer.script = lambda _: Reply.json({"data": next(waiting)})
    link = await desk.open().link(f"stremthru:0198-a:{key('a/b.mkv')}")
    assert link == Link("https://direct.example/1", None, "b.mkv", 5)
    assert [(one.method, one.target) for one in desk.interposer.sent] == [
        ("GET", f"{STORE}/magnets/0198-a"),
        ("POST", f"{STORE}/link/generate"),
    ]
    assert desk.interposer.sent[1].json == {"link": "https://locked.example/1"}


async def test_link_without_a_file(desk: Desk) -> None:
    desk.answer(row(status="downloaded", files=[file(link=None)]))
    for name in (key("a/b.mkv"), key("b.mkv"), "4", "0", "1"):
        locator = f"stremthru:0198-a:{name}"
        with pytest.raises(e.FileGone):
            await desk.open().link(locator)
    desk.answer(row(files=[file()]))
    with pytest.raises(e.TransferNotReady):
        await desk.open().link("stremthru:0198-a:4")


@pytest.mark.parametrize(
    "locator", ["stremthru:a%2Fb:4", "stremthru:..:4", "stremthru:0198-a:b.mkv", "stremthru:0198-a:F0"]
)
async def test_locators_that_are_none(desk: Desk, locator: str) -> None:
    with pytest.raises(e.InvalidInput) as caught:
        await desk.open().link(locator)
    assert caught.value.field == "locator"
    assert desk.interposer.sent == []


async def test_link_beside_a_hostile_path(desk: Desk) -> None:
    """Nobody got a locator for such a transfer, and nothing escapes that is no provider's error."""
    desk.answer(row(status="downloaded", files=[file(), file(path="/../../etc/passwd")]))
    with pytest.raises(e.FileGone):
        await desk.open().link(f"stremthru:0198-a:{key('a/b.mkv')}")


async def test_another_transfer_than_asked_for(desk: Desk) -> None:
    desk.answer(row(id="other"))
    with pytest.raises(e.ProtocolError):
        await desk.open().get("0198-a")


async def test_two_ways_of_confirming_a_removal(desk: Desk) -> None:
    desk.interposer.script = lambda _: Reply(204)
    await desk.open().remove("0198-a")
    desk.answer({"id": "0198-a"})
    await desk.open().remove("0198-a")
    desk.answer({})
    with pytest.raises(e.ProtocolError):
        await desk.open().remove("0198-a")


async def test_seeding_refuses_removal(desk: Desk) -> None:
    account = desk.open("sandbox-seeding-thru")
    await desk.sandbox.define(HASH, name="Film", files=[{"path": "f", "size": 1}], seconds_to_ready=2)
    mine = (await account.submit_magnet(Magnet(HASH))).transfer_id
    await desk.sandbox.advance(3)
    with pytest.raises(e.TransferNotReady):
        await account.remove(mine)


# Availability


async def test_acceleratable_is_not_cached(desk: Desk) -> None:
    await desk.sandbox.define(HASH, name="Film", files=[{"path": "f", "size": 1}], cached_on=["realdebrid"])
    (found,) = await desk.open().availability([HASH])
    assert desk.interposer.replies[-1].document["data"]["items"][0]["status"] == "acceleratable"
    assert found == Availability(HASH, False)


async def test_availability_values(desk: Desk) -> None:
    others = [letter * 39 + "1" for letter in "def9"]
    desk.answer({"items": [
        {"hash": HASH.upper(), "status": "cached", "files": [file()]},
        {"hash": others[0], "status": "downloaded", "files": [file(path="/../x")]},
        {"hash": others[1], "status": "unknown", "files": []},
        {"hash": others[2], "status": "cached", "files": None},
    ]})  # fmt: skip
    assert await desk.open().availability([HASH, *others]) == (
        Availability(HASH, True, files=(RemoteFile(4, "a/b.mkv", 5, None, "video/x-matroska"),)),
        Availability(others[0], True),
        Availability(others[1], None),
        Availability(others[2], True),
        Availability(others[3], None),
    )
    assert desk.interposer.sent[0].target == f"{STORE}/magnets/check?magnet=" + "%2C".join([HASH, *others])


async def test_requests_are_as_documented(desk: Desk) -> None:
    account = desk.open()
    mine = (await account.submit_magnet(Magnet(HASH))).transfer_id
    await account.account()
    await account.remove(mine)
    assert [(one.method, one.target) for one in desk.interposer.sent] == [
        ("POST", f"{STORE}/magnets"),
        ("GET", f"{STORE}/user"),
        ("DELETE", f"{STORE}/magnets/{mine}"),
    ]
    assert desk.interposer.sent[0].json == {"magnet": f"magnet:?xt=urn:btih:{HASH}"}
