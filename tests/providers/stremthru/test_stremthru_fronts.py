"""A StremThru in front of other providers, as StremThru 0.103.2 answered when it was run in front of our sandbox."""

import json
from datetime import UTC, datetime
from typing import Any

import pytest
from tests.providers.suite.interposer import Interposer, Reply, Sent

from sluicegate.core import errors as e
from sluicegate.core.accounts import Credential
from sluicegate.core.files import RemoteFile
from sluicegate.core.secrets import Secret
from sluicegate.core.sources import Magnet
from sluicegate.core.transfers import TransferState
from sluicegate.net.http import Http
from sluicegate.providers.stremthru.adapter import StremThru

HASH = "c" * 39 + "1"

Told = tuple[str, int, dict[str, Any]]


@pytest.fixture
def account(http: Http, interposer: Interposer) -> StremThru:
    return StremThru(http, Credential("a", Secret("x:y")), base_url=interposer.url + "/v0/store")


def row(**more: Any) -> dict[str, Any]:
    return {"id": "7", "hash": HASH, "name": "Film", "size": 30, "status": "downloaded", "added_at": "", **more}


def file(index: int, path: str, name: str, source: str) -> dict[str, Any]:
    link = f"stremthru://store/{path or name}"
    return {"index": index, "link": link, "path": path, "name": name, "size": 5, "source": source}


def answers(interposer: Interposer, *data: Any) -> None:
    waiting = iter(data)
    interposer.script = lambda _: Reply.json({"data": next(waiting)})


def upstream(code: str, cause: dict[str, Any] | None, **more: Any) -> dict[str, Any]:
    """A provider's refusal; without a cause an answer that StremThru could not read."""
    told = {"request_id": "r", "type": "upstream_error", "code": code, "message": "m", "store_name": "s"}
    return {**told, **({"__upstream_cause__": cause} if cause else {"__cause__": {}}), **more}


async def refused(interposer: Interposer, account: StremThru, status: int, error: dict[str, Any]) -> e.UpstreamError:
    interposer.script = lambda _: Reply.json({"error": error}, status)
    with pytest.raises(e.UpstreamError) as caught:
        await account.list_page()
    return caught.value


# Files


async def test_files_that_are_numbered_anew_in_every_folder(account: StremThru, interposer: Interposer) -> None:
    """AllDebrid: three files, two numbers, and another order at each look."""
    film, first, second = ("/Film.mkv", "Film.mkv"), ("/s/Film.srt", "Film.srt"), ("/t/Film.srt", "Film.srt")
    looks = (
        [file(0, *film, "ad"), file(1, *first, "ad"), file(1, *second, "ad")],
        [file(0, *second, "ad"), file(0, *first, "ad"), file(0, *film, "ad")],
        [file(0, *second, "ad"), file(1, *film, "ad"), file(2, *first, "ad")],
    )
    told = []
    for look in looks:
        answers(interposer, row(files=look))
        told.append({found.path: found for found in await account.files("7")})
    assert told[0] == told[1] == told[2]
    assert {path: found.index for path, found in told[0].items()} == {"Film.mkv": 0, "s/Film.srt": 1, "t/Film.srt": 2}
    for found in told[0].values():
        assert found.locator is not None
        for look in looks:
            answers(interposer, row(files=look), {"link": "https://direct.example/1"})
            await account.link(found.locator)
            assert interposer.sent[-1].json == {"link": f"stremthru://store//{found.path}"}


async def test_own_numbers_are_kept_where_they_are_some(account: StremThru, interposer: Interposer) -> None:
    """Real-Debrid: the numbers of the files in the torrent, of which StremThru selects the videos."""
    answers(interposer, row(files=[file(5, "/b.mkv", "b.mkv", "rd"), file(3, "/a.mkv", "a.mkv", "rd")]))
    assert [(found.index, found.path) for found in await account.files("7")] == [(5, "b.mkv"), (3, "a.mkv")]


async def test_files_without_paths(account: StremThru, interposer: Interposer) -> None:
    """Debrid-Link: bare names, so that two files can have the same one."""
    bare = [file(0, "", "a.mkv", "dl"), file(1, "", "a.mkv", "dl")]
    answers(interposer, row(files=bare))
    first, second = await account.files("7")
    assert [(found.index, found.path) for found in (first, second)] == [(0, "a.mkv"), (1, "a (2).mkv")]
    assert first.locator != second.locator
    assert second.locator is not None
    answers(interposer, row(files=[bare[0], {**bare[1], "link": "https://2"}]), {"link": "https://direct.example/2"})
    assert (await account.link(second.locator)).name == "a.mkv"
    assert interposer.sent[-1].json == {"link": "https://2"}


async def test_locators_of_before_hold_numbers(account: StremThru, interposer: Interposer) -> None:
    numbered = [file(5, "/b.mkv", "b.mkv", "rd"), file(3, "/a.mkv", "a.mkv", "rd")]
    answers(interposer, row(files=numbered), {"link": "https://direct.example/1"})
    assert (await account.link("stremthru:7:3")).name == "a.mkv"
    for doubtful in ([{**one, "index": 3} for one in numbered], [{**one, "source": "ad"} for one in numbered]):
        answers(interposer, row(files=doubtful))
        with pytest.raises(e.FileGone):
            await account.link("stremthru:7:3")


async def test_files_known_from_earlier_answers_have_no_number(account: StremThru, interposer: Interposer) -> None:
    known = [file(-1, "/b.mkv", "b.mkv", "tb"), file(-1, "/a.mkv", "a.mkv", "tb")]
    answers(interposer, {"items": [{"hash": HASH, "status": "cached", "files": known}]})
    (found,) = await account.availability([HASH])
    assert found.files == (
        RemoteFile(1, "b.mkv", 5, None, "video/x-matroska"),
        RemoteFile(0, "a.mkv", 5, None, "video/x-matroska"),
    )


# Transfers


async def test_a_magnet_under_conversion_is_not_lost(account: StremThru, interposer: Interposer) -> None:
    answers(interposer, row(status="invalid", files=[]))
    assert (await account.get("7")).state is TransferState.RESOLVING


@pytest.mark.parametrize("told", ["0001-01-01T00:00:00Z", "1970-01-01T00:00:00Z"])
async def test_dates_that_are_none(account: StremThru, interposer: Interposer, told: str) -> None:
    answers(interposer, row(added_at=told, size=-1, hash=""))
    found = await account.get("7")
    assert (found.added_at, found.size, found.info_hash) == (None, None, None)
    answers(interposer, row(added_at="2026-11-22T13:47:17.312517318Z"))
    assert (await account.get("7")).added_at == datetime(2026, 11, 22, 13, 47, 17, 312517, UTC)


@pytest.mark.parametrize(
    "told", ["premiumize:cached:magnet:" + HASH, "_KX8l8Y1qE9hvGXU0-3tI5", "-KX8l8Y1qE9hvGXU0_3tI5"]
)
async def test_ids_of_premiumize(account: StremThru, interposer: Interposer, told: str) -> None:
    files = [file(0, "/a.mkv", "a.mkv", "pm")]
    answers(interposer, {"items": [row(id=told)], "total_items": 1}, row(id=told, files=files))
    assert [one.id for one in (await account.list_page()).transfers] == [told]
    (found,) = await account.files(told)
    assert found.locator is not None
    answers(interposer, row(id=told, files=files), {"link": "https://direct.example/1"})
    assert (await account.link(found.locator)).name == "a.mkv"


DOUBLES = [
    upstream("UNKNOWN", {"detail": "d", "error": "DIFF_ISSUE", "data": ""}),
    upstream("CONFLICT", {"detail": "d", "error": "DUPLICATE_ITEM", "data": ""}),
    upstream("BAD_REQUEST", {"status": "error", "message": "You already added this job."}),
]


@pytest.mark.parametrize("error", DOUBLES)
async def test_what_is_there_already_is_found(
    account: StremThru, interposer: Interposer, error: dict[str, Any]
) -> None:
    """TorBox and Premiumize refuse a magnet that they have; the transfer is on the second page."""
    others = [row(id=f"o{number}", hash="d" * 40) for number in range(50)]
    pages = {"0": others, "50": [row(id="mine", status="downloading")]}

    def script(sent: Sent) -> Reply:
        if sent.method == "POST":
            return Reply.json({"error": error}, 400)
        return Reply.json({"data": {"items": pages[sent.query["offset"]], "total_items": 51}})

    interposer.script = script
    found = await account.submit_magnet(Magnet(HASH.upper()))
    assert (found.transfer_id, found.existing) == ("mine", True)
    assert [sent.method for sent in interposer.sent] == ["POST", "GET", "GET"]
    pages["50"] = []
    with pytest.raises(e.UpstreamError) as caught:
        await account.submit_magnet(Magnet(HASH))
    assert caught.value.transient


# Errors

SAID: list[tuple[type[e.UpstreamError], list[Told]]] = [
    (e.SlotsFull, [
        ("STORE_LIMIT_EXCEEDED", 509, {"error": "too_many_active_downloads", "error_code": 21}),
        ("STORE_LIMIT_EXCEEDED", 400, {"detail": "d", "error": "ACTIVE_LIMIT", "data": ""}),
        ("STORE_LIMIT_EXCEEDED", 500, {"code": "MAGNET_TOO_MANY_ACTIVE", "message": "m"}),
        ("STORE_LIMIT_EXCEEDED", 400, {"error": "maxTransfer", "error_id": "i", "error_description": "d"}),
    ]),
    (e.UpstreamQuota, [
        ("STORE_LIMIT_EXCEEDED", 503, {"error": "fair_usage_limit", "error_code": 36}),
        ("STORE_LIMIT_EXCEEDED", 200, {"code": "MAGNET_TOO_MANY", "message": "m"}),
        ("STORE_LIMIT_EXCEEDED", 400, {"error": "maxTorrent", "error_id": "i", "error_description": "d"}),
    ]),
    (e.UpstreamPlanRequired, [
        ("FORBIDDEN", 403, {"error": "permission_denied", "error_code": 9}),
        ("SERVICE_UNAVAILABLE", 503, {"error": "freeServerOverload", "error_id": "i"}),
        ("PAYMENT_REQUIRED", 402, {"code": "MAGNET_MUST_BE_PREMIUM", "message": "m"}),
    ]),
    (e.AccountLocked, [
        ("FORBIDDEN", 403, {"error": "account_locked", "error_code": 14}),
        ("FORBIDDEN", 403, {"code": "AUTH_USER_BANNED", "message": "m"}),
    ]),
    (e.TransferMissing, [
        ("STORE_MAGNET_INVALID", 400, {"code": "MAGNET_INVALID_ID", "message": "m"}),
        ("UNKNOWN", 409, {"detail": "d", "error": "NOT_OWNER", "data": ""}),
        ("NOT_FOUND", 404, {"error": "unknown_ressource", "error_code": 7}),
    ]),
    (e.SourceRejected, [
        ("UNAVAILABLE_FOR_LEGAL_REASONS", 451, {"error": "infringing_file", "error_code": 35}),
        ("UNKNOWN", 400, {"detail": "d", "error": "NOT_ALLOWED", "data": ""}),
        ("UNKNOWN", 400, {"error": "infringingFile", "error_id": "i"}),
        ("STORE_MAGNET_INVALID", 400, {"code": "MAGNET_INVALID_URI", "message": "m"}),
    ]),
    (e.NotSupported, [
        ("NOT_FOUND", 404, {"error": "disabled_endpoint", "error_code": 37}),
        ("NOT_FOUND", 404, {"detail": "d", "error": "ENDPOINT_NOT_FOUND", "data": ""}),
        ("UNKNOWN", 200, {"code": "DISCONTINUED", "message": "m"}),
    ]),
    (e.CoolingDown, [
        ("TOO_MANY_REQUESTS", 429, {"error": "floodDetected", "error_id": "i"}),
        ("TOO_MANY_REQUESTS", 429, {"detail": "d", "error": "COOLDOWN_LIMIT", "data": ""}),
    ]),
    (e.CredentialsRejected, [("UNAUTHORIZED", 401, {"status": "error", "message": "Not logged in."})]),
    (e.ProtocolError, [("UNKNOWN", 400, {"detail": "d", "error": "NEVER_SEEN", "data": ""})]),
    (e.UpstreamServerError, [("UNKNOWN", 500, {"code": "GENERIC", "message": "m"}), ("UNKNOWN", 500, {"error": "n"})]),
]  # fmt: skip


@pytest.mark.parametrize(("kind", "told"), [(kind, told) for kind, all_told in SAID for told in all_told])
async def test_the_provider_behind_decides(
    account: StremThru, interposer: Interposer, kind: type[e.UpstreamError], told: Told
) -> None:
    code, status, cause = told
    error = await refused(interposer, account, status, upstream(code, cause))
    assert type(error) is kind
    assert error.upstream_code in {code, *map(str, cause.values())}


WORDS: dict[type[e.UpstreamError], str] = {
    e.AccountLocked: "VENDOR_DISABLED maxAttempts",
    e.FileGone: "file_unavailable",
    e.NotSupported: "endpointDisabled unknowR",
    e.ProtocolError: "badArguments",
    e.SlotsFull: "LINK_TOO_MANY_DOWNLOADS DIFF_ISSUE DUPLICATE_ITEM maxSimultaneousFilesHost",
    e.SourceRejected: "BOZO_FILE INVALID_HASH INVALID_INPUT LINK_PASS_PROTECTED badFilePassword badTorrentFile",
    e.TransferMissing: "badId",
    e.UpstreamServerError: "GENERIC notDebrid",
    e.UpstreamUnavailable: "TEMPORARILY_DISABLED",
}


@pytest.mark.parametrize(("word", "kind"), [(word, kind) for kind, words in WORDS.items() for word in words.split()])
async def test_a_providers_word_outranks_any_code(
    account: StremThru, interposer: Interposer, word: str, kind: type[e.UpstreamError]
) -> None:
    for code in ("UNKNOWN", "UNAUTHORIZED"):
        error = await refused(interposer, account, 418, upstream(code, {"error": word}))
        assert (type(error), error.upstream_code) == (kind, word)


async def test_premiumizes_texts(account: StremThru, interposer: Interposer) -> None:
    """StremThru gives the first the word of a used-up account, and the second none."""
    full, double = "You already have a maximum of 25 active downloads in progress!", "You already added this job."
    for text, kind in ((full, e.SlotsFull), (double, e.UpstreamError)):
        told = upstream("STORE_LIMIT_EXCEEDED", {"status": "error", "message": text})
        assert type(await refused(interposer, account, 422, told)) is kind


@pytest.mark.parametrize("code", ["BAD_REQUEST", "FORBIDDEN", "UNAUTHORIZED", "NOT_FOUND"])
async def test_an_answer_that_stremthru_could_not_read_refuses_nothing(
    account: StremThru, interposer: Interposer, code: str
) -> None:
    """A connection that broke, or a page of somebody between: it must not end a transfer or pause an account."""
    error = await refused(interposer, account, 400, upstream(code, None))
    assert type(error) is e.UpstreamUnavailable
    assert error.transient
    limited = await refused(interposer, account, 429, upstream("TOO_MANY_REQUESTS", None))
    assert type(limited) is e.UpstreamRateLimited
    broken = await refused(interposer, account, 500, upstream("INTERNAL_SERVER_ERROR", None))
    assert type(broken) is e.UpstreamServerError


TEXTS: list[tuple[str, int, str, type[e.UpstreamError]]] = [
    ("TOO_MANY_REQUESTS", 429, "download queue full", e.SlotsFull),
    ("TOO_MANY_REQUESTS", 429, "monthly download limit reached, upgrade your plan", e.UpstreamQuota),
    ("FORBIDDEN", 403, "subscription expired, renew it to go on", e.UpstreamPlanRequired),
    ("FORBIDDEN", 403, "account suspended", e.AccountLocked),
]


@pytest.mark.parametrize(("code", "status", "text", "kind"), TEXTS)
async def test_torrins_texts_pass_through(
    account: StremThru, interposer: Interposer, code: str, status: int, text: str, kind: type[e.UpstreamError]
) -> None:
    told = upstream(code, {"code": status, "message": text}, message=text)
    assert type(await refused(interposer, account, status, told)) is kind


OWN: list[tuple[int, str, str, type[e.UpstreamError]]] = [
    (400, "BAD_REQUEST", "missing store", e.CredentialsRejected),
    (400, "BAD_REQUEST", "invalid id", e.TransferMissing),
    (400, "BAD_REQUEST", "missing magnet", e.SourceRejected),
    (403, "FORBIDDEN", "forbidden", e.UpstreamPlanRequired),
    (403, "FORBIDDEN", "invalid api key", e.CredentialsRejected),
    (401, "UNAUTHORIZED", "unauthorized", e.CredentialsRejected),
]


@pytest.mark.parametrize(("status", "code", "text", "kind"), OWN)
async def test_own_refusals(
    account: StremThru, interposer: Interposer, status: int, code: str, text: str, kind: type[e.UpstreamError]
) -> None:
    told = {"type": "api_error", "code": code, "message": text, "status_code": status, "__cause__": {"Func": "Atoi"}}
    assert type(await refused(interposer, account, status, told)) is kind


async def test_a_delayed_link_is_asked_for_again(account: StremThru, interposer: Interposer) -> None:
    told = {"type": "store_error", "message": "link generation delayed, try later", "status_code": 418}
    assert type(await refused(interposer, account, 418, told)) is e.TransferNotReady


async def test_errors_inside_errors(account: StremThru, interposer: Interposer) -> None:
    """Premiumize, where StremThru asks several things at once: the outer error is always a 500 without meaning."""
    said = {"status": "error", "message": "Not logged in."}
    inner = json.dumps(upstream("UNAUTHORIZED", said))
    outer = {"type": "", "code": "INTERNAL_SERVER_ERROR", "status_code": 500, "__cause__": {}}
    error = await refused(interposer, account, 500, {**outer, "message": inner + "\n" + inner})
    assert type(error) is e.CredentialsRejected
    for text in ("{", '{"code": []}', '{"code": "\\ud800"}', "{" * 5000, "strconv.Atoi: parsing"):
        assert type(await refused(interposer, account, 500, {**outer, "message": text})) is e.UpstreamServerError
