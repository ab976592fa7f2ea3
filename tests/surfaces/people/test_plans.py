"""Plans from RevenueCat: over the wire, with its faults, its webhook, and what is refused without a plan."""

import asyncio
import time
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta

import pytest
from tests.surfaces.people.conftest import Product, running_product
from tests.surfaces.people.revenuecat import KEY, FakeRevenueCat, entitlement, running_revenuecat

from sluicegate.db.connector import Connector
from sluicegate.services import plans

HOOK = "Bearer a-secret-of-the-webhook"


def ahead(days: float) -> str:
    return (datetime.now(UTC) + timedelta(days=days)).isoformat().replace("+00:00", "Z")


@pytest.fixture(scope="module")
async def billing() -> AsyncIterator[FakeRevenueCat]:
    async with running_revenuecat() as fake:
        yield fake


@pytest.fixture(scope="module")
async def billed(server: Connector, sandbox: str, billing: FakeRevenueCat) -> AsyncIterator[Product]:
    settings = {
        "plans": "revenuecat", "revenuecat_key": KEY, "revenuecat_url": billing.url, "revenuecat_webhook": HOOK,
        "revenuecat_entitlement": "premium", "free_jobs": 2, "free_torrent_gib": 1, "free_feeds": 1,
        "wrong_key_rate": 0,
    }  # fmt: skip
    async with running_product(server, sandbox, **settings) as product:
        yield product


@pytest.fixture(autouse=True)
def well(billing: FakeRevenueCat) -> None:
    billing.status, billing.body = 200, None


CASES = {
    "nobody": ({}, "free", []),
    "for ever": ({"premium": entitlement(None)}, "paid", ["premium"]),
    "running": ({"premium": entitlement(ahead(3))}, "paid", ["premium"]),
    "lapsed": ({"premium": entitlement(ahead(-3))}, "free", []),
    "in grace": ({"premium": entitlement(ahead(-1), ahead(2))}, "paid", ["premium"]),
    "other": ({"stickers": entitlement(None)}, "free", ["stickers"]),
}


@pytest.mark.parametrize("case", CASES)
async def test_entitlements_become_a_plan(billed: Product, billing: FakeRevenueCat, case: str):
    facts, plan, names = CASES[case]
    user_id, client = await billed.user()
    if facts:
        billing.people[str(user_id)] = facts
    body = (await client.get("/v1/me")).json()
    assert (body["plan"], body["is_active"], body["entitlements"]) == (plan, plan == "paid", names)
    assert body["limits"]["max_concurrent_jobs"] == (0 if plan == "paid" else 2)
    assert body["management_url"] == ("https://apps.example/manage" if facts else None)
    assert (body["expires_at"] is None) == (case not in {"running", "in grace"})


async def test_the_answer_is_kept_and_the_webhook_has_it_asked_anew(billed: Product, billing: FakeRevenueCat):
    user_id, client = await billed.user()
    for _ in range(5):
        assert (await client.get("/v1/me")).json()["plan"] == "free"
    assert billing.asked.count(str(user_id)) == 1
    billing.people[str(user_id)] = {"premium": entitlement(None)}
    assert (await client.get("/v1/me")).json()["plan"] == "free"
    stranger = await billed.client()
    event = {"api_version": "1.0", "event": {"type": "INITIAL_PURCHASE", "app_user_id": str(user_id), "aliases": ["x"]}}
    answer = await stranger.post("/v1/billing/revenuecat", json=event, headers={"authorization": HOOK})
    assert answer.status_code == 204
    assert (await client.get("/v1/me")).json()["plan"] == "paid"


@pytest.mark.parametrize(
    ("headers", "body", "status"),
    [
        ({}, b"{}", 401),
        ({"authorization": "Bearer wrong"}, b"{}", 401),
        ({"authorization": HOOK.lower()}, b"{}", 401),
        ({"authorization": HOOK}, b"{}", 400),
        ({"authorization": HOOK}, b"[]", 400),
        ({"authorization": HOOK}, b"\xff", 400),
        ({"authorization": HOOK}, b'{"event": 7}', 400),
        ({"authorization": HOOK}, b'{"event": {"aliases": 7}}', 400),
        ({"authorization": HOOK}, b'{"event": {"app_user_id": "nobody of ours"}}', 204),
        ({"authorization": HOOK}, b"x" * 300_000, 413),
    ],
)
async def test_the_webhook_needs_its_header_and_an_event(
    billed: Product, headers: dict[str, str], body: bytes, status: int
):
    """T43."""
    client = await billed.client(headers)
    answer = await client.post("/v1/billing/revenuecat", content=body)
    assert answer.status_code == status, answer.text


async def test_the_webhook_is_shut_without_billing(product: Product):
    client = await product.client({"authorization": ""})
    assert (await client.post("/v1/billing/revenuecat", json={"event": {}})).status_code == 401


async def test_one_job_too_many_is_402_and_the_same_again_is_not(billed: Product):
    """402 says that the plan does not include it; nothing was made."""
    _, client = await billed.user()
    for number in range(2):
        assert (await client.post("/v1/torrents", json={"magnet": f"{number + 1:040x}"})).status_code == 201
    refused = await client.post("/v1/torrents", json={"magnet": "ee" * 20})
    assert (refused.status_code, set(refused.json())) == (402, {"error"})
    assert len((await client.get("/v1/torrents")).json()["items"]) == 2
    assert (await client.post("/v1/torrents", json={"magnet": f"{1:040x}"})).status_code == 200
    (job, _) = (await client.get("/v1/torrents")).json()["items"]
    await client.delete(f"/v1/torrents/{job['id']}")
    assert (await client.post("/v1/torrents", json={"magnet": "ee" * 20})).status_code == 201


async def test_several_at_once_are_counted_together(billed: Product):
    _, client = await billed.user()
    posts = [client.post("/v1/torrents", json={"magnet": f"{number + 1:040x}"}) for number in range(8)]
    statuses = [answer.status_code for answer in await asyncio.gather(*posts)]
    assert sorted(statuses) == [201, 201] + [402] * 6


async def test_a_torrent_that_is_too_large_is_402(billed: Product):
    _, client = await billed.user()
    magnet = f"magnet:?xt=urn:btih:{'ef' * 20}&xl={2 << 30}"
    assert (await client.post("/v1/torrents", json={"magnet": magnet})).status_code == 402


async def test_one_feed_too_many_is_402(billed: Product):
    _, client = await billed.user()
    bodies = [{"name": f"feed {number}", "url": f"http://127.0.0.1:1/{number}"} for number in range(3)]
    statuses = [answer.status_code for answer in [await client.post("/v1/rss-feeds", json=body) for body in bodies]]
    assert statuses == [201, 402, 402]


FAULTS = [(500, None), (429, None), (401, None), (200, b"<html>"), (200, b"{}"), (200, b'{"subscriber": {}}'),
          (200, b'{"subscriber": {"entitlements": {"premium": {"expires_date": "soon"}}}}')]  # fmt: skip


@pytest.mark.parametrize(("status", "body"), FAULTS)
async def test_a_bad_day_of_the_billing_service_costs_nobody_anything(
    billed: Product, billing: FakeRevenueCat, status: int, body: bytes | None
):
    """What was known last counts; somebody of whom nothing is known is not refused."""
    paid_id, paid = await billed.user()
    billing.people[str(paid_id)] = {"premium": entitlement(None)}
    assert (await paid.get("/v1/me")).json()["plan"] == "paid"
    billing.status, billing.body = status, body
    await billed.installation.people.plans.changed(paid_id)  # type: ignore[attr-defined]
    assert (await paid.get("/v1/me")).json()["plan"] == "paid"
    _, new = await billed.user()
    for number in range(3):
        assert (await new.post("/v1/torrents", json={"magnet": f"{number + 1:040x}"})).status_code == 201


async def test_a_billing_service_that_hangs_is_not_waited_for(
    billed: Product, billing: FakeRevenueCat, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(plans, "_ASK_SECONDS", 0.05)
    gate = asyncio.Event()

    async def hang(_user_id: object) -> dict[str, object]:
        await gate.wait()
        return {"entitlements": {}}

    monkeypatch.setattr(billed.installation.people.plans._billing, "subscriber", hang)  # type: ignore[attr-defined]
    _, client = await billed.user()
    began = time.monotonic()
    assert (await client.get("/v1/me")).json()["plan"] == "unlimited"
    assert time.monotonic() - began < 30
    gate.set()
