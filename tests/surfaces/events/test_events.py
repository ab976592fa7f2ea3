import asyncio
import json
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import AsyncExitStack, aclosing, asynccontextmanager
from dataclasses import dataclass, replace
from uuid import UUID, uuid4

import httpx
import pytest
from litestar import Litestar
from tests.surfaces.serving import serving

from sluicegate.core.clock import SystemClock
from sluicegate.core.jobs import JobState
from sluicegate.core.keys import KeyKind
from sluicegate.core.sources import Magnet
from sluicegate.db.changes import DatabaseChanges
from sluicegate.db.connector import Connector
from sluicegate.db.listener import Listener
from sluicegate.db.unit_of_work import Transactions
from sluicegate.services.keys import KeyService
from sluicegate.services.submit import SubmitService
from sluicegate.services.users import UserService
from sluicegate.services.vault import AesVault
from sluicegate.surfaces.events.routes import router
from sluicegate.surfaces.events.stream import ChangeStream, Seats, Timing


@dataclass
class World:
    url: str
    changes: DatabaseChanges
    transactions: Transactions
    submits: SubmitService
    users: UserService
    keys: KeyService

    async def caller(self) -> tuple[UUID, UUID, dict[str, str]]:
        """A new user: (user id, key id, headers)."""
        user = await self.users.create(f"user-{uuid4().hex[:8]}")
        key, secret = await self.keys.create(user.id, KeyKind.LIBRARY)
        return user.id, key.id, {"authorization": f"Bearer {secret.reveal()}"}

    async def job(self, user_id: UUID) -> UUID:
        job, _ = await self.submits.submit(user_id, Magnet(uuid4().hex + "0" * 8), patience=0)
        return job.id

    async def move(self, job_id: UUID, state: JobState) -> None:
        async with self.transactions() as tx:
            await tx.jobs.update(replace(await tx.jobs.get(job_id, lock=True), state=state))


@pytest.fixture
async def world(
    request: pytest.FixtureRequest, connector: Connector, transactions: Transactions, vault: AesVault
) -> AsyncIterator[World]:
    timing = getattr(request, "param", Timing(heartbeat=0.3))
    clock = SystemClock()
    keys = KeyService(transactions, vault, clock)
    async with Listener(connector) as listener:
        changes = DatabaseChanges(listener)
        app = Litestar([router(changes, keys, timing=timing)], logging_config=None)
        async with serving(app) as url:
            submits = SubmitService(transactions, changes, clock)
            yield World(url, changes, transactions, submits, UserService(transactions, clock), keys)


@asynccontextmanager
async def following(world: World, headers: dict[str, str]) -> AsyncIterator[AsyncIterator[str]]:
    """An open stream whose greeting has arrived: its blocks, one event or comment each."""
    async with AsyncExitStack() as stack:
        client = await stack.enter_async_context(httpx.AsyncClient(base_url=world.url, timeout=60))
        answer = await stack.enter_async_context(client.stream("GET", "/v1/events", headers=headers))
        assert answer.status_code == 200
        assert answer.headers["content-type"] == "text/event-stream; charset=utf-8"
        assert answer.headers["cache-control"] == "no-store"
        blocks = await stack.enter_async_context(aclosing(_blocks(answer)))
        assert await anext(blocks) == "retry: 2000\nevent: following\ndata: {}"
        yield blocks


async def _blocks(answer: httpx.Response) -> AsyncGenerator[str, None]:
    held: list[str] = []
    async for line in answer.aiter_lines():
        if line:
            held.append(line)
        elif held:
            yield "\n".join(held)
            held = []


async def _next_event(blocks: AsyncIterator[str]) -> tuple[str, dict]:
    async for block in blocks:
        if block.startswith("event: "):
            name, data = block.split("\n")
            return name.removeprefix("event: "), json.loads(data.removeprefix("data: "))
    raise AssertionError("the stream ended")


async def test_changes_of_own_jobs_are_told_and_no_others(world):
    user_id, _, headers = await world.caller()
    other_id, _, _ = await world.caller()
    async with following(world, headers) as blocks:
        foreign = await world.job(other_id)
        job_id = await world.job(user_id)
        await world.move(foreign, JobState.DOWNLOADING)
        await world.move(job_id, JobState.DOWNLOADING)
        await world.move(job_id, JobState.READY)
        seen = []
        while not seen or seen[-1][1]["status"] != "ready":
            seen.append(await _next_event(blocks))
    assert {(name, data["kind"], data["id"]) for name, data in seen} == {("job", "job", str(job_id))}
    assert [data["status"] for _, data in seen][-2:] == ["downloading", "ready"]
    versions = [data["version"] for _, data in seen]
    assert versions == sorted(set(versions))


async def test_a_quiet_stream_has_heartbeats(world):
    _, _, headers = await world.caller()
    async with following(world, headers) as blocks:
        assert await anext(blocks) == ": still here"
        assert await anext(blocks) == ": still here"


async def test_a_revoked_key_ends_the_stream(world):
    _, key_id, headers = await world.caller()
    async with following(world, headers) as blocks:
        await world.keys.revoke(key_id)
        async with asyncio.timeout(20):
            rest = [block async for block in blocks]
    assert all(block.startswith(":") for block in rest)


@pytest.mark.parametrize("world", [Timing(heartbeat=0.3, life=1.0)], indirect=True)
async def test_a_stream_ends_after_its_life(world):
    _, _, headers = await world.caller()
    async with following(world, headers) as blocks, asyncio.timeout(20):
        assert [block async for block in blocks]


async def test_streams_are_bounded_and_seats_come_back(world):
    _, _, headers = await world.caller()
    async with AsyncExitStack() as stack:
        for _ in range(16):
            await stack.enter_async_context(following(world, headers))
        async with httpx.AsyncClient(base_url=world.url, timeout=60) as client:
            refused = await client.get("/v1/events", headers=headers)
        assert refused.status_code == 429
        assert refused.headers["retry-after"] == "10"
        assert set(refused.json()) == {"error"}
        _, _, others = await world.caller()
        await stack.enter_async_context(following(world, others))
    async with asyncio.timeout(20):
        while await _status(world, headers) != 200:
            await asyncio.sleep(0.05)


async def _status(world: World, headers: dict[str, str]) -> int:
    async with (
        httpx.AsyncClient(base_url=world.url, timeout=60) as client,
        client.stream("GET", "/v1/events", headers=headers) as answer,
    ):
        return answer.status_code


@pytest.mark.parametrize("authorization", [None, "Bearer", "Basic x", "Bearer tu_abcdefgh_" + "x" * 32])
async def test_nobody_follows_without_a_key(world, authorization):
    headers = {} if authorization is None else {"authorization": authorization}
    async with httpx.AsyncClient(base_url=world.url, headers=headers) as client:
        answer = await client.get("/v1/events")
    assert answer.status_code == 401
    assert set(answer.json()) == {"error"}


async def test_a_client_that_takes_nothing_is_cut_off(world):
    """Spoken to as the server speaks: a ``send`` that never returns is what a full socket looks like."""
    user_id, _, _ = await world.caller()
    sent: list[str] = []

    async def send(message: dict) -> None:
        sent.append(message["type"])
        if message["type"] == "http.response.body":
            await asyncio.Event().wait()

    async def receive() -> dict:
        await asyncio.Event().wait()
        raise AssertionError("unreachable")

    async def check_key() -> None:
        pass

    seats = Seats(per_user=1)
    timing = Timing(heartbeat=0.1, stall=0.3)
    stream = ChangeStream(world.changes, user_id, seats=seats, check_key=check_key, timing=timing)
    async with asyncio.timeout(20):
        await stream({}, receive, send)
    assert sent == ["http.response.start", "http.response.body"]
    with seats.take(user_id):
        pass
