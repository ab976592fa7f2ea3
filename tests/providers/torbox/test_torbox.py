"""TorBox's traps, one by one."""

from typing import Any

import pytest
from tests.providers.suite.interposer import Reply, Sent
from tests.providers.suite.stage import TOKEN, Stage

from sluicegate.core.errors import (
    AccountLocked,
    CoolingDown,
    CredentialsRejected,
    FileGone,
    HosterUnsupported,
    InvalidInput,
    NotSupported,
    ProtocolError,
    SlotsFull,
    SourceRejected,
    TransferMissing,
    TransferNotReady,
    UpstreamError,
    UpstreamPlanRequired,
    UpstreamQuota,
    UpstreamRateLimited,
    UpstreamServerError,
    UpstreamUnavailable,
)
from sluicegate.core.magnets import parse_info_hash
from sluicegate.core.sources import Nzb, SourceKind, WebLink
from sluicegate.core.transfers import TransferState
from sluicegate.providers.torbox.adapter import TorBox

ROOT = "/torbox/v1/api"
NZB = b'<?xml version="1.0"?><nzb xmlns="http://www.newzbin.com/DTD/2003/nzb"><file/></nzb>'

CODES = {
    "NO_AUTH": CredentialsRejected,
    "BAD_TOKEN": CredentialsRejected,
    "VENDOR_DISABLED": AccountLocked,
    "PLAN_RESTRICTED_FEATURE": UpstreamPlanRequired,
    "MONTHLY_LIMIT": UpstreamQuota,
    "COOLDOWN_LIMIT": CoolingDown,
    "ACTIVE_LIMIT": SlotsFull,
    "DIFF_ISSUE": SlotsFull,
    "DUPLICATE_ITEM": SlotsFull,
    "RATE_LIMIT": UpstreamRateLimited,
    "RATE_LIMIT_EXCEEDED": UpstreamRateLimited,
    "ITEM_NOT_FOUND": TransferMissing,
    "NOT_OWNER": TransferMissing,
    "ENDPOINT_NOT_FOUND": NotSupported,
    "TEMPORARILY_DISABLED": UpstreamUnavailable,
    "REQUEST_FAILED": UpstreamServerError,
    "DATABASE_ERROR": UpstreamServerError,
    "UNKNOWN_ERROR": UpstreamServerError,
    "NO_SERVERS_AVAILABLE_ERROR": UpstreamServerError,
    "DOWNLOAD_SERVER_ERROR": UpstreamServerError,
    "NOT_ALLOWED": SourceRejected,
    "DOWNLOAD_TOO_LARGE": SourceRejected,
    "TOO_MUCH_DATA": SourceRejected,
    "BOZO_TORRENT": SourceRejected,
    "BOZO_NZB": SourceRejected,
    "BOZO_FILE": SourceRejected,
    "INVALID_HASH": SourceRejected,
    "INVALID_INPUT": SourceRejected,
    "INVALID_LINK": SourceRejected,
    "UNSUPPORTED_SITE": HosterUnsupported,
    "LINK_OFFLINE": FileGone,
    "SOMETHING_NEW": ProtocolError,
}


def answering(stage: Stage, *replies: Reply, **attributes: Any) -> TorBox:
    """An adapter that gets these replies, the last one again and again."""
    waiting = list(replies)
    stage.interposer.script = lambda _: waiting.pop(0) if len(waiting) > 1 else waiting[0]
    adapter = stage.through(**attributes)
    assert isinstance(adapter, TorBox)
    return adapter


def success(data: Any, status: int = 200, error: Any = None, **headers: str) -> Reply:
    return Reply.json({"success": True, "error": error, "detail": "…", "data": data}, status, **headers)


def refusal(code: str | None, status: int = 400, data: Any = None, **headers: str) -> Reply:
    return Reply.json({"success": False, "error": code, "detail": "…", "data": data}, status, **headers)


EMPTY = success(None, 404, "ITEM_NOT_FOUND")


def item(**changes: Any) -> dict[str, Any]:
    row = {
        "id": 7,
        "hash": "0F6B0C1E9E1F4D0C8C5A7F3E2D1B0A9988776655",
        "name": "Renamed by its owner",
        "size": 4316852224.0,
        "created_at": "2026-08-01T10:15:30.25+00:00",
        "download_state": "downloading",
        "seeds": 14.0,
        "progress": 0.3012,
        "download_speed": 20724000.9,
        "download_finished": False,
        "download_present": False,
        "expires_at": None,
        "files": None,
    }
    return row | changes


def ready(**changes: Any) -> dict[str, Any]:
    return item(download_finished=True, download_present=True, download_state="uploading", **changes)


# Errors


@pytest.mark.parametrize("code", list(CODES))
async def test_codes(stage: Stage, code: str) -> None:
    for status in (200, 400, 404):
        with pytest.raises(UpstreamError) as caught:
            await answering(stage, refusal(code, status)).account()
        assert type(caught.value) is CODES[code]
        assert caught.value.upstream_code == code


async def test_strange_code_is_tamed(stage: Stage) -> None:
    with pytest.raises(ProtocolError) as caught:
        await answering(stage, refusal("x\n\u202e" + "y" * 100)).account()
    assert caught.value.upstream_code == "x " + "y" * 78
    assert caught.value.detail == f"TorBox answers {caught.value.upstream_code}."


async def test_unknown_code_of_a_server_error(stage: Stage) -> None:
    with pytest.raises(UpstreamServerError):
        await answering(stage, refusal("SOMETHING_NEW", 500)).account()


@pytest.mark.parametrize(("status", "kind"), [(500, UpstreamServerError), (403, CredentialsRejected)])
async def test_auth_error_goes_by_status(stage: Stage, status: int, kind: type[UpstreamError]) -> None:
    with pytest.raises(kind):
        await answering(stage, refusal("AUTH_ERROR", status)).account()


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        (400, ProtocolError),
        (401, CredentialsRejected),
        (403, CredentialsRejected),
        (404, ProtocolError),
        (422, ProtocolError),
        (500, UpstreamServerError),
    ],
)
async def test_status_without_code(stage: Stage, status: int, kind: type[UpstreamError]) -> None:
    for reply in (refusal(None, status), Reply.json({"detail": [{"loc": ["query"], "msg": "x"}]}, status)):
        with pytest.raises(UpstreamError) as caught:
            await answering(stage, reply).account()
        assert type(caught.value) is kind
        assert caught.value.upstream_code == str(status)


@pytest.mark.parametrize(
    "body", [b'{"success":null,"error":null,"detail":"60 per 1 hour","data":null}', b"60 per 1 hour", b"{}", b""]
)
async def test_429_without_code(stage: Stage, body: bytes) -> None:
    with pytest.raises(UpstreamRateLimited) as caught:
        await answering(stage, Reply(429, body, (("retry-after", "31"),))).account()
    assert caught.value.retry_after == 31.0
    assert caught.value.upstream_code == "429"


async def test_retry_after_on_other_answers_means_nothing(stage: Stage) -> None:
    adapter = answering(stage, success({"id": 1, "plan": 2}, retry_after="60"))
    assert (await adapter.account()).id == "1"
    with pytest.raises(SlotsFull) as caught:
        await answering(stage, refusal("ACTIVE_LIMIT", retry_after="60")).account()
    assert caught.value.retry_after is None


async def test_cooldown_tells_its_end(stage: Stage) -> None:
    await stage.fault("quota", seconds=5400, times=1)
    with pytest.raises(CoolingDown) as caught:
        await stage.adapter.submit_magnet(await stage.magnet())
    assert caught.value.retry_after == 5400.0


@pytest.mark.parametrize(
    "data", [None, "soon", {}, {"cooldown_until": None}, {"cooldown_until": "x", "current_time": "y"}]
)
async def test_cooldown_without_an_end(stage: Stage, data: Any) -> None:
    with pytest.raises(CoolingDown) as caught:
        await answering(stage, refusal("COOLDOWN_LIMIT", data=data)).account()
    assert caught.value.retry_after is None


async def test_cooldown_that_is_over(stage: Stage) -> None:
    data = {"cooldown_until": "2026-08-01T00:00:00Z", "current_time": "2026-08-01T00:00:09Z"}
    with pytest.raises(CoolingDown) as caught:
        await answering(stage, refusal("COOLDOWN_LIMIT", data=data)).account()
    assert caught.value.retry_after == 0.0


@pytest.mark.parametrize("error", [None, False])
async def test_error_that_is_no_code(stage: Stage, error: Any) -> None:
    assert (await answering(stage, success({"id": 1, "plan": 2}, error=error)).account()).id == "1"


@pytest.mark.parametrize("succeeded", [False, None])
async def test_success_is_authoritative(stage: Stage, succeeded: Any) -> None:
    body = {"success": succeeded, "error": None, "detail": "", "data": {"id": 1, "plan": 2}}
    with pytest.raises(ProtocolError):
        await answering(stage, Reply.json(body)).account()


@pytest.mark.parametrize("status", [500, 502, 521])
async def test_page_of_a_proxy(stage: Stage, status: int) -> None:
    adapter = answering(stage, Reply(status, b"<html>Bad gateway</html>"))
    for call in (
        adapter.account(),
        adapter.list_page(),
        adapter.get("torrent:7"),
        adapter.link("torbox:torrent%3A7:0"),
        adapter.submit_magnet(parse_info_hash("a" * 40)),
    ):
        with pytest.raises(UpstreamServerError):
            await call


# Account


@pytest.mark.parametrize(
    ("number", "plan", "slots", "premium"),
    [(0, "Free", 1, False), (1, "Essential", 3, True), (2, "Pro", 10, True), (3, "Standard", 5, True)],
)
async def test_plans_out_of_order(stage: Stage, number: int, plan: str, slots: int, premium: bool) -> None:
    data = {"id": 481516, "plan": number, "additional_concurrent_slots": 2, "total_downloaded": 9}
    facts = await answering(stage, success(data | {"premium_expires_at": "2026-12-31T00:00:00Z"})).account()
    assert (facts.id, facts.plan, facts.premium) == ("481516", plan, premium)
    assert facts.limits == (("active_transfers", slots + 2.0), ("downloads_so_far", 9.0))
    assert facts.expires_at is not None
    assert facts.expires_at.isoformat() == "2026-12-31T00:00:00+00:00"
    sent = stage.interposer.sent[0]
    assert (sent.method, sent.path) == ("GET", f"{ROOT}/user/me")
    assert sent.headers["authorization"] == f"Bearer {TOKEN}"


async def test_unknown_plan_and_no_date(stage: Stage) -> None:
    facts = await answering(stage, success({"id": 1, "plan": 9, "premium_expires_at": ""})).account()
    assert (facts.plan, facts.premium, facts.expires_at) == ("plan 9", True, None)
    assert facts.limits == (("active_transfers", 0.0), ("downloads_so_far", 0.0))


async def test_locked_account(stage: Stage) -> None:
    with pytest.raises(CredentialsRejected):
        await stage.open("sandbox-locked-joe").account()


# Lists


async def test_empty_list_is_404(stage: Stage) -> None:
    adapter, cursor, pages = stage.through(), None, 0
    while True:
        page = await adapter.list_page(cursor)
        pages += 1
        assert page.transfers == ()
        if page.next_cursor is None:
            break
        cursor = page.next_cursor
    assert [reply.status for reply in stage.interposer.replies] == [404] * pages
    asked = [(sent.path.removeprefix(ROOT), sent.query.get("type")) for sent in stage.interposer.sent]
    assert {sent.query["bypass_cache"] for sent in stage.interposer.sent} == {"true"}
    assert asked == [
        ("/torrents/mylist", None),
        ("/usenet/mylist", None),
        ("/webdl/mylist", None),
        ("/queued/getqueued", "torrent"),
        ("/queued/getqueued", "usenet"),
        ("/queued/getqueued", "webdl"),
    ]


async def test_other_404_is_no_empty_list(stage: Stage) -> None:
    with pytest.raises(NotSupported):
        await answering(stage, refusal("ENDPOINT_NOT_FOUND", 404)).list_page()
    with pytest.raises(TransferMissing):
        await answering(stage, refusal("ITEM_NOT_FOUND", 400)).list_page()


async def test_lists_bypass_the_cache(stage: Stage) -> None:
    transfer_id = await stage.submit()
    adapter = stage.through()
    before = (await adapter.list_page()).transfers[0]
    await stage.sandbox.advance(60)
    after = (await adapter.list_page()).transfers[0]
    assert (before.id, before.state) == (transfer_id, TransferState.RESOLVING)
    assert after.state is TransferState.READY
    assert all(sent.query["bypass_cache"] == "true" for sent in stage.interposer.sent)
    assert stage.interposer.sent[0].query["limit"] == "1000"


async def test_one_row_more_than_asked(stage: Stage) -> None:
    adapter = answering(stage, success([item(id=number) for number in (5, 4, 3)]), page_size=2)
    page = await adapter.list_page()
    assert [transfer.id for transfer in page.transfers] == ["torrent:5", "torrent:4"]
    assert page.next_cursor == "torrent:2"
    await adapter.list_page(page.next_cursor)
    queued = [{"id": number} for number in (5, 4, 3)]
    page = await answering(stage, success(queued), page_size=2).list_page("queued-webdl:0")
    assert [transfer.id for transfer in page.transfers] == ["queued-webdl:5", "queued-webdl:4"]
    assert page.next_cursor == "queued-webdl:2"
    await adapter.list_page(page.next_cursor)
    here = {"bypass_cache": "true", "offset": "2", "limit": "2"}
    assert [sent.query for sent in (stage.interposer.sent[1], stage.interposer.sent[-1])] == [
        here,
        {"type": "webdl"} | here,
    ]


@pytest.mark.parametrize("cursor", ["x", "torrent", "torrent:", "torrent:x", "webdl:-1", ":0", "torrents:0"])
async def test_strange_cursor(stage: Stage, cursor: str) -> None:
    with pytest.raises(InvalidInput):
        await stage.adapter.list_page(cursor)


@pytest.mark.parametrize("number", [0, -3, None])
async def test_row_without_id(stage: Stage, number: Any) -> None:
    with pytest.raises(ProtocolError):
        await answering(stage, success([item(id=number)])).list_page()


@pytest.mark.parametrize("section", ["usenet", "queued-torrent", "queued-usenet", "queued-webdl"])
async def test_plan_without_usenet_or_queue(stage: Stage, section: str) -> None:
    page = await answering(stage, refusal("PLAN_RESTRICTED_FEATURE", 403)).list_page(f"{section}:0")
    assert page.transfers == ()


@pytest.mark.parametrize("section", ["torrent", "webdl"])
async def test_plan_without_anything(stage: Stage, section: str) -> None:
    with pytest.raises(UpstreamPlanRequired):
        await answering(stage, refusal("PLAN_RESTRICTED_FEATURE", 403)).list_page(f"{section}:0")


async def test_row_facts(stage: Stage) -> None:
    (transfer,) = (await answering(stage, success([item()])).list_page()).transfers
    assert transfer.id == "torrent:7"
    assert transfer.kind is SourceKind.TORRENT
    assert transfer.info_hash == "0f6b0c1e9e1f4d0c8c5a7f3e2d1b0a9988776655"
    assert (transfer.size, transfer.speed, transfer.seeders) == (4316852224, 20724000, 14)
    assert transfer.progress == pytest.approx(0.3012)
    assert transfer.name == "Renamed by its owner"
    assert transfer.detail == "downloading"
    assert transfer.added_at is not None
    assert transfer.added_at.isoformat() == "2026-08-01T10:15:30.250000+00:00"
    assert transfer.files is None


async def test_three_kinds(stage: Stage) -> None:
    url = await stage.url()
    torrent = await stage.submit()
    usenet = (await stage.adapter.submit_nzb(Nzb("show.nzb", url=await stage.url()))).transfer_id
    web = (await stage.adapter.submit_web(WebLink(url))).transfer_id
    assert [one.partition(":")[0] for one in (torrent, usenet, web)] == ["torrent", "usenet", "webdl"]
    found, cursor = {}, "torrent:0"
    while cursor:
        page = await stage.adapter.list_page(cursor)
        found |= {transfer.id: (transfer.kind, transfer.info_hash is None) for transfer in page.transfers}
        cursor = page.next_cursor or ""
    assert found == {
        torrent: (SourceKind.TORRENT, False),
        usenet: (SourceKind.USENET, True),
        web: (SourceKind.WEB, True),
    }


@pytest.mark.parametrize("kind", ["torrent", "usenet", "webdl"])
async def test_four_names_of_one_id(stage: Stage, kind: str) -> None:
    """Each kind from create to bytes to removal; the sandbox knows each id by its right name only."""
    adapter = stage.adapter
    match kind:
        case "torrent":
            transfer_id = await stage.submit()
        case "usenet":
            transfer_id = (await adapter.submit_nzb(Nzb("show.nzb", url=await stage.url()))).transfer_id
        case _:
            transfer_id = (await adapter.submit_web(WebLink(await stage.url()))).transfer_id
    await stage.drive(transfer_id, TransferState.READY)
    transfer = await adapter.get(transfer_id)
    files = await adapter.files(transfer_id)
    assert transfer.files == files
    for file in files:
        assert file.locator is not None
        answer = await stage.http.request("GET", (await adapter.link(file.locator)).url)
        assert len(answer.body) == file.size
    await adapter.remove(transfer_id)
    assert await stage.truth() == []


# One transfer


async def test_one_is_an_object(stage: Stage) -> None:
    adapter = answering(stage, success(item()))
    assert (await adapter.get("torrent:7")).id == "torrent:7"
    assert stage.interposer.sent[0].path == f"{ROOT}/torrents/mylist"
    assert stage.interposer.sent[0].query == {"bypass_cache": "true", "id": "7"}
    with pytest.raises(ProtocolError):
        await answering(stage, success([item()])).get("torrent:7")


@pytest.mark.parametrize(
    "reply",
    [*(success(data) for data in ({}, [], None, item(id=0))), Reply.json({"success": True})],
    ids=["object", "list", "null", "id 0", "left out"],
)
async def test_one_that_is_not_there(stage: Stage, reply: Reply) -> None:
    with pytest.raises(TransferMissing) as caught:
        await answering(stage, reply).get("torrent:7")
    assert (caught.value.provider, caught.value.upstream_code) == ("torbox", "ITEM_NOT_FOUND")


async def test_another_than_asked(stage: Stage) -> None:
    with pytest.raises(ProtocolError):
        await answering(stage, success(item(id=8))).get("torrent:7")


@pytest.mark.parametrize("finished", [True, False, None])
@pytest.mark.parametrize("present", [True, False, None])
@pytest.mark.parametrize("word", ["cached", "completed", "uploading", "downloading"])
async def test_ready_only_by_the_two_booleans(stage: Stage, finished: Any, present: Any, word: str) -> None:
    row = item(download_finished=finished, download_present=present, download_state=word)
    state = (await answering(stage, success(row)).get("torrent:7")).state
    if finished and present:
        assert state is TransferState.READY
    elif finished:
        assert state is TransferState.PROCESSING
    else:
        assert state is (TransferState.DOWNLOADING if word == "downloading" else TransferState.PROCESSING)


@pytest.mark.parametrize("gone", ["download_finished", "download_present", "download_state"])
async def test_missing_booleans_are_no_answer(stage: Stage, gone: str) -> None:
    row = item()
    del row[gone]
    with pytest.raises(ProtocolError):
        await answering(stage, success(row)).get("torrent:7")


@pytest.mark.parametrize(
    ("expires", "state"),
    [("2024-01-01T00:00:00Z", TransferState.FAILED), ("2999-01-01T00:00:00Z", TransferState.PROCESSING)],
)
async def test_copy_that_expired(stage: Stage, expires: str, state: TransferState) -> None:
    row = item(download_finished=True, download_present=False, download_state="completed", expires_at=expires)
    assert (await answering(stage, success(row)).get("torrent:7")).state is state


async def test_finished_but_failed(stage: Stage) -> None:
    row = item(download_finished=True, download_state="Failed (Aborted, cannot be completed)")
    assert (await answering(stage, success(row)).get("torrent:7")).state is TransferState.FAILED


@pytest.mark.parametrize("text", ["", "yesterday", "2026-13-01T00:00:00Z", None])
async def test_dates_that_are_none(stage: Stage, text: Any) -> None:
    assert (await answering(stage, success(item(created_at=text))).get("torrent:7")).added_at is None


async def test_date_without_zone_is_utc(stage: Stage) -> None:
    added = (await answering(stage, success(item(created_at="2026-08-01T10:15:30"))).get("torrent:7")).added_at
    assert added is not None
    assert added.isoformat() == "2026-08-01T10:15:30+00:00"


# Files


def rows(*names: str) -> list[dict[str, Any]]:
    return [{"id": number * 5, "name": name, "size": number + 1.0} for number, name in enumerate(names)]


@pytest.mark.parametrize(
    ("names", "paths"),
    [
        (["Root/a.mkv", "Root/s/b.mkv"], ["a.mkv", "s/b.mkv"]),
        (["Root/a.mkv", "Other/b.mkv"], ["Root/a.mkv", "Other/b.mkv"]),
        (["Root/a.mkv", "b.mkv"], ["Root/a.mkv", "b.mkv"]),
        (["a.mkv"], ["a.mkv"]),
        (["Root/x.mkv", "Root/X.mkv"], ["x.mkv", "X (2).mkv"]),
    ],
)
async def test_root_folder_comes_from_the_paths(stage: Stage, names: list[str], paths: list[str]) -> None:
    files = await answering(stage, success(ready(files=rows(*names)))).files("torrent:7")
    assert [file.path for file in files] == paths
    assert [file.locator for file in files] == [f"torbox:torrent%3A7:{number * 5}" for number in range(len(names))]
    assert [(file.index, file.size) for file in files] == [(number * 5, number + 1) for number in range(len(names))]


async def test_files_of_the_unfinished(stage: Stage) -> None:
    row = item(download_finished=True, files=rows("Root/a.mkv"))
    adapter = answering(stage, success(row))
    assert [file.locator for file in await adapter.files("torrent:7")] == [None]
    assert (await adapter.get("torrent:7")).files is None


async def test_mime_types(stage: Stage) -> None:
    listed = [{"id": 1, "name": "a.mkv", "mimetype": "video/x-odd"}, {"id": 2, "name": "b.mkv", "mimetype": None}]
    files = await answering(stage, success(ready(files=listed))).files("torrent:7")
    assert [(file.mime_type, file.size) for file in files] == [("video/x-odd", -1), ("video/x-matroska", -1)]


@pytest.mark.parametrize("files", [None, []])
async def test_null_files(stage: Stage, files: Any) -> None:
    adapter = answering(stage, success(ready(files=files)))
    with pytest.raises(TransferNotReady):
        await adapter.files("torrent:7")
    assert (await adapter.get("torrent:7")).files is None


# Links


async def test_link_request(stage: Stage) -> None:
    transfer_id = await stage.ready()
    locator = await stage.locator(transfer_id)
    adapter = stage.through()
    await adapter.link(locator)
    await adapter.link(locator, viewer_address="192.0.2.7")
    plain, addressed = stage.interposer.sent
    assert plain.path == f"{ROOT}/torrents/requestdl"
    assert plain.query == {
        "torrent_id": transfer_id.partition(":")[2],
        "file_id": "0",
        "redirect": "false",
        "append_name": "false",
        "token": TOKEN,
    }
    assert "authorization" not in plain.headers
    assert addressed.query == plain.query | {"user_ip": "192.0.2.7"}


async def test_not_linkable_yet(stage: Stage) -> None:
    locator = await stage.locator(await stage.ready())
    await stage.fault("server_error", call="*/requestdl", times=1)
    with pytest.raises(TransferNotReady) as caught:
        await stage.adapter.link(locator)
    assert caught.value.upstream_code == "DATABASE_ERROR"
    assert (await stage.adapter.link(locator)).url


async def test_file_that_is_not_there(stage: Stage) -> None:
    transfer_id = await stage.ready()
    with pytest.raises(TransferMissing):
        await stage.adapter.link(f"torbox:{transfer_id.replace(':', '%3A')}:99")


@pytest.mark.parametrize(
    "locator",
    ["torbox:torrent%3A7:x", "torbox:torrent:7", "torbox:queued-torrent%3A7:0", "torbox:7:0", "torbox:a%3A7:0"],
)
async def test_strange_locators(stage: Stage, locator: str) -> None:
    with pytest.raises(InvalidInput):
        await stage.adapter.link(locator)
    assert await stage.calls() == []


@pytest.mark.parametrize("data", [None, "", "nonsense", "ftp://x", {"url": "https://x"}])
async def test_link_that_is_none(stage: Stage, data: Any) -> None:
    with pytest.raises(ProtocolError):
        await answering(stage, success(data)).link("torbox:torrent%3A7:0")


# Handing in


def parts(sent: Sent) -> dict[str, bytes]:
    """Names and contents of a multipart body."""
    boundary = sent.headers["content-type"].partition("boundary=")[2].strip('"').encode()
    found = {}
    for chunk in sent.body.split(b"--" + boundary)[1:-1]:
        head, _, content = chunk.partition(b"\r\n\r\n")
        found[head.partition(b'name="')[2].partition(b'"')[0].decode()] = content[:-2]
    return found


async def test_create_requests(stage: Stage) -> None:
    adapter = stage.through()
    magnet, torrent, url = await stage.magnet(), await stage.torrent_file(), await stage.url()
    await adapter.submit_magnet(magnet)
    await adapter.submit_torrent_file(torrent)
    await adapter.submit_nzb(Nzb("show.nzb", raw=NZB))
    await adapter.submit_nzb(Nzb("show.nzb", url="https://nzb.example/show.nzb"))
    await adapter.submit_web(WebLink(url))
    sent = stage.interposer.sent
    assert [one.path.removeprefix(ROOT) for one in sent] == [
        "/torrents/createtorrent",
        "/torrents/createtorrent",
        "/usenet/createusenetdownload",
        "/usenet/createusenetdownload",
        "/webdl/createwebdownload",
    ]
    assert {one.method for one in sent} == {"POST"}
    assert parts(sent[0]) == {"magnet": f"magnet:?xt=urn:btih:{magnet.info_hash}".encode(), "allow_zip": b"false"}
    assert parts(sent[1]) == {"file": torrent.raw, "allow_zip": b"false"}
    assert parts(sent[2]) == {"file": NZB, "name": b"show"}
    assert parts(sent[3]) == {"link": b"https://nzb.example/show.nzb", "name": b"show"}
    assert b'filename="upload.torrent"' in sent[1].body
    assert b"Content-Type: application/x-bittorrent" in sent[1].body
    assert b'filename="upload.nzb"' in sent[2].body
    assert b"Content-Type: application/x-nzb" in sent[2].body
    assert sent[4].form == {"link": url}


@pytest.mark.parametrize("code", ["DIFF_ISSUE", "DUPLICATE_ITEM"])
async def test_already_there(stage: Stage, code: str) -> None:
    magnet = await stage.magnet()
    first = await stage.adapter.submit_magnet(magnet)

    def script(sent: Sent) -> Reply | None:
        return refusal(code) if sent.path.endswith("createtorrent") else None

    stage.interposer.script = script
    again = await stage.through().submit_magnet(magnet)
    assert (again.transfer_id, again.existing) == (first.transfer_id, True)
    assert again.transfer is not None
    assert again.transfer.info_hash == magnet.info_hash


@pytest.mark.parametrize("how", ["nzb link", "nzb file", "web"])
async def test_already_there_by_md5(stage: Stage, how: str) -> None:
    url = await stage.url()
    call = {
        "nzb link": lambda: stage.adapter.submit_nzb(Nzb("x.nzb", url=url)),
        "nzb file": lambda: stage.adapter.submit_nzb(Nzb("x.nzb", raw=NZB)),
        "web": lambda: stage.adapter.submit_web(WebLink(url)),
    }[how]
    first, again = await call(), await call()
    assert (again.transfer_id, again.existing) == (first.transfer_id, True)
    assert again.transfer is not None
    assert again.transfer.info_hash is None


async def test_torrent_file_already_there(stage: Stage) -> None:
    torrent = await stage.torrent_file()
    first = await stage.adapter.submit_torrent_file(torrent)
    again = await stage.adapter.submit_torrent_file(torrent)
    assert (again.transfer_id, again.existing) == (first.transfer_id, True)


async def test_already_there_on_page_two(stage: Stage) -> None:
    magnet = await stage.magnet()
    first = await stage.adapter.submit_magnet(magnet)
    for _ in range(4):
        await stage.submit()
    again = await stage.open(page_size=2).submit_magnet(magnet)
    assert again.transfer_id == first.transfer_id


async def test_in_the_way_but_not_there(stage: Stage) -> None:
    def script(sent: Sent) -> Reply | None:
        return refusal("DIFF_ISSUE") if sent.path.endswith("createtorrent") else None

    stage.interposer.script = script
    with pytest.raises(SlotsFull) as caught:
        await stage.through().submit_magnet(await stage.magnet())
    assert caught.value.provider == "torbox"
    assert caught.value.upstream_code == "DIFF_ISSUE"


async def test_search_ends(stage: Stage) -> None:
    def script(sent: Sent) -> Reply:
        if "create" in sent.path:
            return refusal("DIFF_ISSUE")
        return success([item(id=1), item(id=2)] if "mylist" in sent.path else [{"id": 1}, {"id": 2}])

    stage.interposer.script = script
    with pytest.raises(SlotsFull):
        await stage.through(page_size=2).submit_magnet(parse_info_hash("a" * 40))
    assert len(stage.interposer.sent) == 101


@pytest.mark.parametrize("number", [220871, "220871"])
async def test_id_as_text(stage: Stage, number: Any) -> None:
    adapter = answering(stage, success({"hash": "x", "webdownload_id": number}))
    assert (await adapter.submit_web(WebLink("https://1fichier.com/?x"))).transfer_id == "webdl:220871"


@pytest.mark.parametrize("data", [{}, *({"torrent_id": number} for number in (None, 0, "x", True, "9" * 19))])
async def test_accepted_without_id(stage: Stage, data: Any) -> None:
    with pytest.raises(ProtocolError):
        await answering(stage, success(data)).submit_magnet(parse_info_hash("a" * 40))


# The queue


async def queue(stage: Stage) -> tuple[str, str]:
    """A torrent that waits in the account's queue: its transfer id and hash."""
    magnet = await stage.magnet(seconds_to_ready=100)
    form = {"magnet": f"magnet:?xt=urn:btih:{magnet.info_hash}", "as_queued": "true"}
    reply = await stage.sandbox.call("POST", f"{ROOT}/torrents/createtorrent", token=TOKEN, form=form)
    return f"queued-torrent:{reply.json['data']['queued_id']}", magnet.info_hash


async def test_only_a_queued_id(stage: Stage) -> None:
    adapter = answering(stage, success({"hash": "x", "torrent_id": None, "queued_id": 551203}))
    submission = await adapter.submit_magnet(parse_info_hash("a" * 40))
    assert submission.transfer_id == "queued-torrent:551203"


async def test_queued_transfer(stage: Stage) -> None:
    transfer_id, info_hash = await queue(stage)
    transfer = await stage.adapter.get(transfer_id)
    assert (transfer.id, transfer.state, transfer.info_hash) == (transfer_id, TransferState.QUEUED, info_hash)
    assert transfer.detail == "queued"
    (listed,) = (await stage.adapter.list_page("queued-torrent:0")).transfers
    assert listed == transfer
    with pytest.raises(TransferNotReady):
        await stage.adapter.files(transfer_id)
    await stage.adapter.remove(transfer_id)
    await stage.adapter.remove(transfer_id)
    with pytest.raises(TransferMissing):
        await stage.adapter.get(transfer_id)
    with pytest.raises(TransferMissing):
        await stage.adapter.files(transfer_id)


async def test_queued_facts(stage: Stage) -> None:
    row = {"id": 5, "hash": "A" * 40, "name": "Film", "created_at": "2026-08-01T10:15:30Z", "type": "torrent"}
    transfer = await answering(stage, success(row)).get("queued-torrent:5")
    assert (transfer.name, transfer.info_hash) == ("Film", "a" * 40)
    assert transfer.added_at is not None
    assert transfer.added_at.isoformat() == "2026-08-01T10:15:30+00:00"


async def test_queue_requests(stage: Stage) -> None:
    transfer_id, _ = await queue(stage)
    adapter, number = stage.through(), transfer_id.partition(":")[2]
    await adapter.get(transfer_id)
    await adapter.remove(transfer_id)
    get, remove = stage.interposer.sent
    assert (get.path, get.query) == (
        f"{ROOT}/queued/getqueued",
        {"type": "torrent", "bypass_cache": "true", "id": number},
    )
    assert remove.path == f"{ROOT}/queued/controlqueued"
    assert remove.json == {"queued_id": int(number), "operation": "delete"}


async def test_queued_and_handed_in_again(stage: Stage) -> None:
    transfer_id, info_hash = await queue(stage)
    again = await stage.adapter.submit_magnet(parse_info_hash(info_hash))
    assert (again.transfer_id, again.existing) == (transfer_id, True)


async def test_queue_id_is_not_the_later_id(stage: Stage) -> None:
    transfer_id, info_hash = await queue(stage)
    await stage.sandbox.advance(10)
    with pytest.raises(TransferMissing):
        await stage.adapter.get(transfer_id)
    again = await stage.adapter.submit_magnet(parse_info_hash(info_hash))
    assert again.existing is True
    assert again.transfer_id.startswith("torrent:")
    assert len(await stage.truth()) == 1


# Availability, hosters


async def test_check_request(stage: Stage) -> None:
    cached = await stage.magnet(cached_on=["torbox"], name="Film")
    (found,) = await stage.through().availability([cached.info_hash])
    sent = stage.interposer.sent[0]
    assert (sent.method, sent.path) == ("POST", f"{ROOT}/torrents/checkcached")
    assert sent.query == {"format": "list", "list_files": "true"}
    assert sent.json == {"hashes": [cached.info_hash]}
    assert (found.name, found.size) == ("Film", 70_900)
    assert [(file.path, file.size, file.locator) for file in found.files] == [
        ("film.mkv", 70_000, None),
        ("extras/film.mkv", 900, None),
    ]


@pytest.mark.parametrize("data", [[], None])
async def test_no_hits(stage: Stage, data: Any) -> None:
    (found,) = await answering(stage, success(data)).availability(["a" * 40])
    assert found.cached is False


async def test_hits_in_capitals_and_hostile(stage: Stage) -> None:
    hits = [
        {"hash": "A" * 40, "name": "x", "size": 1.0},
        {"hash": "b" * 40, "files": [{"id": 1, "name": "../../etc/passwd", "size": 1}]},
    ]
    first, second = await answering(stage, success(hits)).availability(["a" * 40, "b" * 40])
    assert (first.cached, first.size, first.files) == (True, 1, ())
    assert (second.cached, second.files) == (True, ())


@pytest.mark.parametrize("key", ["domains", "domais", "domaisn"])
async def test_misspelt_domains(stage: Stage, key: str) -> None:
    row = {"name": "Rapidgator", key: ["www.Rapidgator.net", "rg.to"], "status": True}
    adapter = answering(stage, success([row, {"name": "None", "status": False}, {"name": "Odd"}]))
    found = [(one.name, one.domains, one.up) for one in await adapter.hosters()]
    assert found == [("Rapidgator", ("rapidgator.net", "rg.to"), True), ("None", (), False), ("Odd", (), None)]
    assert stage.interposer.sent[0].path == f"{ROOT}/webdl/hosters"
