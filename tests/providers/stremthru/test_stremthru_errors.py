"""What a store's errors mean: StremThru's words first, else the status, else Torrin's texts."""

import pytest
from tests.providers.suite.interposer import Interposer, Reply

from sluicegate.core import errors as e
from sluicegate.core.accounts import Credential
from sluicegate.core.secrets import Secret
from sluicegate.net.http import Http
from sluicegate.providers.stremthru.adapter import StremThru

WORDS: dict[type[e.UpstreamError], str] = {
    e.CredentialsRejected: "UNAUTHORIZED STORE_NAME_INVALID",
    e.AccountLocked: "FORBIDDEN",
    e.UpstreamPlanRequired: "PAYMENT_REQUIRED",
    e.UpstreamRateLimited: "TOO_MANY_REQUESTS",
    e.UpstreamQuota: "STORE_LIMIT_EXCEEDED",
    e.SourceRejected: "STORE_MAGNET_INVALID UNAVAILABLE_FOR_LEGAL_REASONS UNPROCESSABLE_ENTITY UNSUPPORTED_MEDIA_TYPE "
    "BAD_REQUEST",
    e.UpstreamUnavailable: "STORE_SERVER_DOWN",
    e.TransferMissing: "NOT_FOUND",
    e.TransferNotReady: "CONFLICT",
    e.NotSupported: "GONE METHOD_NOT_ALLOWED NOT_IMPLEMENTED",
    e.UpstreamServerError: "INTERNAL_SERVER_ERROR BAD_GATEWAY SERVICE_UNAVAILABLE",
}
STATUSES: list[tuple[int, str, type[e.UpstreamError]]] = [
    (400, "invalid magnet", e.SourceRejected),
    (401, "unauthorized", e.CredentialsRejected),
    (402, "", e.UpstreamPlanRequired),
    (403, "account suspended", e.AccountLocked),
    (403, "content blocked by safety policy", e.SourceRejected),
    (403, "subscription paused, resume it", e.UpstreamPlanRequired),
    (403, "subscription expired, renew it", e.UpstreamPlanRequired),
    (403, "this release requires a paid plan", e.UpstreamPlanRequired),
    (404, "not found", e.TransferMissing),
    (405, "", e.NotSupported),
    (409, "it is seeding", e.TransferNotReady),
    (410, "", e.NotSupported),
    (418, "", e.ProtocolError),
    (422, "nzb too large", e.SourceRejected),
    (429, "rate limit exceeded", e.UpstreamRateLimited),
    (429, "slot limit reached", e.SlotsFull),
    (429, "download queue full", e.SlotsFull),
    (429, "monthly download limit reached, upgrade", e.UpstreamQuota),
    (429, "hourly download limit reached, wait", e.UpstreamQuota),
    (451, "", e.SourceRejected),
    (500, "", e.UpstreamServerError),
    (501, "", e.NotSupported),
    (502, "", e.UpstreamServerError),
]


async def meet(http: Http, interposer: Interposer, reply: Reply) -> e.UpstreamError:
    interposer.script = lambda _: reply
    adapter = StremThru(http, Credential("a", Secret("x"), base_url=interposer.url))
    with pytest.raises(e.UpstreamError) as caught:
        await adapter.account()
    assert caught.value.provider == "stremthru"
    return caught.value


@pytest.mark.parametrize(("word", "kind"), [(word, kind) for kind, words in WORDS.items() for word in words.split()])
async def test_words(http: Http, interposer: Interposer, word: str, kind: type[e.UpstreamError]) -> None:
    for status in (200, 418):
        told = {"error": {"code": word, "message": "something", "status_code": 418}}
        error = await meet(http, interposer, Reply.json(told, status=status, retry_after="5"))
        assert (type(error), error.upstream_code, error.retry_after) == (kind, word, 5.0)


@pytest.mark.parametrize(("status", "text", "kind"), STATUSES)
async def test_statuses(
    http: Http, interposer: Interposer, status: int, text: str, kind: type[e.UpstreamError]
) -> None:
    for told in (text, {"code": status, "message": text}, {"message": text}):
        error = await meet(http, interposer, Reply.json({"error": told}, status=status))
        assert (type(error), error.upstream_code, error.retry_after) == (kind, str(status), None)


async def test_unseen_words_fall_back_to_the_status(http: Http, interposer: Interposer) -> None:
    error = await meet(http, interposer, Reply.json({"error": {"code": "NEW_WORD"}}, status=401))
    assert (type(error), error.upstream_code) == (e.CredentialsRejected, "NEW_WORD")


async def test_router_and_pages(http: Http, interposer: Interposer) -> None:
    router = await meet(http, interposer, Reply(404, b"404 page not found\n"))
    assert (type(router), router.upstream_code) == (e.NotSupported, "404")
    assert type(await meet(http, interposer, Reply(404, b"<html>"))) is e.ProtocolError
    assert type(await meet(http, interposer, Reply(499, b"404 page not found"))) is e.ProtocolError
    assert type(await meet(http, interposer, Reply(500, b"<html>"))) is e.UpstreamServerError
