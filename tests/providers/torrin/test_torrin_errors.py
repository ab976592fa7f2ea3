"""What Torrin's texts and statuses mean; they are all it tells."""

import pytest
from tests.providers.suite.interposer import Interposer, Reply

from sluicegate.core import errors as e
from sluicegate.core.accounts import Credential
from sluicegate.core.secrets import Secret
from sluicegate.net.http import Http
from sluicegate.providers.torrin.adapter import Torrin

TEXTS: list[tuple[int, str, type[e.UpstreamError]]] = [
    (400, "magnet required", e.SourceRejected),
    (400, "cannot extract infohash", e.SourceRejected),
    (400, "invalid magnet", e.SourceRejected),
    (400, "link required", e.SourceRejected),
    (400, "url required", e.SourceRejected),
    (400, "invalid url", e.SourceRejected),
    (400, "invalid nzb file", e.SourceRejected),
    (400, "nzb too large (20 MiB at most)", e.SourceRejected),
    (400, "job not complete", e.TransferNotReady),
    (400, "invalid before cursor", e.ProtocolError),
    (400, "max 100 hashes", e.ProtocolError),
    (401, "invalid api key", e.CredentialsRejected),
    (401, "missing api key, send one", e.CredentialsRejected),
    (403, "account suspended", e.AccountLocked),
    (403, "content blocked by safety policy", e.SourceRejected),
    (403, "subscription paused, resume it", e.UpstreamPlanRequired),
    (403, "subscription expired, renew it", e.UpstreamPlanRequired),
    (403, "free trial expired, choose a plan", e.UpstreamPlanRequired),
    (403, "hoster links require a paid plan", e.UpstreamPlanRequired),
    (403, "this release requires a paid plan", e.UpstreamPlanRequired),
    (403, "usenet needs your own provider or a plan", e.UpstreamPlanRequired),
    (403, "your plan does not include usenet", e.UpstreamPlanRequired),
    (404, "job not found", e.TransferMissing),
    (409, "job not complete", e.TransferNotReady),
    (409, "this torrent is seeding until its target is reached", e.TransferNotReady),
    (413, "too large", e.SourceRejected),
    (418, "words nobody has seen", e.ProtocolError),
    (422, "nzb too large", e.SourceRejected),
    (429, "rate limit exceeded", e.UpstreamRateLimited),
    (429, "slot limit reached (2/2)", e.SlotsFull),
    (429, "download queue full", e.SlotsFull),
    (429, "monthly download limit reached, upgrade", e.UpstreamQuota),
    (429, "hourly download limit reached, wait", e.UpstreamQuota),
    (500, "could not start this download", e.UpstreamServerError),
    (502, "could not reach alldebrid", e.HosterDown),
    (502, "could not fetch nzb", e.UpstreamUnavailable),
    (502, "bad gateway", e.UpstreamServerError),
]


async def meet(http: Http, interposer: Interposer, reply: Reply) -> e.UpstreamError:
    interposer.script = lambda _: reply
    adapter = Torrin(http, Credential("a", Secret("x"), base_url=interposer.url))
    with pytest.raises(e.UpstreamError) as caught:
        await adapter.account()
    assert caught.value.provider == "torrin"
    assert caught.value.upstream_code == str(reply.status)
    return caught.value


@pytest.mark.parametrize(("status", "text", "kind"), TEXTS)
async def test_texts(http: Http, interposer: Interposer, status: int, text: str, kind: type[e.UpstreamError]) -> None:
    for told in (text, {"code": status, "message": text}):
        error = await meet(http, interposer, Reply.json({"error": told}, status=status, retry_after="3"))
        assert type(error) is kind
        assert text in error.detail
        assert error.retry_after == (3.0 if kind is e.UpstreamRateLimited else None)


async def test_router_and_pages(http: Http, interposer: Interposer) -> None:
    assert type(await meet(http, interposer, Reply(404, b"404 page not found\n"))) is e.NotSupported
    assert type(await meet(http, interposer, Reply(404, b"<html>"))) is e.ProtocolError
    assert type(await meet(http, interposer, Reply(499, b"404 page not found"))) is e.ProtocolError
    assert type(await meet(http, interposer, Reply(500, b"<html>"))) is e.UpstreamServerError


async def test_advice(http: Http, interposer: Interposer) -> None:
    paused = await meet(http, interposer, Reply.json({"error": "subscription paused, x"}, status=403))
    assert paused.action == "Resume the subscription at torrin.app."
    blocked = await meet(http, interposer, Reply.json({"error": "content blocked by safety policy"}, status=403))
    assert blocked.action == "Do not hand this in again: Torrin bans accounts for it."
    locked = await meet(http, interposer, Reply.json({"error": "account suspended"}, status=403))
    assert locked.action == e.AccountLocked.action
