"""The operator's blocklist on the running product: refused everywhere, before any provider is asked."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from tests import launching, ready_made
from tests.faults.server import Server
from tests.feeds.samples import item, rss
from tests.net.wire import Remote, answer, listen

BLOCKED = "b10c" * 10
RULES = f"""\
# hashes, hosts, names
hash {BLOCKED}
host blocked.example
name (?i)\\bforbidden\\b
name [unclosed
"""


@dataclass
class Guarded:
    """A server with a blocklist and a sandbox, and how to talk to both."""

    server: Server
    rules: Path
    remote: Remote
    addon_secret: str

    async def control(self, method: str, path: str, body: object = None) -> Any:
        async with (
            aiohttp.ClientSession() as session,
            session.request(method, f"{self.server.sandbox}/_control{path}", json=body) as answered,
        ):
            return await answered.json()

    async def calls(self) -> list[Any]:
        """What providers were asked, but for looks at the account."""
        return [call for call in (await self.control("GET", "/calls"))["items"] if "user" not in call["path"]]

    async def gateway(self, method: str, path: str, body: object) -> tuple[int, str]:
        headers = {
            "Authorization": f"Bearer {await self.server.key('proxy')}",
            "X-Relaygate-Addon-Id": "test-addon",
            "X-Relaygate-Addon-Secret": self.addon_secret,
            "X-Relaygate-Provider": "torbox",
        }
        async with (
            aiohttp.ClientSession() as session,
            session.request(method, f"{self.server.url}/api/v0.6-beta{path}", json=body, headers=headers) as answered,
        ):
            return answered.status, await answered.text()


@pytest.fixture(scope="module")
async def guarded() -> AsyncIterator[Guarded]:
    with ready_made.open_folder() as home:
        rules = home / "blocklist.txt"
        rules.write_text(RULES)
        server = Server(home / "data", {"SLUICEGATE_BLOCKLIST": str(rules), "SLUICEGATE_SWARM_ENABLED": "false"})
        async with listen() as remote:
            try:
                await server.start(options=("--sandbox",))
                await server.cli("accounts", "add", "--user", "home", "--provider", "torbox", "--token", "sandbox-home")
                secret = await server.cli("addons", "create", "test-addon")
                await server.cli("addons", "approve", "test-addon")
                yield Guarded(server, rules, remote, secret)
            finally:
                await server.stop()


async def test_nothing_that_is_listed_reaches_a_provider(guarded: Guarded):
    """Checklist T60, on every surface; the sandbox's tap counts the calls."""
    before = await guarded.calls()
    for body in (
        {"magnet": f"magnet:?xt=urn:btih:{BLOCKED}"},
        {"magnet": BLOCKED.upper()},
        {"magnet": "magnet:?xt=urn:btih:" + "1f" * 20 + "&dn=Some.FORBIDDEN.Film"},
        {"magnet": "magnet:?xt=urn:btih:" + "2f" * 20 + "&ws=http://blocked.example/file"},
        {"url": "https://files.blocked.example./f"},
        {"url": "https://elsewhere.example/some%20forbidden%20file.zip"},
    ):
        status, refused = await guarded.server.call("POST", "/v1/torrents", body)
        assert (status, "blocklist" in refused["error"]) == (422, True), (body, refused)
    for link in ("https://blocked.example/watch?v=1", "https://a.blocked.example/x.mp4"):
        status, refused = await guarded.server.call("POST", "/jobs", {"url": link}, kind="media")
        assert (status, "blocklist" in refused["error"]) == (400, True), refused
    status, refused_text = await guarded.gateway(
        "POST", "/canonical/jobs", {"kind": "torrent", "magnet": f"magnet:?xt=urn:btih:{BLOCKED}"}
    )
    assert (status, "blocklist" in refused_text) == (400, True), refused_text
    status, refused_text = await guarded.gateway(
        "POST", "/canonical/hoster/links/unlock", {"url": "https://blocked.example/f"}
    )
    assert (status, "blocklist" in refused_text) == (400, True), refused_text
    assert await guarded.calls() == before
    assert (await guarded.server.call("GET", "/v1/torrents"))[1]["items"] == []
    assert (await guarded.server.call("GET", "/jobs", kind="media"))[1].get("jobs", []) == []


async def test_a_feed_does_not_grab_what_is_listed_nor_fetch_its_files(guarded: Guarded):
    url = guarded.remote.url
    guarded.remote.scripts["/feed"] = answer(
        rss(
            item("Forbidden by title", magnet="", extra=f"<link>{url('/a.torrent')}</link>"),
            item("By hash", magnet=f"magnet:?xt=urn:btih:{BLOCKED}"),
            item("By host", magnet="", extra="<link>https://blocked.example/a.torrent</link>"),
        )
    )
    _, made = await guarded.server.call("POST", "/v1/rss-feeds", {"name": "f", "url": url("/feed")})
    with suppress(KeyError):
        await guarded.server.call("POST", f"/v1/rss-feeds/{made['id']}/poll")
    async with asyncio.timeout(60):
        while not (seen := (await guarded.server.call("GET", f"/v1/rss-feeds/{made['id']}/items"))[1]["items"]):
            await asyncio.sleep(0.2)
    assert {one["verdict"] for one in seen} == {"refused"}
    assert all("blocklist" in one["reason"] for one in seen)
    assert {request.path for request in guarded.remote.received} == {"/feed"}


async def test_a_name_that_becomes_known_later_stops_the_job_and_deletes_nothing(guarded: Guarded):
    info_hash = "3f" * 20
    files = [{"path": "file.mkv", "size": 1000}]
    await guarded.control(
        "POST",
        "/content",
        {"info_hash": info_hash, "name": "A.Forbidden.Film", "files": files, "seconds_to_ready": 1},
    )
    _, job = await guarded.server.call("POST", "/v1/torrents", {"magnet": info_hash})
    ended = await guarded.server.until(f"/v1/torrents/{job['id']}", "status", {"failed", "ready"})
    assert (ended["status"], ended["error_code"]) == ("failed", "content_blocked")
    assert "its name is on the blocklist (rule in line 4)" in ended["error"]
    held = await guarded.control("GET", "/transfers?provider=torbox&token=sandbox-home")
    assert [one["info_hash"] for one in held["items"] if one["info_hash"] == info_hash] == [info_hash]
    assert [call for call in await guarded.calls() if call["method"] == "DELETE"] == []


async def test_a_list_that_grows_stops_what_runs_and_what_plays(guarded: Guarded):
    ready, slow = "4f" * 20, "5f" * 20
    for info_hash, name, seconds in ((ready, "Fine", 0), (slow, "Slow", 9_000)):
        content = {"info_hash": info_hash, "name": name, "files": [{"path": "f.mkv", "size": 1000}]}
        await guarded.control("POST", "/content", content | {"seconds_to_ready": seconds})
    jobs = [(await guarded.server.call("POST", "/v1/torrents", {"magnet": one}))[1] for one in (ready, slow)]
    done = await guarded.server.until(f"/v1/torrents/{jobs[0]['id']}", "status", {"ready"})
    stream = f"/v1/torrents/{done['id']}/files/{done['files'][0]['id']}/stream"
    assert (await guarded.server.call("GET", stream))[0] == 200
    guarded.rules.write_text(f"{RULES}\n{ready}\n{slow}\n")
    ended = await guarded.server.until(f"/v1/torrents/{jobs[1]['id']}", "status", {"failed"})
    assert ended["error_code"] == "content_blocked"
    status, refused = await guarded.server.call("GET", stream)
    assert (status, "blocklist" in refused["error"]) == (422, True)


async def test_the_commands_list_test_and_reload(guarded: Guarded):
    async def run(*arguments: str) -> tuple[int, str]:
        rules = str(guarded.rules)
        outcome = await launching.run("blocklist", *arguments, data=guarded.server.data, SLUICEGATE_BLOCKLIST=rules)
        return outcome.code, outcome.out + outcome.err

    code, shown = await run("reload")
    assert (code, "line 5" in shown) == (0, True), shown
    assert (await run("list", "--json"))[0] == 0
    assert [(await run("test", text))[0] for text in (BLOCKED, "https://blocked.example/x", "so forbidden")] == [
        4,
        4,
        4,
    ]
    assert await run("test", "Something.Else.1080p") == (0, "not blocked\n")
