"""Every error of Premiumize: code, message where there is no code, status, advice and wait."""

import pytest
from tests.providers.premiumize.conftest import Answers, problem
from tests.providers.suite.interposer import Reply

from sluicegate.core.errors import (
    AccountLocked,
    CredentialsRejected,
    FileGone,
    HosterDown,
    HosterUnsupported,
    ProtocolError,
    SlotsFull,
    SourceRejected,
    UpstreamError,
    UpstreamPlanRequired,
    UpstreamQuota,
    UpstreamRateLimited,
    UpstreamServerError,
    UpstreamUnavailable,
)
from sluicegate.providers.premiumize.adapter import Premiumize

CODES: dict[str, type[UpstreamError]] = {
    "account_limit_reached": UpstreamQuota,
    "authentication_failed": CredentialsRejected,
    "invalid_request": SourceRejected,
    "link_generation_failed": UpstreamUnavailable,
    "not_found": FileGone,
    "permanent_error": SourceRejected,
    "permission_denied": AccountLocked,
    "rate_limit_reached": UpstreamRateLimited,
    "semi_permanent_error": UpstreamUnavailable,
    "service_down": HosterDown,
    "service_limit_reached": UpstreamQuota,
    "service_unsupported": HosterUnsupported,
    "transient_error": UpstreamUnavailable,
    "unknown_error": UpstreamServerError,
    "never_seen_before": UpstreamError,
}
MESSAGES: dict[str, type[UpstreamError]] = {
    "Not logged in.": CredentialsRejected,
    "customer_id and pin parameter missing or not logged in": CredentialsRejected,
    "Account not premium.": UpstreamPlanRequired,
    "Fair use limit reached!": UpstreamQuota,
    "You already have a maximum of 25 active downloads in progress!": SlotsFull,
    "You have no fair-use points left": UpstreamQuota,
    "Your booster points are used up": UpstreamQuota,
    "The active-job count is exhausted": UpstreamQuota,
    "You sent too many API requests": UpstreamRateLimited,
    "slow_down": UpstreamRateLimited,
    "API rate limit exceeded": UpstreamRateLimited,
    "You have reached the usage limit for this service": UpstreamQuota,
    "The target service is unreachable": HosterDown,
    "Please retry after a delay": HosterDown,
    "Words that nobody has seen": UpstreamError,
    "": UpstreamError,
}
RATE_WAIT = 120.0


async def error_of(provider: Premiumize) -> UpstreamError:
    with pytest.raises(UpstreamError) as caught:
        await provider.account()
    assert caught.value.provider == "premiumize"
    assert caught.value.action == type(caught.value).action
    return caught.value


@pytest.mark.parametrize("code", list(CODES))
async def test_code(provider: Premiumize, answers: Answers, code: str) -> None:
    """Codes decide, at status 200 as documented and at any other; their words are not passed on."""
    kind = CODES[code]
    answers(problem(code, "secret words"), problem(code, "secret words", 418, retry_after="7"))
    for wait in (RATE_WAIT if kind is UpstreamRateLimited else None, 7.0):
        error = await error_of(provider)
        assert type(error) is kind
        assert error.upstream_code == code
        assert error.retry_after == wait
        assert error.detail == f"{(kind.__doc__ or '').splitlines()[0]} Premiumize answered {code}."


@pytest.mark.parametrize("message", list(MESSAGES))
async def test_message_without_a_code(provider: Premiumize, answers: Answers, message: str) -> None:
    """The older generation tells no code: its words are all there is, in any case."""
    answers(problem(None, message), problem(None, message.upper()), problem("never_seen_before", message))
    for told in ("200", "200", "never_seen_before"):
        error = await error_of(provider)
        assert type(error) is MESSAGES[message]
        assert error.upstream_code == told


async def test_message_may_be_missing(provider: Premiumize, answers: Answers) -> None:
    answers(Reply.json({"status": "error"}), Reply.json({"status": "error", "code": None, "message": None}))
    for _ in range(2):
        assert type(await error_of(provider)) is UpstreamError


@pytest.mark.parametrize(
    ("code", "message", "kind"),
    [
        ("account_limit_reached", "You already have a maximum of 25 active downloads in progress!", SlotsFull),
        ("account_limit_reached", "Fair use limit reached!", UpstreamQuota),
        ("permission_denied", "Account not premium.", UpstreamPlanRequired),
        ("permission_denied", "This account is locked.", AccountLocked),
        ("transient_error", "Not logged in.", UpstreamUnavailable),
        ("not_found", "Not logged in.", FileGone),
    ],
)
async def test_code_outranks_message_unless_it_is_vague(
    provider: Premiumize, answers: Answers, code: str, message: str, kind: type[UpstreamError]
) -> None:
    answers(problem(code, message))
    assert type(await error_of(provider)) is kind


PLAIN: dict[int, type[UpstreamError]] = {
    301: UpstreamError,
    400: UpstreamError,
    401: CredentialsRejected,
    403: CredentialsRejected,
    404: FileGone,
    414: UpstreamError,
    429: UpstreamRateLimited,
    499: UpstreamError,
    500: UpstreamServerError,
    502: UpstreamServerError,
    521: UpstreamServerError,
}
PAGES = {**PLAIN, **dict.fromkeys((301, 400, 403, 404, 414, 499), ProtocolError)}


@pytest.mark.parametrize("status", list(PLAIN))
async def test_status_of_the_servers_in_front(provider: Premiumize, answers: Answers, status: int) -> None:
    """They answer with text or with a page; 403 and 404 of a page are not Premiumize's word."""
    answers(
        Reply(status, b"error code: 1015"),
        Reply(status, b""),
        Reply(status, b"[]"),
        Reply(status, b"\n<html>Just a moment</html>", (("retry-after", "9"),)),
    )
    for kind, wait in ((PLAIN, None), (PLAIN, None), (PLAIN, None), (PAGES, 9.0)):
        error = await error_of(provider)
        assert type(error) is kind[status]
        assert error.upstream_code == str(status)
        assert error.retry_after == (RATE_WAIT if wait is None and status == 429 else wait)


@pytest.mark.parametrize("status", [None, "fine", "", "Success"])
async def test_neither_success_nor_error(provider: Premiumize, answers: Answers, status: str | None) -> None:
    """Only items and services may leave ``status`` out."""
    answers(Reply.json({"status": status, "customer_id": "1"}), Reply.json({"customer_id": "1"}))
    for _ in range(2):
        error = await error_of(provider)
        assert type(error) is ProtocolError
        assert error.upstream_code == "status"


async def test_item_that_is_neither(provider: Premiumize, answers: Answers) -> None:
    answers({"status": "fine", "id": "a", "name": "a", "type": "file", "link": "https://x.example/a"})
    with pytest.raises(ProtocolError):
        await provider.link("premiumize:a")


async def test_strange_code_is_tamed(provider: Premiumize, answers: Answers) -> None:
    answers(problem("x\n\u202e" + "y" * 100))
    assert (await error_of(provider)).upstream_code == "x " + "y" * 58
