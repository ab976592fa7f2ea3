"""Every error of AllDebrid: code, status, advice and wait."""

import pytest
from tests.providers.alldebrid.conftest import Answers
from tests.providers.suite.interposer import Reply

from sluicegate.core.errors import (
    AccountLocked,
    CoolingDown,
    CredentialsRejected,
    FileGone,
    HosterDown,
    HosterUnsupported,
    LinkExpired,
    NotSupported,
    ProtocolError,
    SlotsFull,
    SourceRejected,
    TransferFailed,
    TransferMissing,
    TransferNotReady,
    UpstreamError,
    UpstreamPlanRequired,
    UpstreamQuota,
    UpstreamRateLimited,
    UpstreamServerError,
    UpstreamUnavailable,
)
from sluicegate.providers.alldebrid.adapter import AllDebrid

CODES: dict[str, type[UpstreamError]] = {
    "404": NotSupported,
    "ACCOUNT_INVALID": CredentialsRejected,
    "AUTH_BAD_APIKEY": CredentialsRejected,
    "AUTH_BLOCKED": AccountLocked,
    "AUTH_MISSING_APIKEY": CredentialsRejected,
    "AUTH_USER_BANNED": AccountLocked,
    "BAD_LINK": SourceRejected,
    "DELAYED_INVALID_ID": LinkExpired,
    "DISCONTINUED": NotSupported,
    "DOWNLOAD_FAILED": UpstreamServerError,
    "FREE_TRIAL_LIMIT_REACHED": UpstreamQuota,
    "GENERIC": UpstreamServerError,
    "LINK_DOWN": FileGone,
    "LINK_ERROR": UpstreamServerError,
    "LINK_HOST_FULL": UpstreamUnavailable,
    "LINK_HOST_LIMIT_REACHED": UpstreamQuota,
    "LINK_HOST_NOT_SUPPORTED": HosterUnsupported,
    "LINK_HOST_UNAVAILABLE": HosterDown,
    "LINK_IS_MISSING": SourceRejected,
    "LINK_NOT_SUPPORTED": HosterUnsupported,
    "LINK_PASS_PROTECTED": SourceRejected,
    "LINK_TEMPORARY_UNAVAILABLE": UpstreamUnavailable,
    "LINK_TOO_MANY_DOWNLOADS": SlotsFull,
    "MAGNET_CANT_BOOTSTRAP": TransferFailed,
    "MAGNET_FILE_UPLOAD_FAILED": UpstreamServerError,
    "MAGNET_INTERNAL_ERROR": UpstreamServerError,
    "MAGNET_INVALID_FILE": SourceRejected,
    "MAGNET_INVALID_ID": TransferMissing,
    "MAGNET_INVALID_URI": SourceRejected,
    "MAGNET_LINKS_REMOVED": FileGone,
    "MAGNET_MAGNET_TOO_BIG": SourceRejected,
    "MAGNET_MUST_BE_PREMIUM": UpstreamPlanRequired,
    "MAGNET_NO_SERVER": AccountLocked,
    "MAGNET_NO_URI": SourceRejected,
    "MAGNET_PROCESSING": TransferNotReady,
    "MAGNET_PROCESSING_COOLDOWN": CoolingDown,
    "MAGNET_PROCESSING_FAILED": SourceRejected,
    "MAGNET_TOOK_TOO_LONG": TransferFailed,
    "MAGNET_TOO_LARGE": SourceRejected,
    "MAGNET_TOO_MANY": UpstreamQuota,
    "MAGNET_TOO_MANY_ACTIVE": SlotsFull,
    "MAGNET_UPLOAD_FAILED": TransferFailed,
    "MAINTENANCE": UpstreamUnavailable,
    "MUST_BE_PREMIUM": UpstreamPlanRequired,
    "NO_SERVER": AccountLocked,
    "REDIRECTOR_ERROR": UpstreamServerError,
    "REDIRECTOR_NOT_SUPPORTED": HosterUnsupported,
}
ACTIONS = {
    "AUTH_BLOCKED": "Confirm this new place with the link in AllDebrid's mail; the key itself is fine.",
    "FREE_TRIAL_LIMIT_REACHED": "Buy premium time at AllDebrid, or use another account.",
    "LINK_PASS_PROTECTED": "Use a link that needs no password.",
    "MAGNET_TOO_MANY": "Delete old magnets at AllDebrid: it keeps 1000, failed and expired ones included.",
    "NO_SERVER": "AllDebrid refuses servers, VPNs and proxies: "
    "give this account an egress proxy with a home address, or ask AllDebrid to allow this one.",
}
ACTIONS["MAGNET_NO_SERVER"] = ACTIONS["NO_SERVER"]


def problem(code: str, status: int = 200, **headers: str) -> Reply:
    return Reply.json({"status": "error", "error": {"code": code, "message": "secret words"}}, status, **headers)


async def error_of(provider: AllDebrid) -> UpstreamError:
    with pytest.raises(UpstreamError) as caught:
        await provider.account()
    assert caught.value.provider == "alldebrid"
    assert "secret words" not in f"{caught.value.detail} {caught.value.action}"
    return caught.value


@pytest.mark.parametrize("code", list(CODES))
async def test_code(provider: AllDebrid, answers: Answers, code: str) -> None:
    """Codes decide, at status 200 as documented and at any other."""
    kind = CODES[code]
    answers(problem(code), problem(code, 429, retry_after="7"))
    for wait in (None, 7.0):
        error = await error_of(provider)
        assert type(error) is kind
        assert error.upstream_code == code
        assert error.retry_after == wait
        assert error.action == ACTIONS.get(code, kind.action)
        assert error.detail == f"{(kind.__doc__ or '').splitlines()[0]} AllDebrid answered {code}."


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        (301, ProtocolError),
        (400, ProtocolError),
        (401, CredentialsRejected),
        (403, ProtocolError),
        (404, ProtocolError),
        (429, UpstreamRateLimited),
        (499, ProtocolError),
        (500, UpstreamServerError),
        (502, UpstreamServerError),
        (503, UpstreamRateLimited),
    ],
)
@pytest.mark.parametrize("body", [b"<html>Just a moment</html>", b"", b'{"status":"error"}'], ids=["page", "", "json"])
async def test_status_without_a_code(
    provider: AllDebrid, answers: Answers, status: int, kind: type[UpstreamError], body: bytes
) -> None:
    """503 with a page is the limiter (documented), a 404 without the code may be anybody's."""
    answers(Reply(status, body, (("retry-after", "9"),)))
    error = await error_of(provider)
    assert type(error) is kind
    assert (error.upstream_code, error.retry_after) == (str(status), 9.0)


async def test_code_nobody_has_seen(provider: AllDebrid, answers: Answers) -> None:
    """It ends nothing; a status that says more is used."""
    for status, kind in ((200, UpstreamError), (404, UpstreamError), (429, UpstreamRateLimited)):
        answers(problem("NEVER_SEEN_BEFORE", status))
        error = await error_of(provider)
        assert type(error) is kind
        assert error.transient


async def test_retry_after_beside_a_code(provider: AllDebrid, answers: Answers) -> None:
    answers(problem("MAINTENANCE", retry_after="600"))
    assert (await error_of(provider)).retry_after == 600.0


@pytest.mark.parametrize(
    "document",
    [
        {"status": "error"},
        {"status": "error", "data": {"user": {"username": "x", "isPremium": True}}},
        {"status": "success"},
        {"status": "success", "data": None},
        {"status": "fine", "data": {"user": {"username": "x", "isPremium": True}}},
        {"data": {"user": {"username": "x", "isPremium": True}}},
        {"status": "success", "data": {"user": {"username": "", "isPremium": True}}},
        {"status": "success", "data": {"user": {"username": "x", "isPremium": True, "premiumUntil": -1}}},
        {"status": "success", "data": {"user": {"username": "x", "isPremium": True, "premiumUntil": "soon"}}},
        {"status": "success", "data": {"user": {"username": "x", "isPremium": True, "premiumUntil": 253402300800}}},
        {"status": "success", "data": {"user": {"username": "x", "isPremium": True, "premiumUntil": "123456789012"}}},
    ],
)
async def test_neither_success_nor_error(provider: AllDebrid, answers: Answers, document: object) -> None:
    answers(Reply.json(document))
    assert type(await error_of(provider)) is ProtocolError


@pytest.mark.parametrize("word", ["error", "success"])
async def test_word_without_a_reason(provider: AllDebrid, answers: Answers, word: str) -> None:
    answers(Reply.json({"status": word}))
    error = await error_of(provider)
    assert type(error) is ProtocolError
    assert error.detail == f"AllDebrid answered '{word}' without saying what."


async def test_success_with_an_error_is_an_error(provider: AllDebrid, answers: Answers) -> None:
    user = {"user": {"username": "x", "isPremium": True}}
    answers(Reply.json({"status": "success", "data": user, "error": {"code": "AUTH_BLOCKED"}}))
    assert type(await error_of(provider)) is AccountLocked


async def test_notes_beside_the_data_are_ignored(provider: AllDebrid, answers: Answers) -> None:
    user = {"user": {"username": "x", "isPremium": True}}
    answers(Reply.json({"status": "success", "data": user, "demo": "yes", "deprecated": True}))
    assert (await provider.account()).id == "x"


@pytest.mark.parametrize("seconds", [253_402_300_799, "99999999999"])
async def test_last_moments(provider: AllDebrid, answers: Answers, seconds: object) -> None:
    """Times up to the year 9999 are times."""
    answers({"user": {"username": "x", "isPremium": True, "premiumUntil": seconds}})
    expires_at = (await provider.account()).expires_at
    assert expires_at is not None
    assert expires_at.timestamp() == int(str(seconds))


async def test_strange_code_is_tamed(provider: AllDebrid, answers: Answers) -> None:
    answers(problem("x\n\u202e" + "y" * 100))
    assert (await error_of(provider)).upstream_code == "x " + "y" * 58
