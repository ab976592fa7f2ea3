"""SmokeDebrid: exact requests, exact values, and what each error code means."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime
from typing import Any

import pytest
from tests.providers.suite.interposer import Interposer, Reply
from tests.sandbox.caller import Caller, torrent

from sluicegate.core.accounts import AccountFacts, Credential
from sluicegate.core.availability import Availability
from sluicegate.core.errors import (
    CredentialsRejected,
    HosterDown,
    HosterUnsupported,
    InvalidInput,
    LinkExpired,
    NotSupported,
    ProtocolError,
    SlotsFull,
    SourceRejected,
    TransferMissing,
    TransferNotReady,
    UpstreamQuota,
    UpstreamRateLimited,
    UpstreamServerError,
)
from sluicegate.core.files import RemoteFile
from sluicegate.core.links import Link
from sluicegate.core.provider import HosterSupport
from sluicegate.core.secrets import Secret
from sluicegate.core.sources import Magnet, Nzb, SourceKind, WebLink
from sluicegate.core.torrent_files import parse_torrent
from sluicegate.core.transfers import Submission, Transfer, TransferState
from sluicegate.net.http import Http
from sluicegate.providers.smokedebrid.adapter import SmokeDebrid

HASH = "c" * 39 + "1"
NZB = b'<?xml version="1.0"?><nzb xmlns="http://www.newzbin.com/DTD/2003/nzb"><file/></nzb>'


@pytest.fixture
async def smoke(sandbox: Caller, interposer: Interposer, http: Http) -> AsyncIterator[SmokeDebrid]:
    """An account whose requests pass the interposer."""
    url = f"{interposer.url}/smokedebrid/v1/"
    async with SmokeDebrid(http, Credential("a", Secret("sandbox-smoke"), base_url=url)) as adapter:
        yield adapter


def job(**more: Any) -> dict[str, Any]:
    told = {
        "id": "smk-1", "kind": "usenet", "source": "x", "info_hash": None, "name": "Show", "size": 0, "state": "ready",
        "progress": 0.25, "speed": 12, "created_at": "2026-08-01T10:15:30Z", "files": [],
    }  # fmt: skip
    return {"transfer": told | more}


def test_an_account_without_address_is_refused(http: Http) -> None:
    with pytest.raises(InvalidInput) as caught:
        SmokeDebrid(http, Credential("a", Secret("x")))
    assert caught.value.field == "base_url"


async def test_requests_are_as_documented(smoke: SmokeDebrid, sandbox: Caller, interposer: Interposer) -> None:
    await sandbox.define(HASH, name="Film", files=[{"path": "a/b.mkv", "size": 5}], cached_on=["smokedebrid"])
    magnet = await smoke.submit_magnet(Magnet(HASH, name="Film"))
    await smoke.submit_torrent_file(parse_torrent(torrent()))
    await smoke.submit_nzb(Nzb("show.nzb", raw=NZB))
    await smoke.submit_nzb(Nzb("far.nzb", url="https://nzb.example/far.nzb"))
    await smoke.submit_web(WebLink("https://files.example/x"))
    await smoke.list_page("1")
    await smoke.files(magnet.transfer_id)
    await smoke.link(f"smokedebrid:{magnet.transfer_id}:0")
    await smoke.unlock(WebLink("https://1fichier.com/?a"))
    await smoke.availability([HASH])
    await smoke.remove(magnet.transfer_id)
    v1, id_ = "/smokedebrid/v1", magnet.transfer_id
    assert [(sent.method, sent.target) for sent in interposer.sent] == [
        ("POST", f"{v1}/transfers"),
        ("POST", f"{v1}/transfers/torrent"),
        ("POST", f"{v1}/transfers/nzb?name=show.nzb"),
        ("POST", f"{v1}/transfers"),
        ("POST", f"{v1}/transfers"),
        ("GET", f"{v1}/transfers?page=1&per_page=500"),
        ("GET", f"{v1}/transfers/{id_}"),
        ("POST", f"{v1}/transfers/{id_}/files/0/link"),
        ("POST", f"{v1}/unlock"),
        ("POST", f"{v1}/availability"),
        ("DELETE", f"{v1}/transfers/{id_}"),
    ]
    assert {sent.headers["authorization"] for sent in interposer.sent} == {"Bearer sandbox-smoke"}
    bodies = [sent.json for sent in interposer.sent if sent.headers.get("content-type") == "application/json"]
    assert bodies == [
        {"magnet": f"magnet:?xt=urn:btih:{HASH}&dn=Film"},
        {"nzb_url": "https://nzb.example/far.nzb", "name": "far.nzb"},
        {"link": "https://files.example/x"},
        {"link": "https://1fichier.com/?a"},
        {"hashes": [HASH]},
    ]
    assert [sent.body for sent in interposer.sent[1:3]] == [torrent(), NZB]


async def test_values_are_exact(smoke: SmokeDebrid, interposer: Interposer) -> None:
    at = datetime(2026, 8, 1, 10, 15, 30, tzinfo=UTC)
    answers = iter([
        Reply.json(job(kind="web", size=7, info_hash="ab" * 20)),
        Reply.json(job(state="downloading"), status=201),
        Reply.json(job(state="queued")),
        Reply.json({"account": {"id": "u1", "plan": "free", "premium_until": at.isoformat(), "active_transfers": 3}}),
        Reply.json(job(files=[{"id": 4, "path": "a/b.mkv", "size": 5}])),
        Reply.json({"url": "https://cdn.example/f", "expires_at": "2026-08-01T10:15:30Z"}),
        Reply.json({"name": "n", "size": 9, "url": "https://cdn.example/g", "expires_at": "2026-08-01T10:15:30Z"}),
        Reply.json({"hosts": [{"name": "H", "domains": ["WWW.h.example"]}]}),
        Reply.json({"cached": {HASH: True, "d" * 39 + "1": False}}),
    ])  # fmt: skip
    interposer.script = lambda _: next(answers)
    web = Transfer("smk-1", TransferState.READY, "Show", SourceKind.WEB, "ab" * 20, 7, 0.25, 12, None, at, "ready")
    assert await smoke.get("smk-1") == web
    fresh = await smoke.submit_magnet(Magnet(HASH))
    usenet = Transfer(
        "smk-1", TransferState.DOWNLOADING, "Show", SourceKind.USENET, None, None, 0.25, 12, None, at, "downloading"
    )
    assert fresh == Submission("smk-1", existing=False, cached=False, transfer=usenet)
    again = await smoke.submit_magnet(Magnet(HASH))
    assert (again.existing, again.cached) == (True, None)
    assert await smoke.account() == AccountFacts("u1", False, "free", at, (("active_transfers", 3.0),))
    assert await smoke.files("smk-1") == (RemoteFile(4, "a/b.mkv", 5, "smokedebrid:smk-1:4", "video/x-matroska"),)
    assert await smoke.link("smokedebrid:smk-1:4") == Link("https://cdn.example/f", at)
    assert await smoke.unlock(WebLink("https://h.example/x")) == Link("https://cdn.example/g", at, "n", 9)
    assert await smoke.hosters() == (HosterSupport("H", ("h.example",)),)
    found = await smoke.availability([HASH, "d" * 39 + "1", "e" * 39 + "1"])
    assert [one.cached for one in found] == [True, False, None]
    assert found[0] == Availability(HASH, cached=True)


async def test_another_transfer_than_asked_for(smoke: SmokeDebrid, interposer: Interposer) -> None:
    interposer.script = lambda _: Reply.json(job(id="smk-2"))
    with pytest.raises(ProtocolError):
        await smoke.get("smk-1")


async def test_only_204_removes(smoke: SmokeDebrid, interposer: Interposer) -> None:
    interposer.script = lambda _: Reply.json({"error": {"code": "not_found"}}, status=404)
    await smoke.remove("smk-1")
    interposer.script = lambda _: Reply.json({})
    with pytest.raises(ProtocolError):
        await smoke.remove("smk-1")


CODES = {
    "unauthorized": (401, CredentialsRejected),
    "quota_exceeded": (402, UpstreamQuota),
    "slots_full": (409, SlotsFull),
    "rate_limited": (429, UpstreamRateLimited),
    "not_found": (404, TransferMissing),
    "not_ready": (409, TransferNotReady),
    "link_expired": (410, LinkExpired),
    "endpoint_gone": (410, NotSupported),
    "unknown_path": (404, NotSupported),
    "wrong_method": (405, NotSupported),
    "invalid_source": (422, SourceRejected),
    "blocked_content": (451, SourceRejected),
    "host_down": (503, HosterDown),
    "unsupported_link": (422, HosterUnsupported),
    "server_error": (500, UpstreamServerError),
    "never_seen": (418, ProtocolError),
    "never_seen_either": (500, UpstreamServerError),
}


@pytest.mark.parametrize("code", list(CODES))
async def test_codes(smoke: SmokeDebrid, interposer: Interposer, code: str) -> None:
    status, kind = CODES[code]
    interposer.script = lambda _: Reply.json({"error": {"code": code, "message": "m"}}, status=status, retry_after="9")
    with pytest.raises(kind) as caught:
        await smoke.account()
    assert type(caught.value) is kind
    assert (caught.value.upstream_code, caught.value.retry_after) == (code, 9.0)
    assert caught.value.provider == "smokedebrid"


async def test_a_table_by_status_only_for_pages(smoke: SmokeDebrid, interposer: Interposer) -> None:
    for status, kind in ((499, ProtocolError), (500, UpstreamServerError)):
        interposer.script = lambda _, status=status: Reply(status, b"<html>")
        with pytest.raises(kind) as caught:
            await smoke.account()
        assert (type(caught.value), caught.value.upstream_code) == (kind, str(status))
