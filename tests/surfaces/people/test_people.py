"""Integrations, key, plan, usage and preferences as a client sees them."""

import asyncio

import pytest
from tests.surfaces.people.conftest import Product

from sluicegate.core.keys import KeyKind
from sluicegate.core.usage import Counter

UNLIMITED = {"max_concurrent_jobs": 0, "max_torrent_bytes": 0, "max_rss_feeds": 0}


async def test_an_integration_is_connected_listed_tried_and_removed_without_its_token(product: Product):
    """T35: no answer ever holds the token."""
    _, client = await product.user()
    made = await client.post("/v1/integrations", json={"kind": "torbox", "token": "sandbox-conny", "label": "mine"})
    assert made.status_code == 201, made.text
    assert set(made.json()) == {
        "kind", "label", "status", "last_checked_at", "last_error", "config", "token_hint", "created_at", "updated_at",
    }  # fmt: skip
    assert (made.json()["kind"], made.json()["label"], made.json()["status"]) == ("torbox", "mine", "ok")
    listed = await client.get("/v1/integrations")
    assert [one["kind"] for one in listed.json()["items"]] == ["torbox"]
    assert (await client.post("/v1/integrations/torbox/test")).json() == {"ok": True}
    assert (await client.delete("/v1/integrations/torbox")).status_code == 204
    assert (await client.get("/v1/integrations")).json() == {"items": []}
    assert (await client.delete("/v1/integrations/torbox")).status_code == 404
    assert (await client.post("/v1/integrations/torbox/test")).status_code == 404
    assert "sandbox-conny" not in made.text + listed.text


async def test_connecting_again_replaces_and_put_is_the_same(product: Product):
    _, client = await product.user()
    body = {"kind": "premiumize", "token": "sandbox-upsert1"}
    assert (await client.post("/v1/integrations", json=body)).status_code == 201
    again = await client.put("/v1/integrations", json=body | {"token": "sandbox-upsert2", "label": "renamed"})
    assert (again.status_code, again.json()["label"]) == (200, "renamed")
    items = (await client.get("/v1/integrations")).json()["items"]
    assert [(one["kind"], one["label"]) for one in items] == [("premiumize", "renamed")]


@pytest.mark.parametrize("kind", ["realdebrid", "alldebrid", "premiumize", "torbox", "debridlink", "torrin"])
async def test_every_store_of_the_contract_can_be_connected(product: Product, kind: str):
    _, client = await product.user()
    answer = await client.post("/v1/integrations", json={"kind": kind, "token": f"sandbox-{kind}-all"})
    assert (answer.status_code, answer.json().get("status")) == (201, "ok"), answer.text
    assert (await client.post(f"/v1/integrations/{kind}/test")).json() == {"ok": True}


@pytest.mark.parametrize(
    ("body", "status"),
    [
        ({}, 400),
        ([], 400),
        ({"kind": "torbox"}, 400),
        ({"kind": "nothing", "token": "x"}, 400),
        ({"kind": "stremthru", "token": "x"}, 400),
        ({"kind": "torbox", "token": ""}, 400),
        ({"kind": "torbox", "token": "two words"}, 400),
        ({"kind": "torbox", "token": "x" * 5000}, 400),
        ({"kind": "torbox", "token": "x", "extra": 1}, 400),
        ({"kind": "torbox", "token": "x", "config": {"base_url": "https://a.example", "more": 1}}, 400),
        ({"kind": "torbox", "token": "x", "config": {"base_url": "https://a.example"}}, 400),
        ({"kind": "mediaflow", "token": "x"}, 400),
        ({"kind": "mediaflow", "token": "x", "config": {"base_url": "http://169.254.169.254/"}}, 422),
        ({"kind": "mediaflow", "token": "x", "config": {"base_url": "http://10.0.0.1/"}}, 422),
        ({"kind": "mediaflow", "token": "x", "config": {"base_url": "file:///etc/passwd"}}, 422),
        ({"kind": "mediaflow", "token": "x", "config": {"base_url": "http://8.8.8.8/"}}, 400),
        ({"kind": "torrin", "token": "x", "config": {"base_url": "https://" + "a" * 3000}}, 400),
        ({"kind": "torbox", "token": "wrong-token"}, 502),
    ],
)
async def test_what_cannot_be_connected_is_refused_in_words(product: Product, body: object, status: int):
    """T1, T5: an address given by a user leads to no private network, and only to the kinds people host."""
    _, client = await product.user()
    answer = await client.post("/v1/integrations", json=body)
    assert answer.status_code == status, answer.text
    assert set(answer.json()) == {"error"}
    assert (await client.get("/v1/integrations")).json() == {"items": []}


async def test_a_token_that_is_refused_later_is_told_by_the_test(product: Product):
    _, client = await product.user()
    await client.post("/v1/integrations", json={"kind": "torbox", "token": "sandbox-later"})
    await product.control("faults", {"provider": "torbox", "call": "*", "fault": "bad_token", "times": 1})
    answer = await client.post("/v1/integrations/torbox/test")
    assert (answer.status_code, answer.json()["ok"]) == (200, False), answer.text
    assert answer.json()["error"]
    (item,) = (await client.get("/v1/integrations")).json()["items"]
    assert (item["status"], bool(item["last_error"])) == ("error", True)
    await product.control("faults", {"provider": "torbox", "call": "*", "fault": "server_error", "times": 5})
    assert (await client.post("/v1/integrations/torbox/test")).status_code == 502
    await product.control("faults", {"provider": "torbox", "call": "*", "fault": "server_error", "times": 0})


async def test_the_first_fetch_mints_and_rotation_is_atomic(product: Product):
    """T27; acceptance list of the sheet, number 9."""
    user = await product.installation.users.create("minty")
    token = product.installation.people.tokens.issue(user.id).reveal()
    signed_in = await product.client({"authorization": f"Bearer {token}"})
    first = (await signed_in.get("/v1/api-key")).json()
    assert first["plaintext"].startswith(f"tu_{first['key_prefix']}_")
    assert {"id", "key_prefix", "name", "created_at", "plaintext"} <= set(first)
    assert (await signed_in.get("/v1/api-keys")).json()["plaintext"] == first["plaintext"]
    holder = await product.client({"authorization": f"Bearer {first['plaintext']}"})
    assert (await holder.get("/v1/torrents")).status_code == 200
    assert (await holder.get("/v1/api-key")).json()["id"] == first["id"]

    rotated = await signed_in.post("/v1/api-key/rotate")
    assert rotated.status_code == 200
    assert rotated.json()["plaintext"] != first["plaintext"]
    assert rotated.headers["cache-control"] == "no-store"
    async with asyncio.timeout(10):  # the notice of the database; without it the key would be remembered for seconds
        while (await holder.get("/v1/torrents")).status_code != 401:
            await asyncio.sleep(0.02)
    renewed = await product.client({"authorization": f"Bearer {rotated.json()['plaintext']}"})
    assert (await renewed.get("/v1/api-key")).json()["id"] == rotated.json()["id"]


async def test_two_first_fetches_at_once_mint_one_key(product: Product):
    user = await product.installation.users.create("twice")
    token = product.installation.people.tokens.issue(user.id).reveal()
    signed_in = await product.client({"authorization": f"Bearer {token}"})
    answers = await asyncio.gather(*(signed_in.get("/v1/api-key") for _ in range(8)))
    assert len({answer.json()["plaintext"] for answer in answers}) == 1


@pytest.mark.parametrize("path", ["/v1/me", "/v1/plan", "/v1/entitlements"])
async def test_the_plan_without_billing_is_unlimited(product: Product, path: str):
    user_id, client = await product.user()
    body = (await client.get(path)).json()
    assert body["name"].startswith("user-")
    assert (body["user_id"], body["plan"], body["is_active"], body["limits"]) == (
        str(user_id), "unlimited", True, UNLIMITED,
    )  # fmt: skip


async def test_usage_counts_the_month(product: Product):
    user_id, client = await product.user()
    await client.post("/v1/torrents", json={"magnet": "12" * 20})
    product.installation.people.usage.count(user_id, Counter.BYTES_STREAMED, 500)
    product.installation.people.usage.count(user_id, Counter.BYTES_STREAMED, 23)
    body = (await client.get("/v1/usage")).json()
    assert body["period_start"] < body["period_end"]
    assert (body["jobs_submitted"], body["jobs_ready"], body["bytes_streamed"]) == (1, 0, 523)
    _, other = await product.user()
    assert (await other.get("/v1/usage")).json()["jobs_submitted"] == 0


async def test_preferences_change_one_by_one_and_null_brings_the_default_back(product: Product):
    _, client = await product.user()
    first = (await client.get("/v1/preferences")).json()
    contract = {
        "preferred_backends": [], "use_proxy": False, "proxy_kind": None, "preferred_quality": "any",
        "max_file_size_bytes": None, "hide_uncached": False,
    }  # fmt: skip
    assert {name: first[name] for name in contract} == contract
    changed = await client.patch("/v1/preferences", json={"preferred_backends": ["torbox"], "use_proxy": True})
    assert changed.status_code == 200
    assert changed.json() == first | {"preferred_backends": ["torbox"], "use_proxy": True}
    more = await client.patch(
        "/v1/preferences", json={"use_proxy": None, "max_file_size_bytes": 5, "playback": "proxied", "min_seeds": 0}
    )
    assert more.json() == first | {
        "preferred_backends": ["torbox"], "max_file_size_bytes": 5, "playback": "proxied", "min_seeds": 0,
    }  # fmt: skip
    assert (await client.get("/v1/preferences")).json() == more.json()


@pytest.mark.parametrize(
    "body",
    [
        {"nothing": 1},
        {"use_proxy": "yes"},
        {"use_proxy": 1},
        {"proxy_kind": "squid"},
        {"preferred_quality": "8k"},
        {"preferred_backends": ["torbox", "torbox"]},
        {"preferred_backends": ["nobody"]},
        {"preferred_backends": "torbox"},
        {"preferred_backends": [{}]},
        {"max_file_size_bytes": -1},
        {"max_file_size_bytes": True},
        {"max_file_size_bytes": 10**30},
        {"min_seeds": 1.5},
        {"playback": "loud"},
        [],
        "x",
    ],
)
async def test_wrong_preferences_are_400_and_change_nothing(product: Product, body: object):
    """T53: unknown fields are refused."""
    _, client = await product.user()
    before = (await client.get("/v1/preferences")).json()
    answer = await client.patch("/v1/preferences", json=body)
    assert answer.status_code == 400, answer.text
    assert set(answer.json()) == {"error"}
    assert (await client.get("/v1/preferences")).json() == before


async def test_other_kinds_of_keys_open_nothing_here(product: Product):
    for kind in (KeyKind.MEDIA, KeyKind.PROXY):
        user = await product.installation.users.create(f"other-{kind}")
        _, secret = await product.installation.keys.create(user.id, kind)
        client = await product.client({"authorization": f"Bearer {secret.reveal()}", "x-api-key": secret.reveal()})
        for path in ("/v1/me", "/v1/integrations", "/v1/api-key", "/v1/usage", "/v1/preferences", "/v1/torrents"):
            assert (await client.get(path)).status_code == 401
