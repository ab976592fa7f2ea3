"""Lists of many jobs, files and decisions: every row on one page and one page alone, each page light."""

import html
import re
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from uuid import UUID, uuid4

import pytest
from tests.faults.server import Server
from tests.house import database
from tests.surfaces.dashboard.conftest import Person

_JOBS = """
    INSERT INTO jobs (id, user_id, info_hash, source_kind, source_uri, state, name, progress, provider, transfer_id,
        waiting, error, version, created_at, updated_at)
    SELECT gen_random_uuid(), users.id, md5(users.name || n) || '00000000', 'torrent', 'magnet:?x', 'ready',
        'job ' || n, 1, '', 't', '', '', 1, CAST($2 AS timestamptz) - make_interval(mins => n / 3), now()
    FROM users, generate_series(1, 60) AS n WHERE users.name = $1
"""
"""Three at a time are of the same moment."""
_MEDIA = """
    INSERT INTO media_jobs (id, user_id, url, state, step, options, result, progress, attempts, version, created_at,
        updated_at, bytes_done, position, priority, host, reserved_bytes)
    SELECT gen_random_uuid(), users.id, 'https://host.example/job ' || n,
        CASE n % 2 WHEN 0 THEN 'Failed' ELSE 'Skipped' END, 'Finished', '{}', '{}', 1, 1, 1,
        CAST($2 AS timestamptz) - make_interval(mins => n / 3), now(), 0, 0, 0, '', 0
    FROM users, generate_series(1, 60) AS n WHERE users.name = $1
"""
_NAMED = re.compile(r"(?:>|/)(job \d+)</a>")


async def _turned(person: Person, path: str, word: str) -> AsyncIterator[str]:
    """The pages from ``path`` on, as a link of that name leads to them."""
    for _ in range(10):
        text = await person.see(path)
        yield text
        found = re.search(rf'<a href="([^"]+)">{word}</a>', text)
        if found is None:
            return
        path = html.unescape(found[1])
    raise AssertionError("the pages have no end")


@pytest.mark.parametrize(
    ("table", "path", "count"),
    [(_JOBS, "/app", 60), (_MEDIA, "/app/media", 60), (_MEDIA, "/app/media?state=Failed", 30)],
)
async def test_older_and_newer_pages_lose_and_repeat_nothing(
    newcomer: Person, house: Server, table: str, path: str, count: int
):
    async with database(house) as connection:
        await connection.execute(table, newcomer.name, datetime.now(UTC) - timedelta(days=1))
    down = [text async for text in _turned(newcomer, path, "Older")]
    names = [_NAMED.findall(text) for text in down]
    assert [len(page) for page in names] == ([25, 25, 10] if count == 60 else [25, 5])
    assert len({name for page in names for name in page}) == count
    back = re.search(r'<a href="([^"]+)">Newer</a>', down[-1])
    assert back is not None
    up = [_NAMED.findall(text) async for text in _turned(newcomer, html.unescape(back[1]), "Newer")]
    assert up == names[-2::-1]
    assert '">Newer</a>' not in down[0]


async def test_a_job_with_many_files_and_decisions_is_told_in_pages(newcomer: Person, eve: Person, house: Server):
    job = await _long_job(house, newcomer.name)
    path = f"/app/library/{job}"
    text = await newcomer.see(path)
    assert len(text.encode()) < 130_000
    assert re.findall(r"decision (\d+)\.", text) == [str(number) for number in range(251, 301)]
    assert re.findall(r'data-label="File">file (\d+)', text) == [str(number) for number in range(100)]
    assert 'name="first_file"' in text
    earlier = await newcomer.see(f"{path}?decisions=250")
    assert re.findall(r"decision (\d+)\.", earlier) == [str(number) for number in range(1, 51)]
    assert "Earlier decisions" not in earlier
    last = await newcomer.see(f"{path}?first_file=200")
    assert re.findall(r'data-label="File">file (\d+)', last) == [str(number) for number in range(200, 250)]
    assert "Files after these" not in last
    refused = (await newcomer.send(f"{path}/store", 422, first_file="200", target="none")).text
    assert 'data-label="File">file 200' in refused
    for wrong in ("first_file=-1", "decisions=x"):
        await newcomer.see(f"{path}?{wrong}", 400)
    await eve.see(path, 404)


async def _long_job(house: Server, name: str) -> UUID:
    job = uuid4()
    async with database(house) as connection:
        await connection.execute(
            """INSERT INTO jobs (id, user_id, info_hash, source_kind, source_uri, state, name, progress, provider,
                transfer_id, waiting, error, version, created_at, updated_at)
            SELECT $1, users.id, md5(users.name) || '00000000', 'torrent', 'magnet:?x', 'ready', 'long', 1, '', 't',
                '', '', 1, now(), now() FROM users WHERE users.name = $2""",
            job, name,
        )  # fmt: skip
        await connection.execute(
            """INSERT INTO traces (job_id, at, rung, verdict, rule, words)
            SELECT $1, now(), 'torbox', 'skipped', 'x', 'decision ' || n || '.' FROM generate_series(1, 300) AS n""",
            job,
        )
        await connection.execute(
            """INSERT INTO files (id, job_id, index, path, size)
            SELECT gen_random_uuid(), $1, n, 'file ' || n, 1 FROM generate_series(0, 249) AS n""",
            job,
        )
    return job
