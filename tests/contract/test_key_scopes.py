"""A key opens the doors of its kind and no other, wherever it is presented (checklist T32)."""

import asyncio
import re

import aiohttp
import pytest
from tests.contract.test_routes import FOR_STRANGERS, PUBLIC, Operation, operations
from tests.faults.server import Server

__all__ = ["operations"]

_MEDIA = ("/jobs", "/batch", "/metadata", "/usage", "/dashboard", "/user", "/webhooks")
_NOBODY = "00000000-0000-4000-8000-000000000000"
_AT_ONCE = 8

OWN_DOORS = {
    "library": ("/v1", "/stremio"),
    "media": _MEDIA,
    "proxy": (),
    "feed": ("/v1/feed.rss",),
    "stremio": ("/stremio",),
}
"""Where each kind is let in; the gateway, the only door of proxy keys, is no route of the framework."""


@pytest.mark.parametrize("kind", OWN_DOORS)
async def test_a_key_opens_no_foreign_door(house: Server, operations: set[Operation], kind: str):
    """T32."""
    key = await house.key(kind)
    headers = {"Authorization": f"Bearer {key}", "x-api-key": key}
    turns = asyncio.Semaphore(_AT_ONCE)

    async def status(client: aiohttp.ClientSession, method: str, path: str) -> int:
        url = house.url + re.sub(r"\{\w+\}", _NOBODY, path.replace("/stremio/{key}", f"/stremio/{key}"))
        body = {} if method == "POST" else None
        async with (
            turns,
            client.request(
                method, url, headers=headers, params={"token": key, "apikey": key}, json=body, allow_redirects=False
            ) as answer,
        ):
            return answer.status

    foreign = sorted(
        (method, path)
        for method, path in operations
        if path not in PUBLIC | FOR_STRANGERS and not path.startswith(("/app", *OWN_DOORS[kind]))
    )
    assert len(foreign) > 20
    async with aiohttp.ClientSession() as client:
        statuses = await asyncio.gather(*(status(client, method, path) for method, path in foreign))
    opened = [
        f"{method} {path}: {found}" for (method, path), found in zip(foreign, statuses, strict=True) if found != 401
    ]
    assert opened == []
