"""The management API: what a user sees and changes, and that it is the user's own only."""

import json
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from dataclasses import dataclass
from uuid import uuid4

import httpx
import pytest
from litestar import Litestar
from tests.surfaces.serving import calling, serving

from sluicegate.core.clock import SystemClock
from sluicegate.core.keys import KeyKind
from sluicegate.services.accounts import AccountService
from sluicegate.surfaces.gateway import workspace_pages
from sluicegate.surfaces.gateway.management_routes import ManagementServices, router
from sluicegate.web.auth import Carrier, behind_guards, key_guard
from sluicegate.web.limits import FailedAttempts


async def _any_address(_: str) -> None:
    """Every address is fine here."""


@dataclass
class Desk:
    """The management API for two users who know nothing of each other."""

    one: httpx.AsyncClient
    other: httpx.AsyncClient
    anonymous: httpx.AsyncClient


@pytest.fixture
async def desk(stage) -> AsyncIterator[Desk]:
    accounts = AccountService(
        stage.database.transactions, stage.twins, stage.vault, stage.database.ledger(), SystemClock(), _any_address
    )
    services = ManagementServices(stage.gateway, accounts)
    guard = key_guard(stage.keys, KeyKind.LIBRARY, Carrier.BEARER, attempts=FailedAttempts(allowed=40))
    app = Litestar(behind_guards([router(services)], {"library_key": guard}), logging_config=None)
    async with AsyncExitStack() as stack:
        url = await stack.enter_async_context(serving(app))
        clients = []
        for name in ("one", "other", ""):
            headers = {}
            if name:
                user = await stage.users.create(f"{name}-{uuid4().hex[:8]}")
                _, secret = await stage.keys.create(user.id, KeyKind.LIBRARY)
                headers = {"authorization": f"Bearer {secret.reveal()}"}
            client = httpx.AsyncClient(base_url=url + "/v1/gateway", headers=headers, timeout=30)
            clients.append(await stack.enter_async_context(client))
        yield Desk(*clients)


async def test_from_an_empty_vault_to_a_call_in_the_history(stage, desk):
    stored = (await desk.one.post("/vault", json={"provider": "torbox", "token": "a-token-of-some-length"})).json()
    assert stored["provider"] == "torbox"
    assert "a-token" not in str(stored)
    made = (await desk.one.post("/keys", json={"label": "living room"})).json()
    response = await stage.ask("GET", "/canonical/account", "torbox", key=made["secret"])
    assert "data" in response.json()["data"]["torbox"], response.text
    (call,) = (await desk.one.get("/history")).json()["items"]
    assert (call["addon"], call["operation"], call["http_status"]) == (stage.addon, "account.session", 200)
    assert call["key_id"] == made["key"]["id"]
    lines = (await desk.one.get("/history/export")).text.splitlines()
    assert [json.loads(line)["request_id"] for line in lines] == [response.headers["x-request-id"]]
    (point,) = (await desk.one.get("/usage?days=2")).json()
    assert (point["calls"], point["refused"]) == (1, 0)
    assert (await desk.other.get("/history")).json()["items"] == []
    assert (await desk.other.get("/history/export")).text == ""
    assert (await desk.other.get("/vault")).json() == []


async def test_foreign_things_are_as_unknown_as_none(stage, desk):
    key = (await desk.one.post("/keys", json={})).json()["key"]["id"]
    entry = (await desk.one.post("/vault", json={"provider": "torbox", "token": "another-token-here"})).json()["id"]
    rule = {"verdict": "deny", "subject": "addon", "value": "some-addon"}
    rule_id = (await desk.one.post("/policies", json=rule)).json()["id"]
    slug = f"mine-{uuid4().hex[:6]}"
    application = {"slug": slug, "name": "Mine", "contact": "me@example.org", "proof": "https://example.org/manifest"}
    assert (await desk.one.post("/addons", json=application)).status_code == 201
    attempts = [
        ("POST", f"/keys/{key}/rotate", {}),
        ("DELETE", f"/keys/{key}", None),
        ("PUT", f"/vault/{entry}", {"token": "stolen-token-here"}),
        ("DELETE", f"/vault/{entry}", None),
        ("DELETE", f"/policies/{rule_id}", None),
        ("POST", "/policies", rule | {"key_id": key}),
        ("POST", f"/addons/{slug}/secrets", {}),
    ]
    for method, path, body in attempts:
        response = await desk.other.request(method, path, json=body)
        assert response.status_code == 404, (method, path, response.text)
        assert set(response.json()) == {"error"}
    assert len((await desk.one.get("/policies")).json()) == 1
    assert (await desk.other.get("/addons")).json() == []
    assert (await desk.other.post("/addons", json=application)).status_code == 409


async def test_a_secret_is_shown_once(stage, desk):
    """T26: where it is made, and nowhere else."""
    token = f"a-token-{uuid4().hex}"
    key = (await desk.one.post("/keys", json={"label": "tv"})).json()
    slug = f"once-{uuid4().hex[:6]}"
    addon = (await desk.one.post("/addons", json={"slug": slug, "name": "", "contact": "", "proof": ""})).json()
    renewed = (await desk.one.post(f"/addons/{slug}/secrets", json={})).json()
    rotated = (await desk.one.post(f"/keys/{key['key']['id']}/rotate", json={})).json()
    await desk.one.post("/vault", json={"provider": "torbox", "token": token})
    secrets = [key["secret"], addon["secret"], renewed["secret"], rotated["secret"], token]
    assert len(set(secrets)) == 5
    for path in ("/keys", "/addons", f"/addons/{slug}", "/vault", "/policies", "/history"):
        text = (await desk.one.get(path)).text
        assert not [secret for secret in secrets if secret in text], path


async def test_the_contracts_addresses_of_pages_lead_to_ours():
    """An add-on's settings link to ``{origin}/proxy-keys`` (section 10 of the sheet)."""
    async with calling(Litestar([workspace_pages.router()], logging_config=None)) as client:
        for path, page in (("/proxy-keys", "/app/gateway"), ("/provider-vault", "/app/accounts")):
            response = await client.get(path)
            assert (response.status_code, response.headers["location"]) == (302, page)


def test_nothing_changes_the_history():
    """T50: the audit can be read through the API, and nothing else."""
    document = Litestar([router(None)], logging_config=None).openapi_schema
    paths = {path: item for path, item in (document.paths or {}).items() if "history" in path or "usage" in path}
    assert len(paths) >= 3
    for item in paths.values():
        assert not [method for method in ("post", "put", "patch", "delete") if getattr(item, method) is not None]


@pytest.mark.parametrize("query", ["addon=a%00b", "before=0001-01-01T00:00:00%2B05:00", "limit=99999999999999999999"])
async def test_values_beyond_all_bounds_are_bad_input(desk, query):
    response = await desk.one.get(f"/history?{query}")
    assert response.status_code == 400
    assert set(response.json()) == {"error"}


async def test_nobody_without_a_library_key_gets_in(stage, desk):
    proxy = (await desk.one.post("/keys", json={})).json()["secret"]
    for path in ("/keys", "/vault", "/policies", "/history", "/history/export", "/usage", "/addons"):
        assert (await desk.anonymous.get(path)).status_code == 401
        assert (await desk.anonymous.get(path, headers={"authorization": f"Bearer {proxy}"})).status_code == 401


async def test_an_application_works_once_it_is_approved(stage, desk):
    slug = f"new-{uuid4().hex[:6]}"
    body = {"slug": slug, "name": "New", "contact": "", "proof": ""}
    made = (await desk.one.post("/addons", json=body)).json()
    assert made["addon"]["state"] == "submitted"
    stage.addon, stage.secret = slug, made["secret"]
    assert (await stage.ask("GET", "/canonical/account", "torbox", tokens="t")).status_code == 401
    await stage.gateway.addons.decide(slug, "under_review")
    await stage.gateway.addons.decide(slug, "approved")
    assert (await stage.ask("GET", "/canonical/account", "torbox", tokens="t")).status_code == 200
    assert [addon["state"] for addon in (await desk.one.get("/addons")).json()] == ["approved"]


async def test_a_dry_run_names_the_rule_that_decides(stage, desk):
    rule = {"verdict": "allow", "subject": "address", "value": "192.0.2.7/24"}
    added = (await desk.one.post("/policies", json=rule)).json()
    assert added["value"] == "192.0.2.0/24"
    assert (await desk.one.post("/policies", json=rule)).json()["id"] == added["id"]
    told = (await desk.one.get("/policies/check", params={"addon": "a", "address": "198.51.100.1"})).json()
    assert (told["allowed"], told["code"]) == (False, "rg.ip_not_allowlisted")
    told = (await desk.one.get("/policies/check", params={"addon": "a", "address": "192.0.2.200"})).json()
    assert (told["allowed"], told["code"]) == (True, None)
    deny = {"verdict": "deny", "subject": "addon", "value": "a"}
    denied = (await desk.one.post("/policies", json=deny)).json()
    told = (await desk.one.get("/policies/check", params={"addon": "a", "address": "192.0.2.200"})).json()
    assert (told["code"], told["rule"]["id"]) == ("rg.addon_access_denied", denied["id"])


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("/policies", {"verdict": "deny", "subject": "address", "value": "not-an-address"}),
        ("/policies", {"verdict": "maybe", "subject": "address", "value": "192.0.2.1"}),
        ("/vault", {"provider": "nobody", "token": "t"}),
        ("/addons", {"slug": "No Slug", "name": "", "contact": "", "proof": ""}),
        ("/keys", {"label": "x" * 101}),
        ("/keys", [1]),
    ],
)
async def test_bad_input(desk, path, body):
    response = await desk.one.post(path, json=body)
    assert response.status_code == 400, response.text
    assert set(response.json()) == {"error"}


async def test_whoever_guesses_keys_has_to_wait(desk):
    """T28: wrong keys are counted by peer; then no key is looked at for a while."""
    guesses = [(await desk.anonymous.get("/keys", headers={"authorization": f"Bearer tu_{n}"})) for n in range(41)]
    assert [guess.status_code for guess in guesses] == [401] * 40 + [429]
    assert int(guesses[-1].headers["retry-after"]) > 0
    assert set(guesses[-1].json()) == {"error"}


async def test_an_applicant_is_told_what_was_decided_and_not_why(stage, desk):
    slug = f"turned-down-{uuid4().hex[:6]}"
    await desk.one.post("/addons", json={"slug": slug, "name": "New", "contact": "me@example.org", "proof": "a repo"})
    await stage.gateway.addons.decide(slug, "rejected", "internal words")
    response = await desk.one.get("/addons")
    (addon,) = response.json()
    assert (addon["state"], addon["decided_at"] is not None) == ("rejected", True)
    assert "internal words" not in response.text


async def test_the_history_goes_on_where_a_page_ended(stage, desk):
    made = (await desk.one.post("/keys", json={})).json()
    for _ in range(3):
        await stage.ask("GET", "/canonical/account", "torbox", key=made["secret"])
    first = (await desk.one.get("/history", params={"limit": 2})).json()
    more = {"limit": 2, "before": first["before"], "before_id": first["before_id"]}
    second = (await desk.one.get("/history", params=more)).json()
    assert (len(first["items"]), len(second["items"]), second["before"]) == (2, 1, None)
    assert len({call["request_id"] for call in first["items"] + second["items"]}) == 3
