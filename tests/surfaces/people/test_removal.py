"""Removing a user: everything that is theirs goes, and nobody else notices (T59)."""

import asyncio
from dataclasses import replace
from uuid import UUID, uuid4

import pytest
from tests.surfaces.people.conftest import Product

from sluicegate.core.errors import NotFound
from sluicegate.core.files import JobFile
from sluicegate.core.jobs import JobState
from sluicegate.core.keys import KeyKind
from sluicegate.core.users import UserLimits
from sluicegate.db.connector import Connector


async def stored(product: Product, client, seed: str, key: str) -> str:
    """A ready job of this user with one stored file."""
    job_id = UUID((await client.post("/v1/torrents", json={"magnet": seed})).json()["id"])
    storage = product.installation.storages.get("local")

    async def content():
        yield b"bytes"

    await storage.write(key, content(), size=5)
    async with product.installation.database.transactions() as tx:
        job = await tx.jobs.get(job_id, lock=True)
        await tx.jobs.update(replace(job, state=JobState.READY, progress=1.0))
        await tx.files.replace(job_id, [JobFile(uuid4(), job_id, 0, "film.mkv", 5)])
        (file,) = await tx.files.page(job_id)
        await tx.files.stored(file.id, storage="local", key=key, size=5)
    return str(job_id)


async def rows_naming(product: Product, user_id: object) -> dict[str, int]:
    """How many rows of each table name this user anywhere."""
    connection = await Connector(url=product.settings.database_url.get_secret_value()).connect()  # type: ignore[union-attr]
    try:
        tables = await connection.fetch(
            "SELECT table_schema || '.' || table_name AS name FROM information_schema.tables "
            "WHERE table_type = 'BASE TABLE' AND table_schema = 'public'"
        )
        found = {}
        for table in tables:
            count = await connection.fetchval(
                f"SELECT count(*) FROM {table['name']} t WHERE t::text LIKE '%' || $1 || '%'", str(user_id)
            )
            found[table["name"]] = count
        return {name: count for name, count in found.items() if count}
    finally:
        await connection.close()


async def test_everything_goes_and_others_keep_theirs(product: Product):
    installation = product.installation
    (leaver, client), (stayer, other) = await product.user(), await product.user()
    media = await product.client_of(leaver, KeyKind.MEDIA)
    await client.post("/v1/integrations", json={"kind": "torbox", "token": f"sandbox-{leaver}"})
    await client.patch("/v1/preferences", json={"use_proxy": True, "min_seeds": 3})
    await client.post("/v1/gateway/keys", json={"label": "x"}, headers={"idempotency-key": "k"})
    await client.post("/v1/gateway/policies", json={"verdict": "deny", "subject": "addon", "value": "abc"})
    await media.post("/jobs", json={"url": "https://example.com/v"})
    await installation.users.limit(leaver, UserLimits(concurrent=1))
    await installation.people.identities.link(leaver, "https://issuer.example", str(leaver))
    own, shared = f"torrents/{uuid4().hex}/own.mkv", f"torrents/{uuid4().hex}/shared.mkv"
    await stored(product, client, "a1" * 20, own)
    await stored(product, client, "a2" * 20, shared)
    kept = await stored(product, other, "a2" * 20, shared)
    waiting = (await client.post("/v1/torrents", json={"magnet": "a3" * 20})).json()["id"]
    assert (await rows_naming(product, leaver)).keys() >= {"public.users", "public.keys", "public.accounts"}

    assert await installation.users.remove(leaver, installation.storages) == 1
    assert await rows_naming(product, leaver) == {}
    storage = installation.storages.get("local")
    assert (await storage.stat(shared)).size == 5
    assert not (installation.settings.data_dir / "files" / own).exists()
    for gone in (client, media):
        async with asyncio.timeout(30):
            while (await gone.get("/jobs" if gone is media else "/v1/torrents")).status_code != 401:
                await asyncio.sleep(0.02)
    assert (await other.get(f"/v1/torrents/{kept}")).json()["status"] == "ready"
    assert (await other.get(f"/v1/torrents/{waiting}")).status_code == 404
    assert (await installation.users.get(stayer)).id == stayer
    with pytest.raises(NotFound):
        await installation.users.remove(leaver, installation.storages)


async def test_files_stay_when_they_shall(product: Product):
    user_id, client = await product.user()
    key = f"torrents/{uuid4().hex}/kept.mkv"
    await stored(product, client, "a4" * 20, key)
    assert await product.installation.users.remove(user_id, None) == 0
    assert (await product.installation.storages.get("local").stat(key)).size == 5
