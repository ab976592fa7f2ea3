"""The whole thing as people run it: a server with the sandbox, the commands, and the example from ``examples/``."""

import asyncio
import os
import shutil
import sys
import tempfile
from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest

from sluicegate.core.gateway import PROVIDERS

_EXAMPLE = Path(__file__).parents[3] / "examples" / "addon_backend.py"
_MAGNET = "magnet:?xt=urn:btih:" + "5e" * 20
_SECONDS = 150


class Installation:
    """A server process and the commands beside it."""

    def __init__(self, home: Path) -> None:
        self.home = home
        self.url = ""

    async def command(self, *arguments: str) -> str:
        return await _run("-m", "sluicegate", *arguments, "--data-dir", str(self.home))


@pytest.fixture
async def installation() -> AsyncIterator[Installation]:
    # The embedded database runs as a user of its own, who cannot reach pytest's folders.
    home = Path(tempfile.mkdtemp(prefix="sluicegate-gateway-"))
    made = Installation(home)
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "sluicegate", "serve", "--sandbox", "--port", "0", "--data-dir", str(home),
        env=os.environ | {"SLUICEGATE_SWARM_ENABLED": "false"},
        stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.DEVNULL,
    )  # fmt: skip
    try:
        async with asyncio.timeout(60):
            while not made.url:
                line = (await process.stdout.readline()).decode()
                assert line, "the server ended"
                made.url = line.removeprefix("ready ").strip() if line.startswith("ready ") else ""
        yield made
    finally:
        if process.returncode is None:
            process.terminate()
        await process.wait()
        shutil.rmtree(home, ignore_errors=True)


@pytest.mark.timeout(300)
async def test_the_example_plays_at_every_provider_until_it_is_shut_out(installation):
    await installation.command("users", "create", "ann")
    secret = await installation.command("addons", "create", "demo")
    _, key, *_ = await asyncio.gather(
        installation.command("addons", "approve", "demo"),
        installation.command("keys", "create", "--user", "ann", "--kind", "proxy"),
    )
    for provider in PROVIDERS.values():
        await installation.command("accounts", "add", "--user", "ann", "--provider", provider, "--token", "sandbox-ann")
    credentials = ("--addon", "demo", "--secret", secret, "--key", key)
    told = await _run(str(_EXAMPLE), "--base", installation.url, *credentials, _MAGNET)
    played = dict(line.split(": ", 1) for line in told.splitlines())
    assert list(played) == list(PROVIDERS)
    async with httpx.AsyncClient(timeout=30) as client:
        for url in played.values():
            assert (await client.get(url, headers={"range": "bytes=0-9"})).status_code == 206
        headers = {
            "x-relaygate-provider": "torbox",
            "x-relaygate-addon-id": "demo",
            "x-relaygate-addon-secret": secret,
            "authorization": f"Bearer {key}",
        }
        account = installation.url + "/api/v0.6-beta/canonical/account"
        rule = await installation.command("policies", "deny", "--user", "ann", "--address", "127.0.0.0/8")
        assert (await client.get(account, headers=headers)).json()["code"] == "rg.ip_access_denied"
        await installation.command("policies", "remove", rule)
        assert (await client.get(account, headers=headers)).status_code == 200
        await installation.command("addons", "revoke", "demo")
        assert (await client.get(account, headers=headers)).json()["code"] == "rg.invalid_developer"


async def _run(*arguments: str) -> str:
    """Standard output of a Python process that must succeed."""
    process = await asyncio.create_subprocess_exec(
        sys.executable, *arguments, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE
    )
    try:
        async with asyncio.timeout(_SECONDS):
            output, errors = await process.communicate()
    except TimeoutError:
        process.kill()
        await process.wait()
        raise
    assert process.returncode == 0, (arguments[:4], errors.decode()[-2000:], output.decode())
    return output.decode().strip()
