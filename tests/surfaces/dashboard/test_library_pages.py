"""The library page: first steps while it is empty, and where jobs come from in words."""

import re
from hashlib import sha1
from uuid import UUID, uuid4

import pytest
from tests.faults.server import Server
from tests.house import database
from tests.surfaces.dashboard.conftest import HOSTILE, Person

_JOB = """
    INSERT INTO jobs (id, user_id, info_hash, source_kind, source_uri, state, name, size, progress, provider,
        transfer_id, waiting, error, missing, version, created_at, updated_at)
    SELECT $1, users.id, $2::text, 'torrent', 'magnet:?xt=urn:btih:' || $2::text, 'ready', $3, 1, 1, $4, '1', '',
        '', '', 1, now(), now()
    FROM users WHERE name = $5
"""


async def job_of(house: Server, person: Person, provider: str) -> UUID:
    """A job that is ready at a provider."""
    job_id = uuid4()
    info_hash = sha1(job_id.bytes, usedforsecurity=False).hexdigest()
    async with database(house) as connection:
        await connection.execute(_JOB, job_id, info_hash, f"from {provider}", provider, person.name)
    return job_id


async def test_an_empty_library_says_what_to_do_first(newcomer: Person, house: Server):
    text = await newcomer.see("/app")
    assert "Three steps to the first film" in text
    assert 'href="/app/accounts"' in text
    await job_of(house, newcomer, "")
    assert "Three steps" not in await newcomer.see("/app")


@pytest.mark.parametrize(
    ("provider", "shown"),
    [
        ("realdebrid", "Real-Debrid"),
        ("swarm", "this server (swarm)"),
        ("direct", "this server (direct)"),
        ("gone", "gone"),
        (HOSTILE, "&lt;script&gt;alert(1)"),
        ("", "not placed yet"),
    ],
)
async def test_jobs_come_from_providers_that_people_know(eve: Person, house: Server, provider: str, shown: str):
    job_id = await job_of(house, eve, provider)
    row = re.search(rf"<tr>\s*<td[^>]*><a href=\"/app/library/{job_id}\">.*?</tr>", await eve.see("/app"), re.DOTALL)
    assert row is not None
    assert shown in row[0] or not provider
    page = await eve.see(f"/app/library/{job_id}")
    assert shown in page
    assert "<script>alert" not in page
