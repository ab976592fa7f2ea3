"""The whole thing as people run it: a server with the sandbox, the commands, and the example from ``examples/``."""

import asyncio
import json
import secrets
import sys
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from pathlib import Path
from uuid import UUID

import httpx
import pytest
from tests import ready_made
from tests.faults.server import Server
from tests.house import database

from sluicegate.core.gateway import PROVIDERS
from sluicegate.surfaces.gateway.application import BASE

_EXAMPLE = Path(__file__).parents[3] / "examples" / "addon_backend.py"
_MAGNET = "magnet:?xt=urn:btih:" + "5e" * 20
_SECONDS = 150
_SETTINGS = {"SLUICEGATE_SWARM_ENABLED": "false", "SLUICEGATE_LOG_LEVEL": "debug"}


@dataclass
class Shop:
    """A server process, one approved add-on, and one user with an account at every provider."""

    server: Server
    client: httpx.AsyncClient
    token: str
    secret: str = field(default="", repr=False)
    key: str = field(default="", repr=False)
    library_key: str = field(default="", repr=False)

    async def command(self, *arguments: str) -> str:
        return await self.server.cli(*arguments)

    def headers(self, providers: str) -> dict[str, str]:
        return {
            "x-relaygate-provider": providers,
            "x-relaygate-addon-id": "demo",
            "x-relaygate-addon-secret": self.secret,
            "authorization": f"Bearer {self.key}",
        }

    async def ask(self, method: str, path: str, providers: str, **more) -> httpx.Response:
        headers = self.headers(providers) | more.pop("headers", {})
        return await self.client.request(method, self.server.url + BASE + path, headers=headers, **more)

    async def manage(self, method: str, path: str, **more) -> httpx.Response:
        headers = {"authorization": f"Bearer {self.library_key}"}
        return await self.client.request(method, f"{self.server.url}/v1/gateway{path}", headers=headers, **more)

    async def until(self, code: str | None) -> None:
        """Waits until calls are refused with this code, or let in."""
        async with asyncio.timeout(60):
            while (await self.ask("GET", "/canonical/account", "torbox")).json().get("code") != code:
                await asyncio.sleep(0.1)

    async def audited(self, request_id: str) -> None:
        """Waits until the server has written this call down; it does so in batches, off the request's path."""
        async with asyncio.timeout(60), database(self.server) as connection:
            while not await connection.fetchval(
                "SELECT count(*) FROM gateway_request_audits WHERE request_id = $1", UUID(request_id)
            ):
                await asyncio.sleep(0.1)

    async def control(self, what: str, /, **body) -> None:
        (await self.client.post(f"{self.server.sandbox}/_control/{what}", json=body)).raise_for_status()


@pytest.fixture(scope="module")
async def shop() -> AsyncIterator[Shop]:
    with ready_made.open_folder() as home:
        server = Server(home / "data", _SETTINGS)
        async with httpx.AsyncClient(timeout=60) as client:
            await server.start(options=("--sandbox",))
            yield await _furnished(Shop(server, client, "sandbox-" + secrets.token_hex(12)))
            await server.stop()


async def _furnished(shop: Shop) -> Shop:
    await shop.control("clock", rate=20)
    shop.secret, shop.library_key = await asyncio.gather(
        shop.command("addons", "create", "demo"), shop.command("keys", "create", "--user", "home", "--kind", "library")
    )
    await shop.command("addons", "approve", "demo")
    shop.key = (await shop.manage("POST", "/keys", json={"label": "test"})).json()["secret"]
    entries = [{"provider": slug, "token": shop.token} for slug in PROVIDERS]
    for stored in await asyncio.gather(*(shop.manage("POST", "/vault", json=entry) for entry in entries)):
        assert stored.status_code == 201, stored.text
        assert shop.token not in stored.text
    return shop


@pytest.mark.timeout(300)
async def test_the_example_plays_at_every_provider(shop):
    credentials = ("--addon", "demo", "--secret", shop.secret, "--key", shop.key)
    told = await _run(str(_EXAMPLE), "--base", shop.server.url, *credentials, _MAGNET)
    played = dict(line.split(": ", 1) for line in told.splitlines())
    assert list(played) == list(PROVIDERS)
    for url in played.values():
        assert (await shop.client.get(url, headers={"range": "bytes=0-9"})).status_code == 206


async def test_identical_checks_at_the_same_time_are_one_upstream_call(shop):
    hashes = [secrets.token_hex(20) for _ in range(50)]
    await shop.control("faults", provider="torbox", call="*", fault="slow", times=1, seconds=5)
    before = await _checks(shop)
    answers = await asyncio.gather(
        *(shop.ask("POST", "/canonical/torrents/cache-check", "torbox", json={"hashes": hashes}) for _ in range(20))
    )
    for answer in answers:
        items = answer.json()["data"]["torbox"]["data"]["items"]
        assert [item["info_hash"] for item in items] == hashes
    assert await _checks(shop) == before + 1


async def _checks(shop: Shop) -> int:
    calls = (await shop.client.get(f"{shop.server.sandbox}/_control/calls?provider=torbox")).json()["items"]
    return len([call for call in calls if call["path"].endswith("/checkcached")])


async def test_a_secret_stays_inside_whatever_path_it_takes(shop):
    """T34: provider tokens, the add-on's secret, proxy keys and passwords are in no answer, log line or stored row."""
    password = "canary-" + secrets.token_hex(12)
    everybody = ", ".join(PROVIDERS)
    debug = {"x-relaygate-include-provider-response": "true"}
    values = [shop.token, shop.secret, shop.key, shop.library_key, password]
    web = {"kind": "web_fetch", "url": "https://1fichier.com/?canary", "password": password}
    attempts = [
        shop.ask("GET", "/canonical/account", everybody, headers=debug),
        shop.ask("GET", "/canonical/jobs?kind=torrent", everybody, headers=debug),
        shop.ask("POST", "/canonical/jobs", everybody, json={"kind": "torrent", "magnet": _MAGNET}, headers=debug),
        shop.ask("POST", "/canonical/jobs", everybody, json=web, headers=debug),
        shop.ask("POST", "/canonical/jobs", everybody, json=web | {"kind": "usenet"}, headers=debug),
        shop.ask("POST", "/canonical/hoster/links/unlock", everybody, json=web, headers=debug),
        shop.ask(
            "POST", "/canonical/torrents/cache-check", everybody, json={"hashes": ["5e" * 20], "list_files": True}
        ),
        shop.ask("GET", "/proxy/v1/api/user/me", "torbox"),
        shop.ask("GET", "/proxy/v1/api/torrents/requestdl?torrent_id=1&file_id=0", "torbox"),
        shop.ask("GET", "/proxy/no/such/path", "premiumize"),
        # Where credentials land by mistake.
        shop.ask("GET", "/canonical/account", shop.token),
        shop.ask("GET", "/canonical/account", "torbox", headers={"x-relaygate-addon-id": shop.secret}),
        shop.ask("GET", "/canonical/account", "torbox", headers={"x-relaygate-addon-secret": shop.key}),
        shop.ask("GET", "/canonical/account", "torbox", headers={"authorization": f"Bearer {shop.secret}"}),
        shop.ask("GET", "/canonical/account", "torbox", headers={"x-relaygate-provider-api-key": shop.token}),
    ]
    for secret in (shop.secret, shop.key):
        attempts += [
            shop.ask("GET", f"/canonical/jobs/{secret}?kind=torrent&token={secret}", everybody, headers=debug),
            shop.ask("GET", f"/canonical/{secret}", everybody),
            shop.ask("GET", f"/proxy/v1/{secret}?apikey={secret}", "torbox"),
        ]
    await shop.control("faults", provider="torbox", call="*", fault="html", times=2)
    answers = [
        *await asyncio.gather(*attempts),
        await shop.manage("GET", "/history"),
        await shop.manage("GET", "/vault"),
    ]
    told = {f"answer to {answer.request.url}": answer.text + str(answer.headers) for answer in answers}
    told |= {"audit": await shop.command("audit", "export"), "log": shop.server.log()}
    async with database(shop.server) as connection:
        for table in (
            "gateway_request_audits",
            "gateway_provider_audits",
            "addons",
            "addon_secrets",
            "keys",
            "accounts",
        ):
            rows = await connection.fetch(f"SELECT t::text AS row FROM {table} t")
            told[table] = "\n".join(row["row"] for row in rows)
    assert len(told["audit"].splitlines()) >= len(attempts)
    for value in values:
        assert [place for place, text in told.items() if value in text] == []


async def test_operators_see_every_call_and_shut_people_out_at_once(shop):
    spoofed = {"x-forwarded-for": "203.0.113.9", "x-relaygate-addon-secret": "as_wrong"}
    refused = await shop.ask("GET", "/canonical/account", "torbox", headers=spoofed)
    assert refused.json()["code"] == "rg.invalid_developer"
    rule = {"verdict": "deny", "subject": "address", "value": "127.0.0.0/8"}
    made = (await shop.manage("POST", "/policies", json=rule)).json()
    await shop.until("rg.ip_access_denied")
    await shop.manage("DELETE", f"/policies/{made['id']}")
    await shop.until(None)
    await shop.command("addons", "revoke", "demo")
    await shop.until("rg.invalid_developer")
    await shop.audited(refused.headers["x-request-id"])
    calls = json.loads(await shop.command("audit", "list", "--refused", "--json"))
    (call,) = [call for call in calls if call["request_id"] == refused.headers["x-request-id"]]
    assert (call["caller_ip"], call["user_id"], call["addon_proven"]) == ("127.0.0.1", None, False)
    assert "rg.ip_access_denied" in {call["error_code"] for call in calls}


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
