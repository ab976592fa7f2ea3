"""Fills an installation with something of everything, named as badly as strangers can."""

import re
from collections.abc import Sequence
from hashlib import sha1
from urllib.parse import urljoin, urlsplit

import aiohttp
import asyncpg
from playwright.async_api import BrowserContext, StorageState, expect
from tests.browser.corpus import BAD, TOGETHER
from tests.browser.site import Site
from tests.house import database

_JOB = """
    INSERT INTO jobs (id, user_id, info_hash, source_kind, source_uri, state, name, size, progress, provider,
        transfer_id, waiting, error, missing, version, created_at, updated_at)
    SELECT gen_random_uuid(), users.id, $1::text, 'torrent', 'magnet:?xt=urn:btih:' || $1::text, $3::text, $2::text,
        1, 0.5, $2, '1', $2, $2, $2, 1, now() - interval '1 hour', now() FROM users WHERE name = 'home'
"""
_FILE = """
    INSERT INTO files (id, job_id, index, path, size, mime_type)
    SELECT gen_random_uuid(), jobs.id, $1, $2, 1000, 'video/webm' FROM jobs WHERE info_hash = $3
"""
_TRACE = """
    INSERT INTO traces (job_id, at, rung, verdict, rule, words)
    SELECT jobs.id, now(), $1::text, 'refused', 'x', $1::text FROM jobs WHERE info_hash = $2
"""
_RENAMED = (
    "UPDATE accounts SET label = $1, reason = $1, token_hint = $1",
    "UPDATE webhook_endpoints SET url = $1, description = $1, reason = $1",
    "UPDATE webhook_deliveries SET url = $1, words = $1, state = 'failed', finished_at = now()",
    "UPDATE webhook_attempts SET words = $1",
    "UPDATE webhook_events SET payload = $1",
    "UPDATE feeds SET name = $1, last_error = $1",
    "UPDATE sessions SET agent = $1, address = $1",
    "UPDATE media_jobs SET url = $1, error = $1, waiting = $1",
    "UPDATE keys SET label = $1",
)
_LINKS = re.compile(r'href="(/app[^"#]*)"')
_ID = re.compile(r"[0-9a-f]{8}-[0-9a-f-]{27}")


async def furnish(site: Site, window: BrowserContext) -> None:
    """Makes what pages show through the product, then renames it past everything that protects the database."""
    page = await window.new_page()
    await page.goto(f"{site.url}/app/accounts")
    # Another one than the other tests connect: they may have been here before.
    await page.get_by_label("Provider").select_option(label="Premiumize")
    await page.get_by_label("API key or token").fill("sandbox-home")
    await page.get_by_role("button", name="Try and connect").click()
    await expect(page.locator(".flash")).to_have_text("The account is connected.")
    await page.goto(f"{site.url}/app/webhooks")
    await page.get_by_label("Address").fill("http://127.0.0.1:9/nobody")
    await page.get_by_role("button", name="Register").click()
    await page.get_by_role("button", name="Send a test").click()
    await expect(page.locator(".flash")).to_contain_text("A test message")
    await page.close()
    await site.server.call("POST", "/jobs", {"url": "http://127.0.0.1:9/film.mp4"}, kind="media")
    await site.server.call("POST", "/v1/feeds", {"name": "A feed", "url": "http://127.0.0.1:9/feed.xml"})
    async with database(site.server) as connection:
        await _rename(connection)


async def _rename(connection: asyncpg.Connection) -> None:
    states = ("ready", "failed", "cancelled")
    for number, name in enumerate(BAD):
        await connection.execute(_JOB, _hash(name), name, states[number % 3])
    first = _hash(BAD[0])
    await connection.executemany(_FILE, [(number, name, first) for number, name in enumerate(BAD)])
    await connection.executemany(_TRACE, [(name, first) for name in BAD])
    await connection.execute(
        "UPDATE jobs SET removed_at = now(), removed_from = 'ready' WHERE info_hash = $1", _hash(BAD[3])
    )
    for statement in _RENAMED:
        await connection.execute(statement, TOGETHER)


def _hash(name: str) -> str:
    return sha1(name.encode(), usedforsecurity=False).hexdigest()


async def every_page(url: str, kept: StorageState) -> tuple[dict[str, str], dict[str, int]]:
    """Every page that links lead to: an address for each kind of page, and the statuses of what is no page."""
    cookies = {cookie["name"]: cookie["value"] for cookie in kept["cookies"]}
    found: dict[str, str] = {}
    broken: dict[str, int] = {}
    async with aiohttp.ClientSession(cookies=cookies) as session:
        waiting = ["/app"]
        while waiting:
            path = waiting.pop(0)
            async with session.get(f"{url}{path}") as answer:
                if answer.status != 200:
                    broken[_kind(path)] = answer.status
                    continue
                if not answer.headers["content-type"].startswith("text/html"):
                    continue
                text = await answer.text()
            found[_kind(path)] = path
            fresh = [link for link in _links(f"{url}{path}", text) if _kind(link) not in found | broken]
            waiting += [
                link
                for link in {_kind(link): link for link in fresh}.values()
                if _kind(link) not in map(_kind, waiting)
            ]
    return found, broken


def _links(base: str, text: str) -> Sequence[str]:
    links = [urlsplit(urljoin(base, link.replace("&amp;", "&"))) for link in _LINKS.findall(text)]
    return [f"{one.path}?{one.query}".rstrip("?") for one in links if not one.path.startswith("/app/static/")]


def _kind(path: str) -> str:
    parts = urlsplit(path)
    return _ID.sub("{id}", parts.path) + ("?" if parts.query and "offset" not in parts.query else "")
