"""``sluicegate users``: limits, identities and removal, beside a running server."""

import json
from uuid import uuid4

import aiohttp
import pytest
from tests.faults.server import Server


async def test_limits_are_set_one_by_one_and_taken_away(house: Server):
    name = f"limited-{uuid4().hex[:6]}"
    await house.cli("users", "create", name)
    assert set(json.loads(await house.cli("users", "limit", name, "--json")).values()) == {None}
    await house.cli("users", "limit", name, "--storage-gb", "2.5", "--max-resolution", "1080p", "--concurrent", "3")
    options = ("--max-duration", "3600", "--max-size-gb", "1", "--concurrent", "0", "--json")
    assert json.loads(await house.cli("users", "limit", name, *options)) == {
        "storage_bytes": 2_684_354_560, "concurrent": None, "max_resolution": "1080", "max_duration": 3600,
        "max_bytes": 1 << 30,
    }  # fmt: skip
    with pytest.raises(AssertionError, match="one of"):
        await house.cli("users", "limit", name, "--max-resolution", "999")
    with pytest.raises(AssertionError, match="above zero"):
        await house.cli("users", "limit", name, "--concurrent", "-1")


async def test_a_removed_user_is_out_and_gone(house: Server):
    name = f"leaver-{uuid4().hex[:6]}"
    await house.cli("users", "create", name)
    key = await house.cli("keys", "create", "--user", name)
    await house.cli("users", "link", name, "--issuer", "https://issuer.example", "--subject", name)
    with pytest.raises(AssertionError, match="belongs to a user already"):
        await house.cli("users", "link", name, "--issuer", "https://issuer.example", "--subject", name)
    token = await house.cli("keys", "token", "--user", name, "--minutes", "5")
    async with (
        aiohttp.ClientSession(headers={"Authorization": f"Bearer {token}"}) as session,
        session.get(f"{house.url}/v1/api-key") as answer,
    ):
        assert (await answer.json())["plaintext"] == key
    headers = {"Authorization": f"Bearer {key}"}
    async with aiohttp.ClientSession(headers=headers) as session:
        async with session.get(f"{house.url}/v1/me") as answer:
            assert (await answer.json())["name"] == name
        await house.cli("users", "remove", name, "--yes")
        async with session.get(f"{house.url}/v1/me") as answer:
            assert answer.status == 401
    assert name not in await house.cli("users", "list", "--json")
    with pytest.raises(AssertionError, match="no such user"):
        await house.cli("users", "remove", name, "--yes")
    with pytest.raises(AssertionError, match="Nobody is linked"):
        await house.cli("users", "unlink", "--issuer", "https://issuer.example", "--subject", name)
