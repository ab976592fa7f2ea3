"""Real-Debrid's traps, one by one."""

import json
import re
from typing import Any

import pytest
from tests.providers.suite.interposer import Reply, Sent
from tests.providers.suite.stage import Stage

from sluicegate.core.errors import (
    AccountLocked,
    CredentialsRejected,
    FileGone,
    HosterDown,
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
from sluicegate.core.sources import WebLink
from sluicegate.core.transfers import TransferState
from sluicegate.providers.realdebrid.adapter import RealDebrid

OWN = "realdebrid:QW3RT7YUIO9PA"
EPISODES = [{"path": f"e{number}.mkv", "size": 100 + number} for number in (1, 2, 3)]

CODES = {
    -1: UpstreamServerError,
    1: ProtocolError,
    2: SourceRejected,
    3: NotSupported,
    4: NotSupported,
    5: UpstreamRateLimited,
    6: UpstreamUnavailable,
    7: TransferMissing,
    8: CredentialsRejected,
    9: UpstreamPlanRequired,
    10: CredentialsRejected,
    11: CredentialsRejected,
    12: CredentialsRejected,
    13: CredentialsRejected,
    14: AccountLocked,
    15: AccountLocked,
    16: HosterUnsupported,
    17: HosterDown,
    18: UpstreamQuota,
    19: HosterDown,
    20: UpstreamPlanRequired,
    21: SlotsFull,
    22: AccountLocked,
    23: UpstreamQuota,
    24: FileGone,
    25: UpstreamServerError,
    26: SourceRejected,
    27: SourceRejected,
    28: SourceRejected,
    29: SourceRejected,
    30: SourceRejected,
    33: UpstreamUnavailable,
    34: UpstreamRateLimited,
    35: SourceRejected,
    36: UpstreamQuota,
    37: NotSupported,
}

SLUGS = {
    "unknown_ressource": TransferMissing,
    "bad_token": CredentialsRejected,
    "permission_denied": UpstreamPlanRequired,
    "hoster_unsupported": HosterUnsupported,
    "hoster_maintenance": HosterDown,
    "hoster_unavailable": HosterDown,
    "hoster_not_free": UpstreamPlanRequired,
    "too_many_active_downloads": SlotsFull,
    "ip_not_allowed": AccountLocked,
    "traffic_exhausted": UpstreamQuota,
    "file_unavailable": FileGone,
    "service_unavailable": UpstreamServerError,
    "too_many_requests": UpstreamRateLimited,
    "infringing_file": SourceRejected,
    "fair_usage_limit": UpstreamQuota,
    "disabled_endpoint": NotSupported,
}


def answering(stage: Stage, *replies: Reply) -> RealDebrid:
    """An adapter that gets these replies, the last one again and again."""
    waiting = list(replies)
    stage.interposer.script = lambda _: waiting.pop(0) if len(waiting) > 1 else waiting[0]
    adapter = stage.through()
    assert isinstance(adapter, RealDebrid)
    return adapter


def refusal(code: int | None, status: int = 503, slug: str | None = "x", **headers: str) -> Reply:
    return Reply.json({"error": slug, "error_code": code}, status, **headers)


def info(**changes: Any) -> Reply:
    row = {
        "id": "K7QM2XW4ZBT3E",
        "filename": "Harbour.Lights",
        "hash": "A" * 40,
        "bytes": 303,
        "progress": 100,
        "status": "downloaded",
        "added": "2026-08-14T19:03:52.000Z",
        "files": [
            {"id": 1, "path": "/e1.mkv", "bytes": 101, "selected": 1},
            {"id": 2, "path": "/notes.txt", "bytes": 9, "selected": 0},
            {"id": 3, "path": "/e3.mkv", "bytes": 103, "selected": 1},
        ],
        "links": ["https://real-debrid.com/d/AAAAAAAAAAAAA111", "https://real-debrid.com/d/BBBBBBBBBBBBB222"],
    }
    return Reply.json(row | changes)


async def failing(adapter: RealDebrid) -> UpstreamError:
    with pytest.raises(UpstreamError) as caught:
        await adapter.unlock(WebLink("https://1fichier.com/?x"))
    return caught.value


# Errors


@pytest.mark.parametrize("code", list(CODES))
async def test_code_decides_not_status(stage: Stage, code: int) -> None:
    for status in (400, 403, 451, 503):
        error = await failing(answering(stage, refusal(code, status)))
        assert type(error) is CODES[code], status
        assert (error.upstream_code, error.detail) == (str(code), f"Real-Debrid answers error {code}.")


@pytest.mark.parametrize("slug", list(SLUGS))
async def test_slug_stands_in_for_missing_code(stage: Stage, slug: str) -> None:
    for reply in (refusal(None, 503, slug), Reply.json({"error": slug}, 400)):
        assert type(await failing(answering(stage, reply))) is SLUGS[slug]


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        (400, ProtocolError),
        (401, CredentialsRejected),
        (403, UpstreamPlanRequired),
        (404, TransferMissing),
        (429, UpstreamRateLimited),
        (451, SourceRejected),
        (500, UpstreamServerError),
        (509, SlotsFull),
    ],
)
async def test_status_stands_in_for_code_and_slug(stage: Stage, status: int, kind: type[UpstreamError]) -> None:
    error = await failing(answering(stage, refusal(None, status, None)))
    assert type(error) is kind
    assert error.upstream_code == str(status)


async def test_unknown_code(stage: Stage) -> None:
    assert type(await failing(answering(stage, refusal(99, 503)))) is UpstreamServerError
    assert type(await failing(answering(stage, refusal(99, 400)))) is ProtocolError


async def test_two_objects_in_one_body(stage: Stage) -> None:
    magnet = await stage.magnet()
    await stage.fault("doubled", status=451, times=1, call="*/addMagnet")
    with pytest.raises(SourceRejected) as caught:
        await stage.adapter.submit_magnet(magnet)
    assert caught.value.upstream_code == "35"


@pytest.mark.parametrize(("status", "kind"), [(429, UpstreamRateLimited), (500, UpstreamServerError)])
async def test_status_without_a_body_of_its_own(stage: Stage, status: int, kind: type[UpstreamError]) -> None:
    error = await failing(answering(stage, Reply(status, b"Too many requests", (("retry-after", "11"),))))
    assert type(error) is kind
    assert (error.upstream_code, error.detail) == (str(status), f"Real-Debrid answers HTTP status {status}.")
    assert error.retry_after == 11.0


@pytest.mark.parametrize(("header", "wait"), [({}, 120.0), ({"retry_after": "9"}, 9.0)])
async def test_slow_down_is_two_minutes(stage: Stage, header: dict[str, str], wait: float) -> None:
    assert (await failing(answering(stage, refusal(5, 429, **header)))).retry_after == wait


async def test_error_under_success_status(stage: Stage) -> None:
    assert type(await failing(answering(stage, refusal(23, 200)))) is UpstreamQuota


async def test_changed_token_is_a_wrong_parameter(stage: Stage) -> None:
    adapter = answering(stage, refusal(2, 400))
    for call in (adapter.account(), adapter.list_page(), adapter.hosters()):
        with pytest.raises(CredentialsRejected):
            await call


# Lists


async def test_empty_list_is_204(stage: Stage) -> None:
    page = await stage.through().list_page()
    assert (page.transfers, page.next_cursor) == ((), None)
    assert stage.interposer.replies[0].status == 204
    assert stage.interposer.replies[0].body == b""


async def test_list_request(stage: Stage) -> None:
    await stage.through().list_page("3")
    sent = stage.interposer.sent[0]
    assert (sent.method, sent.path) == ("GET", "/realdebrid/rest/1.0/torrents")
    assert sent.query == {"page": "3", "limit": str(RealDebrid.page_size)}
    assert sent.headers["authorization"] == "Bearer sandbox-suite-account-one"


@pytest.mark.parametrize(("total", "following"), [("2", None), ("3", "2"), ("4", "2"), ("x", "2"), (None, "2")])
async def test_total_count_pages(stage: Stage, total: str | None, following: str | None) -> None:
    rows = [{"id": f"A{number}", "status": "queued"} for number in range(2)]
    header = (("x-total-count", total),) if total else ()
    answering(stage, Reply(200, json.dumps(rows).encode(), header))
    assert (await stage.through(page_size=2).list_page()).next_cursor == following


@pytest.mark.parametrize("header", [{}, {"x_total_count": "9999999999"}], ids=["no count", "absurd count"])
async def test_without_count_a_short_page_is_the_last(stage: Stage, header: dict[str, str]) -> None:
    answering(stage, Reply.json([{"id": "A", "status": "queued"}], **header))
    page = await stage.through(page_size=2).list_page()
    assert ([transfer.id for transfer in page.transfers], page.next_cursor) == (["A"], None)


async def test_204_ends_a_listing_whose_count_is_wrong(stage: Stage) -> None:
    answering(stage, Reply(204, b"", (("x-total-count", "9"),)))
    assert (await stage.through(page_size=2).list_page("2")).next_cursor is None


@pytest.mark.parametrize("body", [{"message": "maintenance"}, "no list", 7])
async def test_list_that_is_no_array(stage: Stage, body: Any) -> None:
    with pytest.raises(ProtocolError):
        await answering(stage, Reply.json(body)).list_page()


async def test_row_facts(stage: Stage) -> None:
    row = {
        "id": "B4NH9PLX6RD2Y",
        "filename": "Old.Mill",
        "hash": "9AB04CF7712E3D5568FA10BC2E94D7735C01E8B6",
        "bytes": 1610612736.0,
        "progress": 41.27,
        "status": "downloading",
        "added": "2026-08-15T06:41:09.000Z",
        "links": [],
        "speed": 7340032.5,
        "seeders": 12,
    }
    (transfer,) = (await answering(stage, Reply.json([row])).list_page()).transfers
    assert transfer.info_hash == "9ab04cf7712e3d5568fa10bc2e94d7735c01e8b6"
    assert (transfer.name, transfer.size, transfer.speed, transfer.seeders) == ("Old.Mill", 1610612736, 7340032, 12)
    assert transfer.progress == pytest.approx(0.4127)
    assert transfer.added_at is not None
    assert transfer.added_at.isoformat() == "2026-08-15T06:41:09+00:00"
    assert transfer.detail == "downloading"
    assert transfer.files is None


# Handing in and selecting


async def test_magnet_request(stage: Stage) -> None:
    submission = await stage.through().submit_magnet(await stage.magnet())
    look, add = stage.interposer.sent
    assert (look.method, look.path) == ("GET", "/realdebrid/rest/1.0/torrents")
    assert (add.method, add.path) == ("POST", "/realdebrid/rest/1.0/torrents/addMagnet")
    assert list(add.form) == ["magnet"]
    assert add.form["magnet"].startswith("magnet:?xt=urn:btih:")
    assert submission.existing is False


async def test_torrent_request(stage: Stage) -> None:
    torrent = await stage.torrent_file()
    first = await stage.through().submit_torrent_file(torrent)
    again = await stage.through().submit_torrent_file(torrent)
    assert (again.transfer_id, again.existing) == (first.transfer_id, True)
    add = stage.interposer.sent[1]
    assert (add.method, add.path) == ("PUT", "/realdebrid/rest/1.0/torrents/addTorrent")
    assert add.body == torrent.raw
    assert add.headers["content-type"] == "application/x-bittorrent"
    assert add.headers["authorization"] == "Bearer sandbox-suite-account-one"


async def test_duplicate_is_found_on_a_later_page(stage: Stage) -> None:
    magnet = await stage.magnet()
    first = await stage.adapter.submit_magnet(magnet)
    for _ in range(4):
        await stage.submit()
    again = await stage.open(page_size=2).submit_magnet(magnet)
    assert again.transfer_id == first.transfer_id
    assert again.existing is True
    assert again.transfer is not None
    assert len(await stage.truth()) == 5


async def test_failed_duplicate_does_not_count(stage: Stage) -> None:
    magnet = await stage.magnet(dies=True)
    first = await stage.adapter.submit_magnet(magnet)
    await stage.drive(first.transfer_id, TransferState.FAILED)
    again = await stage.adapter.submit_magnet(magnet)
    assert again.transfer_id != first.transfer_id
    assert again.existing is False


async def test_search_for_duplicates_ends(stage: Stage) -> None:
    rows = [{"id": "A1", "status": "queued"}, {"id": "A2", "status": "queued"}]
    endless = Reply(200, json.dumps(rows).encode(), (("x-total-count", "1000000"),))
    stage.interposer.script = lambda sent: endless if sent.method == "GET" else None
    assert (await stage.through(page_size=2).submit_magnet(parse_info_hash("a" * 40))).transfer_id
    assert len(stage.interposer.sent) == 51


async def test_selecting_starts(stage: Stage) -> None:
    transfer_id = await stage.submit(files=EPISODES)
    await stage.drive(transfer_id, TransferState.SELECTING)
    assert all(file.selected for file in await stage.adapter.files(transfer_id))
    await stage.through().select(transfer_id)
    sent = stage.interposer.sent[0]
    assert (sent.method, sent.path) == ("POST", f"/realdebrid/rest/1.0/torrents/selectFiles/{transfer_id}")
    assert sent.form == {"files": "all"}
    assert (await stage.adapter.get(transfer_id)).state is TransferState.QUEUED


async def test_selecting_some(stage: Stage) -> None:
    transfer_id = await stage.submit(files=EPISODES)
    await stage.drive(transfer_id, TransferState.SELECTING)
    await stage.through().select(transfer_id, [0, 2])
    assert stage.interposer.sent[0].form == {"files": "1,3"}
    await stage.drive(transfer_id, TransferState.READY)
    files = await stage.adapter.files(transfer_id)
    assert [(file.index, file.path, file.selected, file.locator is None) for file in files] == [
        (0, "e1.mkv", True, False),
        (1, "e2.mkv", False, True),
        (2, "e3.mkv", True, False),
    ]


async def test_selecting_twice_is_fine(stage: Stage) -> None:
    transfer_id = await stage.submit()
    await stage.drive(transfer_id, TransferState.SELECTING)
    await stage.through().select(transfer_id)
    await stage.through().select(transfer_id)
    assert [reply.status for reply in stage.interposer.replies] == [204, 202]


async def test_selecting_too_early(stage: Stage) -> None:
    transfer_id = await stage.submit(seconds_to_ready=1000)
    assert (await stage.adapter.get(transfer_id)).state is TransferState.RESOLVING
    with pytest.raises(TransferNotReady):
        await stage.adapter.select(transfer_id)


@pytest.mark.parametrize("indexes", [[7], [-5], []])
async def test_selecting_what_is_not_there(stage: Stage, indexes: list[int]) -> None:
    transfer_id = await stage.submit()
    await stage.drive(transfer_id, TransferState.SELECTING)
    with pytest.raises(InvalidInput):
        await stage.adapter.select(transfer_id, indexes)
    assert (await stage.adapter.get(transfer_id)).state is TransferState.SELECTING


async def test_selecting_when_slots_are_full(stage: Stage) -> None:
    transfer_id = await stage.submit()
    await stage.drive(transfer_id, TransferState.SELECTING)
    await stage.fault("slots_full", times=1)
    with pytest.raises(SlotsFull):
        await stage.adapter.select(transfer_id)


# Files and links


async def test_links_follow_selected_files(stage: Stage) -> None:
    files = await answering(stage, info()).files("K7QM2XW4ZBT3E")
    assert [(file.index, file.path, file.size, file.locator) for file in files] == [
        (0, "e1.mkv", 101, "realdebrid:AAAAAAAAAAAAA"),
        (1, "notes.txt", 9, None),
        (2, "e3.mkv", 103, "realdebrid:BBBBBBBBBBBBB"),
    ]
    assert [file.mime_type for file in files] == ["video/x-matroska", "text/plain", "video/x-matroska"]


async def test_links_follow_ids_not_rows(stage: Stage) -> None:
    rows = info().document["files"]
    files = await answering(stage, info(files=rows[::-1])).files("K7QM2XW4ZBT3E")
    assert [(file.path, file.locator) for file in files if file.locator] == [
        ("e1.mkv", "realdebrid:AAAAAAAAAAAAA"),
        ("e3.mkv", "realdebrid:BBBBBBBBBBBBB"),
    ]


async def test_packed_results_are_archives(stage: Stage) -> None:
    transfer_id = await stage.ready(
        name="A Film", files=[{"path": "film.mkv", "size": 10}, {"path": "notes.txt", "size": 5}]
    )
    film, notes, archive = await stage.adapter.files(transfer_id)
    assert film.locator is None
    assert notes.locator is None
    assert (archive.index, archive.path, archive.size) == (2, "A Film.rar", -1)
    assert archive.mime_type == "application/vnd.rar"
    assert archive.locator is not None
    link = await stage.adapter.link(archive.locator)
    assert link.size == 15
    assert link.name == "A_Film.rar"


async def test_several_archives(stage: Stage) -> None:
    links = [f"https://real-debrid.com/d/{letter * 13}" for letter in "ABC"]
    files = await answering(stage, info(links=links)).files("K7QM2XW4ZBT3E")
    assert [(file.index, file.path) for file in files if file.locator] == [
        (3, "Harbour.Lights.part1.rar"),
        (4, "Harbour.Lights.part2.rar"),
        (5, "Harbour.Lights.part3.rar"),
    ]


async def test_downloaded_without_links_is_not_ready(stage: Stage) -> None:
    adapter = answering(stage, info(links=[]))
    assert (await adapter.get("K7QM2XW4ZBT3E")).state is TransferState.PROCESSING
    assert [file.locator for file in await adapter.files("K7QM2XW4ZBT3E")] == [None] * 3


async def test_files_before_metadata(stage: Stage) -> None:
    adapter = answering(stage, info(files=[], links=[], status="magnet_conversion"))
    with pytest.raises(TransferNotReady):
        await adapter.files("K7QM2XW4ZBT3E")


async def test_another_torrent_than_asked(stage: Stage) -> None:
    with pytest.raises(ProtocolError):
        await answering(stage, info(id="B4NH9PLX6RD2Y")).get("K7QM2XW4ZBT3E")


async def test_file_ids_are_small_numbers(stage: Stage) -> None:
    """They are kept as indexes of 32 bits. What is wrong with an answer is told, not only that something is."""
    row = {"path": "/e1.mkv", "bytes": 101, "selected": 1}
    (file,) = await answering(stage, info(files=[row | {"id": 2**31}], links=[])).files("K7QM2XW4ZBT3E")
    assert file.index == 2**31 - 1
    with pytest.raises(ProtocolError, match=re.escape("$.files[0].id")):
        await answering(stage, info(files=[row | {"id": 2**31 + 1}])).files("K7QM2XW4ZBT3E")


async def test_strange_host_link(stage: Stage) -> None:
    links = ["https://elsewhere.example/d/AAAAAAAAAAAAA", "https://real-debrid.com/d/BBBBBBBBBBBBB"]
    with pytest.raises(ProtocolError):
        await answering(stage, info(links=links)).files("K7QM2XW4ZBT3E")


async def test_link_request(stage: Stage) -> None:
    locator = await stage.locator(await stage.ready())
    adapter = stage.through()
    await adapter.link(locator)
    await adapter.link(locator, viewer_address="192.0.2.7")
    plain, addressed = stage.interposer.sent
    assert (plain.method, plain.path) == ("POST", "/realdebrid/rest/1.0/unrestrict/link")
    assert plain.form == {"link": "https://real-debrid.com/d/" + locator.partition(":")[2]}
    assert addressed.form == plain.form | {"ip": "192.0.2.7"}


@pytest.mark.parametrize("code", [7, 16, 19, 24])
async def test_dead_own_link_is_gone(stage: Stage, code: int) -> None:
    with pytest.raises(FileGone):
        await answering(stage, refusal(code)).link(OWN)


async def test_link_facts(stage: Stage) -> None:
    told = {"download": "https://lon1-4.download.real-debrid.com/d/X/a%20b.mkv", "filename": "a b.mkv", "filesize": 5}
    link = await answering(stage, Reply.json(told)).link(OWN)
    assert (link.url, link.name, link.size, link.expires_at) == (told["download"], "a b.mkv", 5, None)
    assert (await answering(stage, Reply.json(told | {"filesize": 0})).link(OWN)).size is None


@pytest.mark.parametrize("url", ["", "nonsense", "ftp://x/y", "https://", "javascript:x"])
async def test_link_that_is_none(stage: Stage, url: str) -> None:
    with pytest.raises(ProtocolError):
        await answering(stage, Reply.json({"download": url})).link(OWN)


@pytest.mark.parametrize("code", ["short", "AAAAAAAAAAAAAA", "aaaaaaaaaaaaa", "../../x"])
async def test_locator_that_is_no_code(stage: Stage, code: str) -> None:
    with pytest.raises(InvalidInput):
        await stage.adapter.link(f"realdebrid:{code}")
    assert await stage.calls() == []


async def test_unlock_request(stage: Stage) -> None:
    link = await stage.hoster()
    await stage.through().unlock(link)
    assert stage.interposer.sent[0].form == {"link": link.url}


# Account and hosters


@pytest.mark.parametrize(
    ("token", "kind"),
    [("sandbox-locked-joe", AccountLocked), ("sandbox-free-joe", UpstreamPlanRequired)],
)
async def test_locked_and_free_accounts(stage: Stage, token: str, kind: type[UpstreamError]) -> None:
    with pytest.raises(kind):
        await stage.open(token).submit_magnet(await stage.magnet())


async def test_account_facts(stage: Stage) -> None:
    adapter = stage.through()
    premium = await adapter.account()
    assert stage.interposer.sent[0].path == "/realdebrid/rest/1.0/user"
    assert (premium.premium, premium.plan, premium.limits) == (True, "premium", (("points", 1250.0),))
    assert premium.id.isdecimal()
    assert premium.expires_at is not None
    free = await stage.open("sandbox-free-joe").account()
    assert (free.premium, free.plan) == (False, "free")
    odd = await answering(stage, Reply.json({"id": 1, "type": "gold", "expiration": ""})).account()
    assert (odd.premium, odd.expires_at, odd.limits) == (None, None, ())


async def test_hosters_that_are_down_or_unsupported(stage: Stage) -> None:
    rows = {
        "www.Up.example": {"name": "Up", "supported": 1, "status": "up"},
        "down.example": {"name": "Down", "supported": 1, "status": "down"},
        "odd.example": {"name": "Odd", "supported": 1, "status": "sleeping"},
        "gone.example": {"name": "Gone", "supported": 0, "status": "up"},
        "never.example": {"name": "Never", "supported": 1, "status": "unsupported"},
    }
    adapter = answering(stage, Reply.json(rows))
    found = [(one.name, one.domains, one.up) for one in await adapter.hosters()]
    assert found == [
        ("Up", ("up.example",), True),
        ("Down", ("down.example",), False),
        ("Odd", ("odd.example",), None),
    ]
    assert stage.interposer.sent[0].path == "/realdebrid/rest/1.0/hosts/status"


async def test_empty_map_as_list(stage: Stage) -> None:
    assert await answering(stage, Reply.json([])).hosters() == ()


async def test_removing_request(stage: Stage) -> None:
    transfer_id = await stage.submit()
    await stage.through().remove(transfer_id)
    sent: Sent = stage.interposer.sent[0]
    assert (sent.method, sent.path) == ("DELETE", f"/realdebrid/rest/1.0/torrents/delete/{transfer_id}")
    await stage.through().remove(transfer_id)
    assert [reply.status for reply in stage.interposer.replies] == [204, 404]


async def test_no_availability_check(stage: Stage) -> None:
    with pytest.raises(NotSupported):
        await stage.adapter.availability(["a" * 40])
