"""What each of Debrid-Link's codes means, at whatever status it comes."""

import pytest
from tests.providers.suite.interposer import Interposer, Reply

from sluicegate.core import errors as e
from sluicegate.core.accounts import Credential
from sluicegate.core.secrets import Secret
from sluicegate.net.http import Http
from sluicegate.providers.debridlink.adapter import DebridLink

CODES: dict[type[e.UpstreamError], str] = {
    e.CredentialsRejected: "badToken badSign hidedToken expired_token access_denied",
    e.AccountLocked: "maxAttempts captchaRequired accountLocked unverifiedEmail serverNotAllowed disabledServerHost",
    e.UpstreamPlanRequired: "freeServerOverload notFreeHost",
    e.NotSupported: "unknowR endpointDisabled",
    e.UpstreamServerError: "internalError server_error notDebrid",
    e.ProtocolError: "badArguments aCodeNobodyHasSeen",
    e.TransferMissing: "badId",
    e.CoolingDown: "floodDetected",
    e.SlotsFull: "maxTransfer maxSimultaneousFilesHost",
    e.UpstreamQuota: "maxTorrent maxLink maxLinkHost maxData maxDataHost transcodeLimitReached",
    e.HosterUnsupported: "hostNotValid",
    e.HosterDown: "maintenanceHost noServerHost disabledHost",
    e.FileGone: "fileNotFound",
    e.UpstreamUnavailable: "fileNotAvailable",
    e.SourceRejected: "badFileUrl badFilePassword infringingFile notAddTorrent badTorrentFile torrentTooBig",
}
PAIRS = [(code, kind) for kind, codes in CODES.items() for code in codes.split()]


async def meet(http: Http, interposer: Interposer, reply: Reply) -> e.UpstreamError:
    interposer.script = lambda _: reply
    adapter = DebridLink(http, Credential("a", Secret("x"), base_url=interposer.url))
    with pytest.raises(e.UpstreamError) as caught:
        await adapter.account()
    assert caught.value.provider == "debridlink"
    return caught.value


@pytest.mark.parametrize(("code", "kind"), PAIRS)
async def test_codes(http: Http, interposer: Interposer, code: str, kind: type[e.UpstreamError]) -> None:
    for status in (200, 400) if code == "aCodeNobodyHasSeen" else (200, 400, 500):
        told = {"success": False, "error": code, "error_description": "fileNotFound badToken"}
        error = await meet(http, interposer, Reply.json(told, status=status))
        assert (type(error), error.upstream_code) == (kind, code)
        assert error.retry_after == (3600.0 if code == "floodDetected" else None)
        assert ("data centres" in error.action) is (code in {"serverNotAllowed", "disabledServerHost"})


async def test_long_code_is_cut(http: Http, interposer: Interposer) -> None:
    error = await meet(http, interposer, Reply.json({"success": False, "error": "y" * 100}, status=400))
    assert error.upstream_code == "y" * 80


@pytest.mark.parametrize(
    ("status", "kind"),
    [(400, e.ProtocolError), (401, e.CredentialsRejected), (429, e.UpstreamRateLimited), (500, e.UpstreamServerError)],
)
async def test_unseen_codes_by_status(
    http: Http, interposer: Interposer, status: int, kind: type[e.UpstreamError]
) -> None:
    error = await meet(http, interposer, Reply.json({"error": "new"}, status=status, retry_after="4"))
    assert (type(error), error.upstream_code, error.retry_after) == (kind, "new", 4.0)


async def test_pages(http: Http, interposer: Interposer) -> None:
    for status, kind in ((200, e.ProtocolError), (499, e.ProtocolError), (500, e.UpstreamServerError)):
        error = await meet(http, interposer, Reply(status, b"<html>"))
        assert (type(error), error.upstream_code) == (kind, str(status))
