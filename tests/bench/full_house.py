"""An installation with 100,000 of everything that one user's pages show, written past the API."""

import asyncio
from typing import Final

from tests.bench.product import Product
from tests.bench.rows.library_list import fill

from sluicegate.db.connector import Connector
from sluicegate.db.embedded import EmbeddedPostgres

__all__ = ["MANY", "fill_everything"]

MANY: Final = 100_000
_LONG: Final = 5_000
"""Decisions, and files, of one job."""
_APART: Final = 25
"""Seconds between two of the many: all of them are of the last thirty days, which charts show."""

_OURS = "FROM users, generate_series(1, $1) AS n WHERE users.name = 'home'"
_STATEMENTS: Final = (
    f"""
    INSERT INTO media_jobs (id, user_id, url, state, step, options, result, progress, storage, stored_key, attempts,
        version, created_at, updated_at, started_at, finished_at, bytes_done, bytes_total, position, priority, host,
        enqueued_at, reserved_bytes)
    SELECT gen_random_uuid(), users.id, 'https://media.example/watch?v=' || n,
        CASE n % 10 WHEN 0 THEN 'Failed' WHEN 1 THEN 'Skipped' ELSE 'Completed' END, 'Finished',
        '{{"container": "mp4", "folder": "films"}}',
        jsonb_build_object('title', 'A film of the year ' || n, 'description', repeat('words and more words ', 30),
            'file_size', n * 1000, 'total_duration_ms', 4000),
        1, 'local', 'media/' || n || '.mp4', 1, 5, now() - make_interval(secs => n * {_APART} + 90), now(),
        now() - make_interval(secs => n * {_APART} + 60), now() - make_interval(secs => n * {_APART}), n * 1000,
        n * 1000, 0, 0, 'media.example', now() - make_interval(secs => n * {_APART} + 90), 0
    {_OURS}
    """,
    f"""
    INSERT INTO gateway_request_audits (request_id, created_at, addon, addon_proven, user_id, caller_ip, operation,
        method, path, providers, http_status, error_code, duration_ms, upstream_ms)
    SELECT gen_random_uuid(), now() - make_interval(secs => n * {_APART}), 'addon-' || n % 7, true, users.id,
        '127.0.0.1', (ARRAY['cache.check', 'account.get', 'jobs.add', 'jobs.list', 'links'])[1 + n % 5], 'GET',
        '/api/v0.6-beta/canonical', ARRAY['torbox', 'real_debrid'], 200, CASE WHEN n % 20 = 0 THEN 'rg.limited' END,
        20 + n % 50, 15
    {_OURS}
    """,
    """
    INSERT INTO gateway_provider_audits (request_id, position, provider, status, error_code, upstream_code, duration_ms)
    SELECT request_id, one.position, one.provider, 200, CASE WHEN one.position = 1 THEN error_code END, '', 15
    FROM gateway_request_audits, (VALUES (0, 'torbox'), (1, 'real_debrid')) AS one (position, provider)
    WHERE $1 > 0
    """,
    f"""
    WITH told AS (
        INSERT INTO webhook_events (id, user_id, type, payload, created_at)
        SELECT gen_random_uuid(), users.id, 'job_completed', '{{}}', now() - make_interval(secs => n * {_APART})
        {_OURS} RETURNING id, user_id, created_at
    )
    INSERT INTO webhook_deliveries (id, event_id, user_id, url, receiver, state, created_at, next_at, attempts,
        last_status, words)
    SELECT gen_random_uuid(), id, user_id, 'https://hook.example/', md5('hook'), 'delivered', created_at, created_at,
        1, 200, '' FROM told
    """,
    f"""
    INSERT INTO traces (job_id, at, rung, verdict, rule, words, latency_ms)
    SELECT jobs.id, now(), 'torbox (home)', 'skipped', 'not-cached', 'The provider does not have it at once: ' || n, 42
    FROM (SELECT id FROM jobs WHERE size = $1 / 2) AS jobs, generate_series(1, {_LONG}) AS n
    """,
    f"""
    INSERT INTO files (id, job_id, index, path, size, mime_type)
    SELECT gen_random_uuid(), jobs.id, n, 'A film of the year/Season 1/Episode number ' || n || '.mkv', 1000000 + n,
        'video/x-matroska'
    FROM (SELECT id FROM jobs WHERE size = $1 / 2) AS jobs, generate_series(1, {_LONG}) AS n
    """,
    """
    INSERT INTO accounts (id, user_id, provider, label, state, reason, token_hint, sealed_token, created_at)
    SELECT gen_random_uuid(), users.id, one.provider, 'main', 'disabled', '', 'bench', 'x', now()
    FROM users, unnest(ARRAY['torbox', 'realdebrid', 'alldebrid', 'premiumize', 'debridlink']) AS one (provider)
    WHERE users.name = 'home' AND $1 > 0
    """,
    """
    INSERT INTO account_call_days (account_id, day, calls, outcome, count)
    SELECT accounts.id, current_date - back, class.calls, told.outcome, 100 + $1 % 7
    FROM accounts, generate_series(0, 89) AS back,
        unnest(ARRAY['availability', 'link', 'list_page', 'submit_magnet', 'account']) AS class (calls),
        unnest(ARRAY['answered', 'limited', 'failed', 'held']) AS told (outcome)
    """,
    """
    INSERT INTO ledger_calls (account, calls, at)
    SELECT accounts.id::text, 'link', now() + interval '10 minutes' FROM accounts, generate_series(1, 200) AS n
    WHERE $1 > 0
    """,
)


async def fill_everything(product: Product) -> None:
    """Library jobs as ``library_list`` makes them, as many media jobs, gateway calls and webhooks, one long job."""
    await fill(product)
    async with EmbeddedPostgres(product.data / "postgres") as postgres:
        connection = await Connector(embedded=postgres).connect()
        try:
            for statement in _STATEMENTS:
                await connection.execute(statement, MANY, timeout=600)
            # The server and the database do these two by themselves within a minute of so many new rows.
            async with asyncio.timeout(300):
                while await connection.fetchval("SELECT count(*) FROM usage_changes"):
                    await asyncio.sleep(1)
            await connection.execute("VACUUM ANALYZE", timeout=600)
        finally:
            await connection.close()
