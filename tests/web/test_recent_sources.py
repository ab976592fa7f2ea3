import asyncio
from uuid import uuid4

import pytest
from tests.web.serving import Source

from sluicegate.core.byte_source import ByteSource
from sluicegate.core.errors import NotReady
from sluicegate.surfaces.bytes.recent_sources import RecentSources
from sluicegate.web.signing import Grant


def grant() -> Grant:
    return Grant(uuid4(), "job", uuid4(), str(uuid4()), 0)


class Service:
    def __init__(self) -> None:
        self.asked: list[Grant] = []
        self.error: Exception | None = None
        self.gate = asyncio.Event()
        self.gate.set()

    async def open(self, wanted: Grant) -> ByteSource:
        self.asked.append(wanted)
        await self.gate.wait()
        if self.error is not None:
            raise self.error
        return Source(1)


async def test_a_burst_asks_once_and_every_file_for_itself() -> None:
    service, one, other = Service(), grant(), grant()
    recent = RecentSources(service.open)
    service.gate.clear()
    burst = [asyncio.create_task(recent.get(one)) for _ in range(16)]
    await asyncio.sleep(0)
    service.gate.set()
    assert len({id(source) for source in await asyncio.gather(*burst)}) == 1
    await recent.get(other)
    assert service.asked == [one, other]


async def test_what_was_opened_goes_stale() -> None:
    service, one = Service(), grant()
    recent = RecentSources(service.open, fresh=0.05)
    await recent.get(one)
    await recent.get(one)
    await asyncio.sleep(0.06)
    await recent.get(one)
    assert len(service.asked) == 2


async def test_an_error_is_asked_about_again() -> None:
    service, one = Service(), grant()
    recent = RecentSources(service.open)
    service.error = NotReady()
    with pytest.raises(NotReady):
        await recent.get(one)
    service.error = None
    assert await recent.get(one)


async def test_withdrawn_rights_are_asked_about_at_once() -> None:
    service, one, other = Service(), grant(), grant()
    recent = RecentSources(service.open)
    await recent.get(one)
    await recent.get(other)
    recent.forget(one.user_id)
    await recent.get(one)
    await recent.get(other)
    assert service.asked == [one, other, one]


async def test_the_first_to_ask_may_go() -> None:
    service, one = Service(), grant()
    recent = RecentSources(service.open)
    service.gate.clear()
    first, second = (asyncio.create_task(recent.get(one)) for _ in range(2))
    await asyncio.sleep(0)
    first.cancel()
    await asyncio.wait([first])
    service.gate.set()
    assert await second
    assert len(service.asked) == 1


async def test_the_memory_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sluicegate.surfaces.bytes.recent_sources._ENTRIES_MAX", 5)
    recent = RecentSources(Service().open)
    for _ in range(20):
        await recent.get(grant())
    assert len(recent._entries) == 5
