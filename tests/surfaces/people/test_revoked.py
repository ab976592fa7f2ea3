"""Keys that are revoked, wrong or guessed: the same on every surface (T23, T24, T27, T28)."""

import asyncio
from contextlib import AsyncExitStack
from uuid import uuid4

import httpx
import pytest
from tests.surfaces.people.conftest import Product, running_product

from sluicegate.core.keys import KeyKind
from sluicegate.db.connector import Connector

LIBRARY = [
    "/v1/torrents",
    "/v1/me",
    "/v1/integrations",
    "/v1/gateway/keys",
    "/v1/rss-feeds",
    "/v1/availability?hashes=",
]
MEDIA = ["/jobs"]


async def until_401(client: httpx.AsyncClient, path: str) -> None:
    """The database tells at once; a slow machine may take a moment."""
    async with asyncio.timeout(30):
        while (await client.get(path)).status_code != 401:
            await asyncio.sleep(0.02)


@pytest.mark.parametrize(("kind", "paths"), [(KeyKind.LIBRARY, LIBRARY), (KeyKind.MEDIA, MEDIA)])
async def test_a_revoked_key_stops_on_every_surface(product: Product, kind: KeyKind, paths: list[str]):
    user = await product.installation.users.create(f"user-{uuid4().hex[:8]}")
    key, secret = await product.installation.keys.create(user.id, kind)
    name = "x-api-key" if kind is KeyKind.MEDIA else "authorization"
    value = secret.reveal() if kind is KeyKind.MEDIA else f"Bearer {secret.reveal()}"
    client = await product.client({name: value})
    for path in paths:
        assert (await client.get(path)).status_code not in {401, 500}, path
    await product.installation.keys.revoke(key.id)
    for path in paths:
        await until_401(client, path)


async def test_an_open_event_stream_ends_when_its_key_does(product: Product):
    """T27: at once, long before the next heartbeat; another user's stream goes on."""
    user = await product.installation.users.create(f"user-{uuid4().hex[:8]}")
    key, secret = await product.installation.keys.create(user.id, KeyKind.LIBRARY)
    _, other = await product.user()
    client = await product.client({"authorization": f"Bearer {secret.reveal()}"})
    async with AsyncExitStack() as stack:
        ending = await stack.enter_async_context(client.stream("GET", "/v1/events"))
        staying = await stack.enter_async_context(other.stream("GET", "/v1/events"))
        lines, others = ending.aiter_lines(), staying.aiter_lines()
        assert await anext(lines) == "retry: 2000"
        assert await anext(others) == "retry: 2000"
        await product.installation.keys.revoke(key.id)
        async with asyncio.timeout(10):  # the heartbeat comes after fifteen seconds
            rest = [line async for line in lines]
        assert "event: job" not in rest
        await other.post("/v1/torrents", json={"magnet": "fa" * 20})
        async with asyncio.timeout(30):
            async for line in others:
                if line == "event: job":
                    break


async def test_guessing_ends_in_429_and_locks_nobody_out(server: Connector, sandbox: str):
    """T28: by address, over all surfaces together; a good key behind the same address works on."""
    async with running_product(server, sandbox, wrong_key_rate=10) as product:
        _, good = await product.user()
        statuses = []
        for number in range(14):
            header = {"x-api-key": f"sk_{number:040}"} if number % 2 else {"authorization": f"Bearer tu_{number:041}"}
            client = await product.client(header)
            answer = await client.get("/jobs" if number % 2 else "/v1/torrents")
            statuses.append(answer.status_code)
            if answer.status_code == 429:
                assert int(answer.headers["retry-after"]) >= 1
                assert set(answer.json()) == {"error"}
        assert statuses == [401] * 10 + [429] * 4
        for path in ("/v1/events", "/v1/gateway/keys", "/v1/me"):
            assert (await (await product.client({"authorization": "Bearer tu_x"})).get(path)).status_code == 429
        assert (await good.get("/v1/torrents")).status_code == 200


async def test_the_media_contract_s_sentences(product: Product):
    """Section 1.1 of its sheet fixes both."""
    client = await product.client()
    answer = await client.get("/jobs")
    assert (answer.status_code, answer.json()) == (401, {"error": "Missing x-api-key header"})
    answer = await client.get("/jobs", headers={"x-api-key": "sk_wrong"})
    assert (answer.status_code, answer.json()) == (401, {"error": "Invalid API Key"})


class TestMetrics:
    """T57, T29: the measurements are not for everybody."""

    async def test_near_and_direct(self, product: Product):
        client = await product.client()
        assert (await client.get("/metrics")).status_code == 200

    @pytest.mark.parametrize("name", ["x-forwarded-for", "forwarded", "via", "x-real-ip"])
    async def test_through_a_proxy_nobody_is_near(self, product: Product, name: str):
        client = await product.client({name: "127.0.0.1"})
        answer = await client.get("/metrics")
        assert (answer.status_code, set(answer.json())) == (403, {"error"})

    async def test_by_token_or_not_at_all(self, server: Connector, sandbox: str):
        async with running_product(server, sandbox, metrics_from="", metrics_token="let me see") as product:
            assert (await (await product.client()).get("/metrics")).status_code == 403
            for text, status in (("let me see", 200), ("let me", 403), ("", 403)):
                client = await product.client({"authorization": f"Bearer {text}".strip()})
                assert (await client.get("/metrics")).status_code == status
            assert (await (await product.client()).get("/readyz")).status_code in {200, 503}


STRANGE = [
    "tu_' OR 1=1 --",
    "tu_00000000_' UNION SELECT * FROM keys --",
    "tu_%_%",
    "tu_*)(uid=*",
    "tu_\u0430\u0430\u0430\u0430\u0430\u0430\u0430\u0430_x",
    "tu_\x00",
    "TU_00000000_" + "0" * 32,
    "tu_",
    "tu_" + "x" * 20_000,
    "..",
    "a.b.c",
    "." * 5_000,
]


@pytest.mark.parametrize("text", STRANGE, ids=range(len(STRANGE)))
async def test_keys_with_strange_characters_are_wrong_keys(product: Product, text: str):
    """T26: in the header as far as it takes them, and in the URL of the feed, which takes everything."""
    client = await product.client()
    answer = await client.get("/v1/feed.rss", params={"token": text})
    assert answer.status_code == 401
    if text.isascii() and text.isprintable():
        answer = await client.get("/v1/torrents", headers={"authorization": f"Bearer {text}"})
        assert (answer.status_code, set(answer.json())) == (401, {"error"})
        assert answer.headers["www-authenticate"].startswith("Bearer")
