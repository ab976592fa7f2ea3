"""All 23 endpoints of the contract, with their aliases: there, described, shut to strangers, one error shape.

Beside it a client as somebody would write it for Toru, in plain HTTP, that walks through the whole API.
"""

import re
from typing import Any

import httpx
import pytest
from tests.surfaces.people.conftest import Product

ID = "00000000-0000-4000-8000-000000000000"

ENDPOINTS: dict[int, list[str]] = {
    1: ["POST /v1/torrents"],
    2: ["GET /v1/torrents"],
    3: [f"GET /v1/torrents/{ID}"],
    4: [f"DELETE /v1/torrents/{ID}"],
    5: [f"POST /v1/torrents/{ID}/sync"],
    6: [f"GET /v1/torrents/{ID}/files/{ID}/stream"],
    7: ["GET /v1/availability?hashes=" + "ab" * 20],
    8: ["GET /v1/integrations"],
    9: ["POST /v1/integrations", "PUT /v1/integrations"],
    10: ["POST /v1/integrations/torbox/test"],
    11: ["DELETE /v1/integrations/torbox"],
    12: ["GET /v1/api-key", "GET /v1/api-keys"],
    13: ["POST /v1/api-key/rotate", "POST /v1/api-keys/rotate"],
    14: ["GET /v1/rss-feeds", "GET /v1/rss"],
    15: ["POST /v1/rss-feeds", "POST /v1/rss"],
    16: [f"PATCH /v1/rss-feeds/{ID}", f"PATCH /v1/rss/{ID}"],
    17: [f"DELETE /v1/rss-feeds/{ID}", f"DELETE /v1/rss/{ID}"],
    18: [f"POST /v1/{name}/{ID}/{verb}" for name in ("rss-feeds", "rss") for verb in ("poll", "fetch", "refresh")],
    19: ["GET /v1/feed.rss?token=TOKEN"],
    20: ["GET /v1/me", "GET /v1/entitlements", "GET /v1/plan"],
    21: ["GET /v1/usage"],
    22: ["GET /v1/preferences"],
    23: ["PATCH /v1/preferences"],
}
OWN_BODY = {"PATCH": {}, "POST": {}, "PUT": {}}
WITH_NOTHING = {1: 400, 3: 404, 4: 404, 5: 404, 6: 404, 9: 400, 10: 404, 11: 404, 15: 400, 16: 404, 17: 404, 18: 404}
"""What a well-formed call without an object of that name, or with an empty body, is answered; the others are 200."""

CASES = [(number, call) for number, calls in ENDPOINTS.items() for call in calls]


def read(call: str) -> tuple[str, str]:
    method, _, target = call.partition(" ")
    return method, target


async def ask(client: httpx.AsyncClient, call: str, token: str = "tu_nothing") -> httpx.Response:
    method, target = read(call)
    body = OWN_BODY.get(method)
    return await client.request(method, target.replace("TOKEN", token), json=body)


@pytest.mark.parametrize(("number", "call"), CASES, ids=[call for _, call in CASES])
async def test_it_is_there_and_answers_its_owner(product: Product, number: int, call: str):
    _, client = await product.user()
    key = client.headers["authorization"].removeprefix("Bearer ")
    answer = await ask(client, call, key)
    assert answer.status_code == WITH_NOTHING.get(number, 200), answer.text
    if answer.status_code >= 400:
        assert set(answer.json()) == {"error"}
        assert answer.json()["error"]


@pytest.mark.parametrize(("number", "call"), CASES, ids=[call for _, call in CASES])
async def test_it_is_shut_to_strangers(product: Product, number: int, call: str):
    """T23: 401 in the contract's shape, before anything that was sent is looked at."""
    for headers in ({}, {"authorization": "Bearer tu_00000000_" + "0" * 32}, {"authorization": "Bearer a.b.c"}):
        answer = await ask(await product.client(headers), call)
        assert answer.status_code == 401, (headers, answer.text)
        if number != 19:
            assert set(answer.json()) == {"error"}


async def test_every_one_is_described(product: Product):
    client = await product.client()
    document = (await client.get("/docs/library/openapi.json")).json()
    described = {
        (method.upper(), re.sub(r"\{\w+\}", "*", path))
        for path, item in document["paths"].items()
        for method in item
        if isinstance(item[method], dict)
    }
    for _, call in CASES:
        method, target = read(call)
        path = target.partition("?")[0].replace(ID, "*").replace("/torbox", "/*")
        assert (method, path) in described, call


async def test_another_user_s_objects_are_unknown(product: Product):
    """T25: every path with an id, with a foreign object behind it: 404 in the same words as for nothing at all."""
    (_, owner), (_, other) = await product.user(), await product.user()
    job = (await owner.post("/v1/torrents", json={"magnet": "b0" * 20})).json()["id"]
    for method, path in (("GET", ""), ("DELETE", ""), ("POST", "/sync"), ("GET", f"/files/{ID}/stream")):
        foreign = await other.request(method, f"/v1/torrents/{job}{path}")
        unknown = await other.request(method, f"/v1/torrents/{ID}{path}")
        assert (foreign.status_code, foreign.content) == (404, unknown.content)
    assert (await owner.get(f"/v1/torrents/{job}")).json()["status"] == "queued"
    for path in ("/v1/integrations", "/v1/rss-feeds", "/v1/torrents"):
        assert (await other.get(path)).json()["items"] == []


class ToruClient:
    """What a client of the contract does, by its reference alone: a base URL and a key."""

    def __init__(self, http: httpx.AsyncClient) -> None:
        self.http = http

    async def call(self, method: str, path: str, body: Any = None, expect: int = 200) -> Any:
        answer = await self.http.request(method, path, json=body)
        assert answer.status_code == expect, f"{method} {path}: {answer.status_code} {answer.text}"
        return answer.json() if answer.content else None


JOB = {"id", "info_hash", "status", "cached_in_store", "external_id", "external_source", "progress_pct", "created_at"}
STATUSES = {"queued", "cached_hit", "downloading", "uploading", "ready", "failed", "cancelled"}


async def test_a_client_of_the_contract_walks_through_it(product: Product):
    """Connect a store, see what is cached, submit, list, look, sync, stream, cancel, feed, rotate, leave."""
    info_hash = "c0ffee" + "0" * 34
    await product.control(
        "content", {"info_hash": info_hash, "name": "A film", "files": [{"path": "film.mkv", "size": 4_194_304}],
                    "cached_on": ["torbox"]},
    )  # fmt: skip
    _, http = await product.user()
    toru = ToruClient(http)
    await toru.call("POST", "/v1/integrations", {"kind": "torbox", "token": "sandbox-walker"}, 201)
    assert await toru.call("POST", "/v1/integrations/torbox/test") == {"ok": True}

    (item,) = (await toru.call("GET", f"/v1/availability?hashes={info_hash.upper()}"))["items"]
    assert (item["info_hash"], item["cached"]) == (info_hash, True)
    assert "torbox" in item["backends"]

    job = await toru.call("POST", "/v1/torrents", {"magnet": f"magnet:?xt=urn:btih:{info_hash}"}, 201)
    assert job.keys() >= JOB
    assert job["status"] in STATUSES
    await product.place(job["id"])
    assert (await toru.call("POST", "/v1/torrents", {"magnet": info_hash}))["id"] == job["id"]
    synced = await toru.call("POST", f"/v1/torrents/{job['id']}/sync")
    assert synced.keys() == {"job", "sync"}
    assert synced["sync"].keys() >= {"action", "backend", "external_id", "note"}

    detail = await toru.call("GET", f"/v1/torrents/{job['id']}")
    assert (detail["status"], detail["cached_in_store"], detail["progress_pct"]) == ("ready", "torbox", 100.0)
    (file,) = detail["files"]
    assert (file["file_index"], file["name"], file["size_bytes"]) == (0, "film.mkv", 4_194_304)
    page = await toru.call("GET", "/v1/torrents?limit=500&offset=0")
    assert (page["limit"], page["offset"], [one["id"] for one in page["items"]]) == (100, 0, [job["id"]])

    stream = await toru.call("GET", f"/v1/torrents/{job['id']}/files/{file['id']}/stream")
    assert stream.keys() == {"url", "expires_in_seconds", "source", "backend", "file"}
    assert (stream["expires_in_seconds"], stream["source"], stream["backend"]) == (900, "upstream", "torbox")
    assert stream["file"] == {"name": "film.mkv", "size": 4_194_304, "mime_type": "video/x-matroska"}
    async with httpx.AsyncClient() as player:
        start = await player.get(stream["url"], headers={"range": "bytes=0-99"})
    assert (start.status_code, len(start.content)) == (206, 100)

    waiting = await toru.call("POST", "/v1/torrents", {"magnet": "d0" * 20}, 201)
    refused = await http.get(f"/v1/torrents/{waiting['id']}/files/{file['id']}/stream")
    assert refused.status_code == 409
    for _ in range(2):
        await toru.call("DELETE", f"/v1/torrents/{waiting['id']}", expect=204)

    feed = await http.get("/v1/feed.rss", params={"token": http.headers["authorization"].removeprefix("Bearer ")})
    assert (feed.status_code, info_hash in feed.text) == (200, True)
    assert feed.headers["content-type"].startswith("application/rss+xml")

    assert (await toru.call("GET", "/v1/usage"))["jobs_submitted"] == 2
    assert (await toru.call("PATCH", "/v1/preferences", {"use_proxy": True}))["use_proxy"] is True
    assert (await toru.call("GET", "/v1/me"))["plan"] == "unlimited"
    await toru.call("DELETE", "/v1/integrations/torbox", expect=204)
    fresh = await toru.call("POST", "/v1/api-key/rotate")
    assert fresh["plaintext"].startswith("tu_")
