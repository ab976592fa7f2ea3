"""``serve --sandbox``: commands beside the server find its sandbox, and kill -9 of everything loses nothing of it."""

import hashlib

import aiohttp
from tests.faults.server import Server

HASH = "5e" * 20
TRANSFERS = "/_control/transfers?provider=torbox&token=sandbox-home"


async def test_a_job_at_a_sandboxed_provider_outlives_kill_9(server: Server):
    server.environment["SLUICEGATE_EGRESS_ALLOW"] = ""
    await server.start(options=("--sandbox",))
    first = server.sandbox
    account = await server.cli("accounts", "add", "--provider", "torbox", "--token", "sandbox-home")
    content = {
        "info_hash": HASH,
        "name": "Film",
        "files": [{"path": "film.mkv", "size": 70_000}],
        "cached_on": ["torbox"],
    }
    async with aiohttp.ClientSession() as session:
        async with session.post(first + "/_control/content", json=content) as answer:
            assert answer.status == 200
        status, job = await server.call("POST", "/v1/torrents", {"magnet": f"magnet:?xt=urn:btih:{HASH}"})
        assert status in {200, 201, 202}, job
        await server.until(f"/v1/torrents/{job['id']}", "status", {"ready"})
        await server.kill()
        await server.start(options=("--sandbox",))
        async with session.get(server.sandbox + TRANSFERS) as answer:
            kept = (await answer.json())["items"]
        assert [row["info_hash"] for row in kept] == [HASH]
        assert account in await server.cli("accounts", "list", "--json")
        ready = await server.until(f"/v1/torrents/{job['id']}", "status", {"ready"})
        _, stream = await server.call("GET", f"/v1/torrents/{job['id']}/files/{ready['files'][0]['id']}/stream")
        assert stream["url"].startswith(server.sandbox)
        async with session.get(stream["url"]) as answer:
            digest = hashlib.sha256(await answer.read()).hexdigest()
        async with session.get(f"{server.sandbox}/_control/content/{HASH}") as answer:
            assert (await answer.json())["files"][0]["sha256"] == digest
