"""Canaries (checklist T34): secrets that are planted everywhere appear nowhere but where they are meant to be."""

import asyncio
import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import aiohttp
import psutil
import pytest
from tests.faults.server import Server
from tests.house import database
from tests.media.site import Site

CANARY = "canary7f3a"


@pytest.fixture(scope="module")
async def answers(house: Server) -> AsyncIterator[list[str]]:
    """What the product answered while canaries went through it, in keys, links, magnets and paths."""
    library, media = await house.key("library"), await house.key("media")
    bearer, api_key = {"Authorization": f"Bearer {library}"}, {"x-api-key": media}
    said: list[str] = []
    with Site.running() as site:
        site.put("/gone", b"", status=410)
        requests: list[tuple[str, str, dict[str, str], Any]] = [
            ("POST", "/v1/torrents", bearer, {"url": f"http://user:{CANARY}1@127.0.0.1/x"}),
            ("POST", "/v1/torrents", bearer, {"url": f"http://10.0.0.1/x?token={CANARY}2"}),
            ("POST", "/v1/torrents", bearer, {"url": f"{site.url}/gone?apikey={CANARY}3"}),
            ("POST", "/v1/torrents", bearer, {"magnet": f"magnet:?xt=urn:btih:{CANARY}4"}),
            ("POST", "/v1/torrents", bearer, {"magnet": "", "password": f"{CANARY}5"}),
            ("POST", "/jobs", api_key, {"url": f"http://user:{CANARY}6@127.0.0.1/x"}),
            ("GET", "/v1/torrents", {"Authorization": f"Bearer tu_{CANARY}7"}, None),
            ("GET", "/jobs", {"x-api-key": f"sk_{CANARY}8"}, None),
            ("GET", f"/bytes/{CANARY}9/film.mkv", {}, None),
            ("GET", f"/nothing?token={CANARY}10", {}, None),
            ("GET", "/v1/torrents?limit=x", bearer, None),
        ]
        async with aiohttp.ClientSession() as session:
            for method, path, headers, body in requests:
                async with session.request(method, house.url + path, headers=headers, json=body) as answer:
                    said.append(await answer.text())
            for path in ("/metrics", "/readyz", "/openapi/openapi.json"):
                async with session.get(house.url + path) as answer:
                    said.append(await answer.text())
        yield said


@pytest.fixture(scope="module")
async def secrets(house: Server) -> list[str]:
    """What must not be found: the canaries, both keys, and the master key."""
    master = (house.data / "master.key").read_text().strip()
    return [CANARY, await house.key("library"), await house.key("media"), master]


async def test_answers_and_metrics(answers: list[str], secrets: list[str]):
    for text in answers:
        assert [secret for secret in secrets if secret in text] == []


async def test_logs_at_their_loudest(house: Server, answers: list[str], secrets: list[str]):
    assert answers
    log = house.log()
    assert "egress.allowed" in log
    assert [secret for secret in secrets if secret in log] == []


async def test_the_database(house: Server, answers: list[str], secrets: list[str]):
    """Every row of every table, as text and as bytes; only what a user handed in as a source may name its own query."""
    assert answers
    async with database(house) as connection:
        tables = await connection.fetch(
            "SELECT quote_ident(table_schema) || '.' || quote_ident(table_name) AS name FROM information_schema.tables "
            "WHERE table_type = 'BASE TABLE' AND table_schema NOT IN ('pg_catalog', 'information_schema')"
        )
        assert len(tables) > 8
        for table in tables:
            rows = await connection.fetch(f"SELECT t::text AS row, to_jsonb(t)::text AS json FROM {table['name']} t")
            for row in rows:
                for secret in secrets:
                    found = {secret, secret.encode().hex()}
                    own_source = table["name"].endswith(".jobs") and secret == CANARY
                    assert own_source or not any(text in row["row"] + row["json"] for text in found), table["name"]


async def test_process_list_and_files(house: Server, answers: list[str], secrets: list[str]):
    assert answers
    assert house.process is not None
    family = [psutil.Process(house.process.pid), *psutil.Process(house.process.pid).children(recursive=True)]
    shown = json.dumps([one.cmdline() for one in family])
    assert [secret for secret in secrets if secret in shown] == []
    assert (house.data / "master.key").stat().st_mode & 0o077 == 0
    folders = [house.data / name for name in ("media", "direct", "swarm", "files")]
    files = [path for folder in folders if folder.exists() for path in folder.rglob("*") if path.is_file()]
    assert await asyncio.to_thread(_holding, files, secrets[1:]) == []


def _holding(files: list[Path], secrets: list[str]) -> list[Path]:
    """Small files that hold a key; large ones are content."""
    small = [path for path in files if path.exists() and path.stat().st_size < 1_000_000]
    return [path for path in small if any(secret.encode() in path.read_bytes() for secret in secrets)]
