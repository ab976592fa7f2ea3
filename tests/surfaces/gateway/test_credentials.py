"""Who gets in, in which order it is decided, and that no key ever reaches another provider than its own."""

import asyncio
import contextlib
import hashlib
import hmac
import re
from datetime import timedelta
from types import SimpleNamespace
from typing import Any
from uuid import uuid4

import pytest
from tests.surfaces.serving import calling

from sluicegate.core.accounts import AccountState
from sluicegate.core.addons import AddonState
from sluicegate.core.gateway import PROVIDERS, GatewayRefused
from sluicegate.core.keys import KeyKind
from sluicegate.core.policies import Subject, Verdict
from sluicegate.services import gateway_access, gateway_limits
from sluicegate.services.gateway_limits import RateAllowance
from sluicegate.surfaces.gateway.admission import Admission, visitor_of
from sluicegate.surfaces.gateway.application import BASE
from sluicegate.surfaces.gateway.operations import OPERATIONS
from sluicegate.web.peer import RealPeer, TrustedProxies

ACCOUNT = "/canonical/account"
PROBLEM = {"type", "title", "status", "detail", "instance", "code"}


def refused(response, status: int, code: str) -> dict:
    assert (response.status_code, response.json()["code"]) == (status, code), response.text
    assert response.headers["content-type"] == "application/problem+json"
    body = response.json()
    assert set(body) >= PROBLEM
    assert body["status"] == status
    assert body["type"] == f"https://relaygate.invalid/docs/errors#{code}"
    assert body["instance"] == response.headers["x-request-id"]
    return body


async def soon(stage, status: int, code: str | None = None, **credentials):
    """The answer once it has this status: a change is told to the gateway by the database, which takes a moment."""
    async with asyncio.timeout(60):
        while True:
            response = await stage.ask("GET", ACCOUNT, "torbox", **credentials)
            if response.status_code == status and (code is None or response.json()["code"] == code):
                return response
            await asyncio.sleep(0.02)


@pytest.mark.parametrize(
    ("providers", "code"),
    [
        ("", "rg.invalid_provider"),
        ("nonsense", "rg.invalid_provider"),
        ("torbox,,real_debrid", "rg.invalid_provider"),
        ("torbox,", "rg.invalid_provider"),
        ("TorBox", "rg.invalid_provider"),
        ("torbox;real_debrid", "rg.invalid_provider"),
        ("torbox real_debrid", "rg.invalid_provider"),
        (",", "rg.invalid_provider"),
        (b"torbox\xa0", "rg.invalid_provider"),
        ("torbox, torbox", "rg.validation_error"),
        (",".join(["torbox"] * 100), "rg.validation_error"),
        (",".join(f"slug{n}" for n in range(100)), "rg.invalid_provider"),
    ],
)
async def test_a_bad_provider_list_is_refused_before_any_key_is_looked_at(stage, providers, code):
    refused(await stage.ask("GET", ACCOUNT, providers, tokens="a,b"), 400, code)
    assert all(not world.calls for world in stage.twins.worlds.values())


@pytest.mark.parametrize(
    ("providers", "tokens"),
    [
        ("torbox, real_debrid", "one"),
        ("torbox", "one, two"),
        ("torbox, real_debrid", "one,"),
        ("torbox, real_debrid", ",two"),
        ("torbox, real_debrid", "a,b,c"),
        ("torbox, real_debrid", ","),
    ],
)
async def test_tokens_that_do_not_match_by_position_reach_nobody(stage, providers, tokens):
    refused(await stage.ask("GET", ACCOUNT, providers, tokens=tokens), 400, "rg.validation_error")
    assert all(not world.calls for world in stage.twins.worlds.values())


async def test_each_direct_token_reaches_its_own_provider_only(stage):
    slugs = ["premiumize", "torbox", "alldebrid", "real_debrid"]
    tokens = [f"secret-of-{slug}" for slug in slugs]
    response = await stage.ask("GET", ACCOUNT, " , ".join(slugs), tokens=" , ".join(tokens))
    assert list(response.json()["data"]) == slugs
    for slug, token in zip(slugs, tokens, strict=True):
        # The twin names an account after the token that it was called with.
        expected = "user-" + hashlib.sha256(token.encode()).hexdigest()[:8]
        assert response.json()["data"][slug]["data"]["user_id"] == expected
        assert len(stage.twins.worlds[PROVIDERS[slug]].calls) == 1


@pytest.mark.parametrize(
    "name",
    [
        "x-relaygate-provider",
        "x-relaygate-addon-id",
        "x-relaygate-addon-secret",
        "x-relaygate-provider-api-key",
        "authorization",
    ],
)
async def test_repeated_headers_are_refused(stage, name):
    """T48: two lines could be read in two ways."""
    headers = [*stage.headers("torbox", tokens="one").items(), (name, "Bearer two"), (name, "Bearer three")]
    refused(await stage.client.get(BASE + ACCOUNT, headers=headers), 400, "rg.validation_error")
    assert not stage.twins.worlds["torbox"].calls


async def test_the_modes_exclude_each_other(stage):
    _, key = await stage.user("torbox")
    refused(await stage.ask("GET", ACCOUNT, "torbox"), 401, "rg.missing_end_user_credential")
    refused(await stage.ask("GET", ACCOUNT, "torbox", key=key, tokens="t"), 400, "rg.conflicting_gateway_credentials")
    # Another scheme is no proxy key, and the dashboard's session is never a credential here.
    for none in ({"authorization": "Basic abc"}, {"authorization": key}, {"cookie": f"session={key}"}):
        refused(await stage.ask("GET", ACCOUNT, "torbox", headers=none), 401, "rg.missing_end_user_credential")
    for scheme in ("bearer", "BEARER"):
        response = await stage.ask("GET", ACCOUNT, "torbox", headers={"authorization": f"{scheme} {key}"})
        assert response.status_code == 200


@pytest.mark.parametrize("path", [ACCOUNT, "/proxy/v1/api/user/me"])
@pytest.mark.parametrize(
    ("name", "status", "code"),
    [
        ("x-relaygate-addon-id", 401, "rg.missing_addon_id"),
        ("x-relaygate-addon-secret", 401, "rg.missing_developer_secret"),
        ("x-relaygate-provider", 400, "rg.invalid_provider"),
        ("x-relaygate-provider-api-key", 401, "rg.missing_end_user_credential"),
    ],
)
async def test_every_required_header_is_required(stage, path, name, status, code):
    """In direct mode and on the raw proxy as well."""
    headers = stage.headers("torbox", tokens="t")
    del headers[name]
    refused(await stage.client.get(BASE + path, headers=headers), status, code)


async def test_every_cause_of_an_invalid_developer_reads_the_same(stage):
    _, unapproved = await stage.gateway.addons.apply("not-yet-" + stage.addon)
    causes = [
        {"x-relaygate-addon-id": "nobody"},
        {"x-relaygate-addon-id": "no slug at all!"},
        {"x-relaygate-addon-secret": "as_wrong"},
        {"x-relaygate-addon-secret": "x" * 10_000},
        {"x-relaygate-addon-id": "' OR 1=1 --"},
        {"x-relaygate-addon-id": stage.addon.upper()},
        {"x-relaygate-addon-id": stage.addon.replace("a", "\u0430").encode()},
        {"x-relaygate-addon-secret": stage.secret.upper()},
        {"x-relaygate-addon-id": "not-yet-" + stage.addon, "x-relaygate-addon-secret": unapproved.reveal()},
    ]
    bodies = []
    for cause in causes:
        response = await stage.ask("GET", ACCOUNT, "nonsense", headers=cause)
        body = refused(response, 401, "rg.invalid_developer")
        bodies.append({name: value for name, value in body.items() if name != "instance"})
    assert all(body == bodies[0] for body in bodies)


async def test_a_revoked_add_on_is_refused_at_once(stage):
    assert (await stage.ask("GET", ACCOUNT, "torbox", tokens="t")).status_code == 200
    await stage.gateway.addons.decide(stage.addon, AddonState.REVOKED)
    refused(await soon(stage, 401, tokens="t"), 401, "rg.invalid_developer")


async def test_secrets_are_rotated_with_an_overlap(stage):
    new = await stage.gateway.addons.rotate(stage.addon, overlap=timedelta(hours=1))
    assert (await stage.ask("GET", ACCOUNT, "torbox", tokens="t")).status_code == 200
    stage.secret = new.reveal()
    assert (await stage.ask("GET", ACCOUNT, "torbox", tokens="t")).status_code == 200
    newest = await stage.gateway.addons.rotate(stage.addon)
    refused(await soon(stage, 401, tokens="t"), 401, "rg.invalid_developer")
    stage.secret = newest.reveal()
    assert (await stage.ask("GET", ACCOUNT, "torbox", tokens="t")).status_code == 200


@pytest.mark.parametrize("key", ["pk_", "pk_abcdefgh_" + "a" * 32, "tu_abcdefgh_" + "a" * 32, "é", "x" * 5000, "';--"])
async def test_an_unknown_proxy_key(stage, key):
    header = {"authorization": f"Bearer {key}".encode()}
    refused(await stage.ask("GET", ACCOUNT, "torbox", headers=header), 401, "rg.invalid_proxy_key")


@pytest.mark.parametrize("header", ["authorization", "x-relaygate-addon-secret", "x-relaygate-addon-id"])
@pytest.mark.parametrize("text", [b"x" * 1_000_000, b"pk_\0", b"as_\r"], ids=["megabyte", "nul", "return"])
async def test_what_no_header_holds_is_refused_and_hurts_nobody(stage, header, text):
    """T26."""
    host, port = stage.url.removeprefix("http://").split(":")
    reader, writer = await asyncio.open_connection(host, int(port))
    lines = [f"GET {BASE}{ACCOUNT} HTTP/1.1".encode(), b"host: here", header.encode() + b": Bearer " + text]
    writer.write(b"\r\n".join(lines) + b"\r\n\r\n")
    with contextlib.suppress(ConnectionError):  # it need not listen to the end
        assert (await reader.read()).startswith(b"HTTP/1.1 4")
    writer.close()
    assert (await stage.ask("GET", ACCOUNT, "torbox", tokens="t")).status_code == 200


async def test_a_proxy_key_is_rotated_with_an_overlap_and_revoked_at_once(stage):
    user, key = await stage.user("torbox")
    (old,) = await stage.gateway.keys.page(user)
    new, secret = await stage.gateway.keys.rotate(user, old.id, overlap=timedelta(hours=1))
    for text in (key, secret.reveal()):
        assert (await stage.ask("GET", ACCOUNT, "torbox", key=text)).status_code == 200
    for kept, text in ((old, key), (new, secret.reveal())):
        await stage.gateway.keys.revoke(user, kept.id)
        refused(await soon(stage, 401, key=text), 401, "rg.invalid_proxy_key")


@pytest.mark.parametrize("kind", [kind for kind in KeyKind if kind is not KeyKind.PROXY])
async def test_keys_of_other_kinds_are_no_proxy_keys(stage, kind):
    """T32."""
    user, _ = await stage.user("torbox")
    _, secret = await stage.keys.create(user, kind)
    refused(await stage.ask("GET", ACCOUNT, "torbox", key=secret.reveal()), 401, "rg.invalid_proxy_key")
    assert not stage.twins.worlds["torbox"].calls


async def test_an_overlap_ends_by_itself(stage):
    """T32: expiry needs nobody's notice, and holds for a key that was let in a moment ago."""
    user, key = await stage.user("torbox")
    (old,) = await stage.gateway.keys.page(user)
    _, secret = await stage.gateway.keys.rotate(user, old.id, overlap=timedelta(seconds=0.5))
    refused(await soon(stage, 401, key=key), 401, "rg.invalid_proxy_key")
    assert (await stage.ask("GET", ACCOUNT, "torbox", key=secret.reveal())).status_code == 200


async def test_a_denied_caller_gets_nowhere(stage):
    """T32: the user's policies hold for every operation and for the raw proxy, and deny wins over allow."""
    user, key = await stage.user("torbox")
    await stage.gateway.policies.add(user, Verdict.ALLOW, Subject.ADDRESS, "127.0.0.1")
    await stage.gateway.policies.add(user, Verdict.DENY, Subject.ADDRESS, "127.0.0.0/8")
    await soon(stage, 403, "rg.ip_access_denied", key=key)
    calls = len(stage.twins.worlds["torbox"].calls)
    doors = [(route.method, re.sub(r"\{\w+\}", "1", route.path)) for route in OPERATIONS]
    for method, path in [*doors, ("GET", "/proxy/v1/api/user/me"), ("POST", "/proxy/v1/api/torrents/createtorrent")]:
        refused(await stage.ask(method, path, "torbox", key=key), 403, "rg.ip_access_denied")
    assert len(stage.twins.worlds["torbox"].calls) == calls


async def test_secrets_are_compared_in_constant_time(stage, monkeypatch):
    """T51: what is compared are digests of one length, also where there is no add-on to compare with."""
    _, unapproved = await stage.gateway.addons.apply("waits-" + stage.addon)
    compared: list[tuple[int, int]] = []
    compare = hmac.compare_digest

    def noted(ours: bytes, theirs: bytes) -> bool:
        compared.append((len(ours), len(theirs)))
        return compare(ours, theirs)

    monkeypatch.setattr(gateway_access.hmac, "compare_digest", noted)
    causes = [
        ("nobody-" + stage.addon, stage.secret),
        (stage.addon, "as_wrong"),
        (stage.addon, stage.secret[:-1]),
        (stage.addon, stage.secret + "x"),
        ("waits-" + stage.addon, unapproved.reveal()),
    ]
    for slug, secret in causes:
        compared.clear()
        headers = {"x-relaygate-addon-id": slug, "x-relaygate-addon-secret": secret}
        refused(await stage.ask("GET", ACCOUNT, "torbox", tokens="t", headers=headers), 401, "rg.invalid_developer")
        assert compared == [(32, 32)], slug


async def test_a_missing_vault_entry_is_that_providers_own_error(stage):
    _, key = await stage.user("torbox")
    data = (await stage.ask("GET", ACCOUNT, "torbox, premiumize", key=key)).json()["data"]
    assert data["torbox"]["data"]["provider"] == "torbox"
    error = data["premiumize"]["error"]
    assert (error["code"], error["status"]) == ("rg.vault_missing", 404)
    assert error["title"] == "Vault credential missing"
    assert error["detail"] == "No vault credential for this provider."


async def test_a_paused_account_is_not_called(stage):
    user, key = await stage.user()
    await stage.account(user, "torbox", "t", AccountState.PAUSED)
    error = (await stage.ask("GET", ACCOUNT, "torbox", key=key)).json()["data"]["torbox"]["error"]
    assert (error["code"], error["status"]) == ("rg.upstream_error", 403)
    assert not stage.twins.worlds["torbox"].calls


async def test_policies_decide_by_add_on_and_real_address(stage):
    user, key = await stage.user("torbox")
    spoofed = {"x-forwarded-for": "203.0.113.9", "forwarded": "for=203.0.113.9"}

    async def decided(code: str | None) -> None:
        response = await soon(stage, 403 if code else 200, code, key=key, headers=spoofed)
        if code is not None:
            refused(response, 403, code)

    policies = stage.gateway.policies
    elsewhere = await policies.add(user, Verdict.ALLOW, Subject.ADDRESS, "203.0.113.0/24")
    await decided("rg.ip_not_allowlisted")
    await policies.add(user, Verdict.ALLOW, Subject.ADDRESS, "::ffff:127.0.0.0/104")
    await decided(None)
    denied = await policies.add(user, Verdict.DENY, Subject.ADDRESS, "127.0.0.1")
    await decided("rg.ip_access_denied")
    for rule in (elsewhere, denied):
        await policies.remove(user, rule.id)
    other = await policies.add(user, Verdict.ALLOW, Subject.ADDON, "somebody-else")
    await decided("rg.addon_not_allowlisted")
    await policies.remove(user, other.id)
    await policies.add(user, Verdict.DENY, Subject.ADDON, stage.addon)
    await decided("rg.addon_access_denied")
    told = await policies.dry_run(user, key_id=None, addon=stage.addon, address="127.0.0.1")
    assert told.problem == "rg.addon_access_denied"
    assert told.rule.value == stage.addon


async def test_a_proxy_that_hides_its_caller_is_refused_where_rules_are_about_addresses(stage):
    """The proxy's own address would get past a deny list, and into an allow list that names the proxy."""
    user, key = await stage.user("torbox")
    headers = stage.headers("torbox", key=key) | {"x-forwarded-proto": "https"}
    app = RealPeer(stage.app, TrustedProxies.parse("127.0.0.1"))
    async with calling(app) as client:

        async def ask(**more: str) -> tuple[int, str | None]:
            response = await client.get(BASE + ACCOUNT, headers=headers | more)
            return response.status_code, response.json().get("code")

        assert await ask() == (200, None)
        await stage.gateway.policies.add(user, Verdict.ALLOW, Subject.ADDRESS, "127.0.0.1")
        denied = await stage.gateway.policies.add(user, Verdict.DENY, Subject.ADDRESS, "203.0.113.9")
        async with asyncio.timeout(60):
            while await ask() == (200, None):
                await asyncio.sleep(0.02)
        unknown = (403, "rg.edge_ip_required")
        assert await ask() == unknown
        assert await ask(**{"x-forwarded-for": "unknown"}) == unknown
        assert await ask(**{"x-forwarded-for": "203.0.113.9, nobody"}) == unknown
        assert await ask(**{"x-forwarded-for": "203.0.113.9"}) == (403, "rg.ip_access_denied")
        assert await ask(**{"x-forwarded-for": "203.0.113.10"}) == (403, "rg.ip_not_allowlisted")
        # The caller wrote what is left of the address that the proxy saw.
        assert await ask(**{"x-forwarded-for": "127.0.0.1, 203.0.113.9"}) == (403, "rg.ip_access_denied")
        await stage.gateway.policies.remove(user, denied.id)
    assert (await stage.ask("GET", ACCOUNT, "torbox", key=key)).status_code == 200, "nobody stands in between here"
    told = await stage.gateway.policies.dry_run(user, key_id=None, addon=stage.addon, address=None)
    assert told.problem == "rg.edge_ip_required"


@pytest.fixture
def one_minute(monkeypatch) -> None:
    """The clock of the limits stands still, in a minute that nothing else was counted in."""
    moment = 3e9 + 60.0 * (uuid4().int % 1_000_000)
    monkeypatch.setattr(gateway_limits, "time", SimpleNamespace(time=lambda: moment))


@pytest.mark.usefixtures("one_minute")
class TestAddressLimit:
    @pytest.fixture
    def allowance(self) -> RateAllowance:
        return RateAllowance(stranger=0, address=4, addon=0, key=0)

    async def test_calls_of_an_address_are_counted_whatever_they_say(self, stage):
        calls = [("GET", ACCOUNT), ("GET", "/canonical/nothing"), ("DELETE", ACCOUNT), ("TRACE", "/proxy/x")]
        answers = [
            await stage.ask(method, path, "torbox", tokens="t", headers={"x-forwarded-for": f"203.0.113.{number}"})
            for number, (method, path) in enumerate([*calls, ("GET", ACCOUNT), ("DELETE", ACCOUNT)])
        ]
        assert [answer.status_code for answer in answers] == [200, 404, 405, 405, 429, 429]
        assert refused(answers[-1], 429, "rg.rate_limited")["retry_after"] == 60
        (row,) = [row for row in await stage.audited() if str(row["request_id"]) == answers[-1].headers["x-request-id"]]
        assert (row["http_status"], row["error_code"], row["caller_ip"]) == (429, "rg.rate_limited", "127.0.0.1")


@pytest.mark.usefixtures("one_minute")
class TestAddonLimit:
    @pytest.fixture
    def allowance(self) -> RateAllowance:
        return RateAllowance(stranger=0, address=0, addon=2, key=0)

    async def test_an_add_on_has_its_own_limit_over_all_its_users(self, stage):
        keys = [(await stage.user("torbox"))[1] for _ in range(3)]
        statuses = [(await stage.ask("GET", ACCOUNT, "torbox", key=key)).status_code for key in keys]
        assert statuses == [200, 200, 429]


@pytest.mark.usefixtures("one_minute")
class TestLimits:
    @pytest.fixture
    def allowance(self) -> RateAllowance:
        return RateAllowance(stranger=3, address=0, addon=0, key=4)

    async def test_too_many_calls_with_a_key(self, stage):
        _, key = await stage.user("torbox")
        _, other = await stage.user("torbox")
        for _ in range(4):
            assert (await stage.ask("GET", ACCOUNT, "torbox", key=key)).status_code == 200
        response = await stage.ask("GET", ACCOUNT, "torbox", key=key)
        assert refused(response, 429, "rg.rate_limited")["retry_after"] == 60
        assert response.headers["retry-after"] == "60"
        assert (await stage.ask("GET", ACCOUNT, "torbox", key=other)).status_code == 200

    async def test_processes_share_their_counts(self, stage, shared, vault):
        from sluicegate.services.gateway_limits import GatewayLimits

        other = GatewayLimits(shared.transactions, RateAllowance(key=4))
        for _ in range(4):
            other.key("a-key")
        await other.flush()
        stage.gateway.limits.key("a-key")
        await stage.gateway.limits.flush()
        with pytest.raises(Exception, match="Too many requests"):
            stage.gateway.limits.key("a-key")

    async def test_guessing_secrets_ends_soon(self, stage):
        wrong = {"x-relaygate-addon-secret": "as_wrong"}
        statuses = [
            (await stage.ask("GET", ACCOUNT, "torbox", tokens="t", headers=wrong)).status_code for _ in range(6)
        ]
        assert statuses == [401, 401, 401, 429, 429, 429]
        assert (await stage.ask("GET", ACCOUNT, "torbox", tokens="t")).status_code == 200

    async def test_one_request_counts_once_however_often_it_is_looked_at(self, stage, vault):
        """With an ``Idempotency-Key`` a request is looked at before it is run, and again when it is."""
        admission = Admission(stage.gateway.access, stage.gateway.limits, vault)
        right, wrong = stage.headers("torbox", tokens="t"), stage.headers("torbox", tokens="t")
        wrong["x-relaygate-addon-secret"] = "as_wrong"

        async def looked_at_twice(headers: dict[str, str]) -> list[str]:
            scope = {"headers": [(name.lower().encode(), value.encode()) for name, value in headers.items()]}
            return [await _verdict(admission, scope) for _ in range(2)]

        assert [await looked_at_twice(wrong) for _ in range(4)] == [
            ["rg.invalid_developer"] * 2,
            ["rg.invalid_developer"] * 2,
            ["rg.invalid_developer"] * 2,
            ["rg.rate_limited"] * 2,
        ]
        assert [await looked_at_twice(right) for _ in range(5)] == [["let in"] * 2] * 4 + [["rg.rate_limited"] * 2]


async def _verdict(admission: Admission, scope: dict[str, Any]) -> str:
    try:
        await admission.admit(scope, visitor_of(scope))
    except GatewayRefused as error:
        return str(error.problem)
    return "let in"
