"""Two web and two worker processes on one PostgreSQL; one of each is killed under load, and nothing shows for it.

The processes share the database, reached by its address, and the data folder: the engines' downloads, stored files
and the master key live there. Each job runs to its end once, and each event reaches its receiver under one id.
"""

import asyncio
import time
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from aiohttp import web as http
from tests import ready_made
from tests.faults import server as faults_server
from tests.faults.server import Server
from tests.media.conftest import X264, ffmpeg, picture, tone
from tests.media.site import Answer, Site

from sluicegate.core.keys import KeyKind
from sluicegate.core.secrets import Secret
from sluicegate.db.connector import Connector
from sluicegate.db.embedded import EmbeddedPostgres
from sluicegate.services.accounts import NewAccount
from sluicegate.settings import Settings
from sluicegate.wiring.installation import open_installation

JOBS = 8
MEDIA = 4
SECONDS = 300.0

pytestmark = pytest.mark.timeout(900)


class Process(Server):
    """One of several processes; it is given its database by address, and its keys by the test."""


@dataclass
class Receiver:
    """Takes webhooks and remembers each message by its id."""

    url: str = ""
    got: list[tuple[str, str, dict[str, Any]]] = field(default_factory=list)

    async def take(self, request: http.Request) -> http.Response:
        body = await request.json()
        self.got.append((request.headers["webhook-id"], str(body["type"]), body))
        return http.Response(status=204)


@pytest.fixture
async def receiver() -> AsyncIterator[Receiver]:
    taker = Receiver()
    app = http.Application()
    app.router.add_post("/hook", taker.take)
    runner = http.AppRunner(app)
    await runner.setup()
    await http.TCPSite(runner, "127.0.0.1", 0).start()
    taker.url = f"http://127.0.0.1:{runner.addresses[0][1]}/hook"
    yield taker
    await runner.cleanup()


@dataclass
class Fleet:
    """The four processes."""

    webs: list[Process]
    workers: list[Process]
    connector: Connector


@pytest.fixture
async def fleet(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Fleet]:
    monkeypatch.setattr(faults_server, "START_SECONDS", 180.0)  # three of them start at once
    async with AsyncExitStack() as stack:
        home = stack.enter_context(ready_made.open_folder())
        await ready_made.place(home / "postgres")
        postgres = await stack.enter_async_context(EmbeddedPostgres(home / "postgres"))
        environment = {
            "SLUICEGATE_DATABASE_URL": f"postgresql://sluicegate:unused@/postgres?host={postgres.socket_dir}",
            "SLUICEGATE_MEDIA_READERS": "1",
        }
        made = [Process(home / "data", environment) for _ in range(4)]
        try:
            # The first one runs the sandbox; the others find its address in the shared folder.
            await made[0].start(options=("--role", "web", "--sandbox"))
            roles = zip(made[1:], ("web", "worker", "worker"), strict=True)
            await asyncio.gather(*(process.start(options=("--role", role)) for process, role in roles))
            yield Fleet(made[:2], made[2:], Connector(embedded=postgres))
        finally:
            for process in made:
                await process.stop()


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("clip") / "clip.mp4"
    ffmpeg(*picture("320x180", 2), *tone(2), *X264, "-c:a", "aac", path)
    return path


async def test_one_of_each_is_killed_under_load(fleet: Fleet, receiver: Receiver, clip: Path):
    first, second = fleet.webs
    await furnish(fleet, receiver)
    hashes = [f"{number:040x}" for number in range(1, JOBS + 1)]
    with Site.running() as site:
        site.put("/slow.mp4", clip)
        site.answers["/slow.mp4"] = slowly(site.answers["/slow.mp4"])
        accepted = await load(fleet, site, hashes[: JOBS // 2], range(MEDIA // 2))
        # The second web process and one worker die while their jobs are at work.
        await asyncio.gather(second.kill(), fleet.workers[0].kill())
        more = await load(Fleet([first], fleet.workers, fleet.connector), site, hashes[JOBS // 2 :],
                          range(MEDIA // 2, MEDIA))  # fmt: skip
        await all_over(fleet, accepted, more, receiver)
    await each_ran_once(fleet, receiver)


def slowly(answer: Answer) -> Answer:
    """The same answer, a while later, so that a worker dies while it waits."""

    def body() -> bytes:
        time.sleep(2)
        return answer.body() if callable(answer.body) else answer.body

    return replace(answer, body=body)


async def furnish(fleet: Fleet, receiver: Receiver) -> None:
    """One user with an account at the sandbox, an endpoint for webhooks, and keys that both web processes are given."""
    settings = Settings.load(
        data_dir=fleet.webs[0].data,
        database_url=fleet.webs[0].environment["SLUICEGATE_DATABASE_URL"],
        egress_allow="127.0.0.0/8",
    )
    async with open_installation(settings) as installation:
        user = await installation.users.create("home")
        await installation.accounts.add(user.id, NewAccount("torbox", Secret("sandbox-fleet"), "main"))
        await installation.webhooks.add(user.id, receiver.url)
        for kind in (KeyKind.LIBRARY, KeyKind.MEDIA):
            _, secret = await installation.keys.create(user.id, kind)
            for web in fleet.webs:
                web._key[str(kind)] = secret.reveal()


Accepted = tuple[list[str], list[str]]


async def load(fleet: Fleet, site: Site, hashes: list[str], pages: range) -> Accepted:
    """Hands in library and media jobs, through every web process in turn; their ids."""
    library, media = [], []
    for number, info_hash in enumerate(hashes):
        web = fleet.webs[number % len(fleet.webs)]
        status, job = await web.call("POST", "/v1/torrents", {"magnet": f"magnet:?xt=urn:btih:{info_hash}"})
        assert status in {200, 201, 202}, job
        library.append(job["id"])
    for number in pages:
        web = fleet.webs[number % len(fleet.webs)]
        page = site.page(f"/watch/{number}", '<video src="/slow.mp4"></video>')
        status, job = await web.call("POST", "/jobs", {"url": page}, kind="media")
        assert status == 200, job
        media.append(job["job_id"])
    return library, media


async def all_over(fleet: Fleet, accepted: Accepted, more: Accepted, receiver: Receiver) -> None:
    """Every accepted job ends well, asked at the process that is left, and is told of."""
    left = fleet.webs[0]
    for job_id in accepted[0] + more[0]:
        job = await left.until(f"/v1/torrents/{job_id}", "status", {"ready", "failed", "cancelled"}, seconds=SECONDS)
        assert job["status"] == "ready", job
    over = {"Completed", "Failed", "Warning", "Skipped"}
    for job_id in accepted[1] + more[1]:
        job = await left.until(f"/jobs/{job_id}", "status", over, kind="media", seconds=SECONDS)
        assert job["status"] == "Completed", job
    _, listed = await left.call("GET", "/v1/torrents?limit=100")
    assert Counter(job["id"] for job in listed["items"]) == Counter(accepted[0] + more[0])
    async with asyncio.timeout(SECONDS):
        while len({message for message, _, _ in receiver.got}) < await told(fleet):
            await asyncio.sleep(0.2)


async def each_ran_once(fleet: Fleet, receiver: Receiver) -> None:
    """One transfer a torrent at the provider, one stored file a media job, one event of each kind a job."""
    left = fleet.webs[0]
    async with (
        aiohttp.ClientSession() as session,
        session.get(f"{left.sandbox}/_control/transfers?provider=torbox&token=sandbox-fleet") as answer,
    ):
        transfers = (await answer.json())["items"]
    assert Counter(one["info_hash"] for one in transfers) == {f"{number:040x}": 1 for number in range(1, JOBS + 1)}
    stored = [path for path in (left.data / "files" / "media").rglob("*") if path.is_file()]
    assert len(stored) == MEDIA
    connection = await fleet.connector.connect()
    try:
        twice = await connection.fetch(
            "SELECT type, job_id, count(*) FROM webhook_events WHERE type <> 'job_progress' "
            "GROUP BY type, job_id HAVING count(*) > 1"
        )
    finally:
        await connection.close()
    assert twice == []
    by_id = {message: (kind, body) for message, kind, body in receiver.got}
    assert len(by_id) == len({(kind, repr(body)) for kind, body in by_id.values()}), "an event has one id"


async def told(fleet: Fleet) -> int:
    """How many messages the log knows for the endpoint."""
    connection = await fleet.connector.connect()
    try:
        return int(await connection.fetchval("SELECT count(DISTINCT event_id) FROM webhook_deliveries"))
    finally:
        await connection.close()
