"""The audit: every refusal has its row, old rows go, and nobody's misfortune holds the others up."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from uuid import uuid4

import pytest

from sluicegate.core.audit import AuditedCall, AuditedProvider
from sluicegate.core.errors import UpstreamError
from sluicegate.core.policies import Subject, Verdict
from sluicegate.services.gateway_audit import AuditService

ACCOUNT = "/canonical/account"


def call(**changes) -> AuditedCall:
    plain = AuditedCall(
        request_id=uuid4(),
        created_at=datetime.now(UTC),
        addon="some-addon",
        addon_proven=True,
        user_id=None,
        key_id=None,
        caller_ip="192.0.2.1",
        operation="account.session",
        method="GET",
        path=ACCOUNT,
        providers=("torbox", "premiumize"),
        http_status=200,
        error_code=None,
        duration_ms=1.5,
        upstream_ms=1.0,
        answers=(
            AuditedProvider("torbox", 200, None, "", 1.0),
            AuditedProvider("premiumize", 404, "rg.vault_missing", "", 0.0),
        ),
    )
    return replace(plain, **changes)


class MovedClock:
    """Now, but in some days."""

    def __init__(self, days: float) -> None:
        self._ahead = timedelta(days=days)

    def now(self) -> datetime:
        return datetime.now(UTC) + self._ahead

    def monotonic(self) -> float:
        return 0.0


REFUSALS = {
    "rg.missing_addon_id": {"x-relaygate-addon-id": ""},
    "rg.missing_developer_secret": {"x-relaygate-addon-secret": ""},
    "rg.invalid_developer": {"x-relaygate-addon-secret": "as_wrong"},
    "rg.invalid_provider": {"x-relaygate-provider": "nobody"},
    "rg.validation_error": {"x-relaygate-provider": "torbox, torbox"},
    "rg.missing_end_user_credential": {"x-relaygate-provider-api-key": ""},
    "rg.conflicting_gateway_credentials": {"authorization": "Bearer pk_x"},
    "rg.invalid_proxy_key": {"x-relaygate-provider-api-key": "", "authorization": "Bearer pk_wrong"},
}


@pytest.mark.parametrize("code", REFUSALS)
async def test_every_refusal_has_a_row_with_the_real_address(stage, code):
    """T29, T50: what the caller writes into X-Forwarded-For is not believed; a refused call is audited all the same."""
    spoofed = {"x-forwarded-for": "203.0.113.9", "forwarded": "for=203.0.113.9", "x-real-ip": "203.0.113.9"}
    response = await stage.ask("GET", ACCOUNT, "torbox", tokens="a-token", headers=REFUSALS[code] | spoofed)
    assert response.json()["code"] == code
    rows = {str(row["request_id"]): row for row in await stage.audited()}
    row = rows[response.headers["x-request-id"]]
    assert (row["error_code"], row["http_status"], row["caller_ip"]) == (code, response.status_code, "127.0.0.1")
    assert row["user_id"] is None


async def test_a_call_that_the_users_rules_refuse_is_the_users(stage):
    user, key = await stage.user("torbox")
    await stage.gateway.policies.add(user, Verdict.DENY, Subject.ADDON, stage.addon)
    response = await stage.ask("GET", ACCOUNT, "torbox", key=key)
    assert response.json()["code"] == "rg.addon_access_denied"
    (call,) = await stage.gateway.audit.history(user, limit=10)
    assert (call.error_code, call.http_status, call.answers) == ("rg.addon_access_denied", 403, ())
    assert (call.addon, call.addon_proven, call.key_id is not None) == (stage.addon, True, True)


async def test_what_a_provider_writes_never_holds_the_audit_up(stage):
    error = UpstreamError("No.", provider="torbox", upstream_code="a\0b\ud800")
    stage.twins.worlds["torbox"].fail("account", error)
    response = await stage.ask("GET", ACCOUNT, "torbox", tokens="t")
    assert response.json()["data"]["torbox"]["error"]["code"] == "rg.upstream_error"
    (row,) = [row for row in await stage.audited() if str(row["request_id"]) == response.headers["x-request-id"]]
    assert row["http_status"] == 200
    assert not stage.gateway.audit._waiting


async def test_whole_rows_come_back(stage):
    made = call(path="/odd/'; DROP TABLE users; --", providers=(), answers=())
    other = call()
    for one in (made, other):
        stage.gateway.audit.note(one)
    found = {each.request_id: each for each in await stage.gateway.audit.log(limit=500)}
    assert found[made.request_id] == made
    assert found[other.request_id] == other


async def test_pages_lose_and_repeat_nothing_even_within_one_moment(stage):
    moment, addon = datetime.now(UTC), f"paged-{uuid4().hex[:8]}"
    calls = [call(created_at=moment, addon=addon) for _ in range(7)]
    for one in calls:
        stage.gateway.audit.note(one)
    seen: list[AuditedCall] = []
    before, before_id = None, None
    while page := await stage.gateway.audit.log(limit=3, addon=addon, before=before, before_id=before_id):
        seen += page
        before, before_id = page[-1].created_at, page[-1].request_id
    assert sorted(each.request_id for each in seen) == sorted(each.request_id for each in calls)


async def test_operators_can_ask_for_refused_calls_alone(stage):
    addon = f"refused-{uuid4().hex[:8]}"
    stage.gateway.audit.note(call(addon=addon))
    stage.gateway.audit.note(call(addon=addon, http_status=401, error_code="rg.invalid_developer", answers=()))
    (refused,) = await stage.gateway.audit.log(limit=10, addon=addon, refused=True)
    assert refused.error_code == "rg.invalid_developer"


async def test_rows_go_when_their_time_is_over(stage):
    addon = f"aged-{uuid4().hex[:8]}"
    old, young = (call(addon=addon, created_at=datetime.now(UTC) - timedelta(days=age)) for age in (31, 29))
    for one in (old, young):
        stage.gateway.audit.note(one)
    await stage.gateway.audit.flush()
    await AuditService(stage.database.transactions, MovedClock(0), retention=timedelta(days=30)).forget_old()
    assert [each.request_id for each in await stage.gateway.audit.log(limit=10, addon=addon)] == [young.request_id]
    await AuditService(stage.database.transactions, MovedClock(2), retention=timedelta(days=30)).forget_old()
    assert await stage.gateway.audit.log(limit=10, addon=addon) == []
    connection = await stage.database._connector.connect()
    try:
        left = await connection.fetchval(
            "SELECT count(*) FROM gateway_provider_audits WHERE request_id = ANY($1)",
            [old.request_id, young.request_id],
        )
    finally:
        await connection.close()
    assert left == 0


async def test_a_call_of_somebody_who_is_gone_holds_nobody_up(stage):
    addon = f"gone-{uuid4().hex[:8]}"
    stage.gateway.audit.note(call(addon=addon, user_id=uuid4()))
    stage.gateway.audit.note(call(addon=addon))
    await stage.gateway.audit.flush()
    assert [each.user_id for each in await stage.gateway.audit.log(limit=10, addon=addon)] == [None, None]
