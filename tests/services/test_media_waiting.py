"""A media job on a full disk, at a busy host, or before its broadcast waits with a reason instead of failing."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from uuid import UUID

import pytest
from tests.db.samples import a_media_job, a_user
from tests.media.site import Site

from sluicegate.core.clock import SystemClock
from sluicegate.core.errors import NotReady, StorageFull, StorageUnavailable
from sluicegate.core.media_events import NoMediaEvents
from sluicegate.core.media_jobs import MediaJob, MediaOptions, MediaState
from sluicegate.core.media_targets import LocalTargets
from sluicegate.core.storage import Opener, StoredObject, UploadLog
from sluicegate.db.unit_of_work import Transactions
from sluicegate.media.direct import DirectReader
from sluicegate.media.workshop import Workshop, WorkshopLimits
from sluicegate.net.egress import Egress, EgressPolicy
from sluicegate.net.forward_proxy import ForwardProxy
from sluicegate.net.http import Http
from sluicegate.services.fair_slots import FairSlots
from sluicegate.services.media_run import MediaRunService
from sluicegate.services.media_settling import MediaSettling
from sluicegate.services.media_work import MediaSlots, MediaWork
from sluicegate.storages.memory import MemoryStorage
from sluicegate.wiring.registry import StorageRegistry


class Full(MemoryStorage):
    """This machine's disk without room."""

    async def adopt(self, key: str, path: Path, *, size: int) -> StoredObject:
        raise StorageFull("The disk is full.")


class Away(MemoryStorage):
    """A bucket that does not answer."""

    async def adopt(self, key: str, path: Path, *, size: int) -> StoredObject:
        raise StorageUnavailable("The storage is away.", retry_after=0.01)


class Counting(MemoryStorage):
    """A bucket that knows how many uploads there were at the same time."""

    now = most = 0

    def __init__(self) -> None:
        super().__init__()
        self.both = asyncio.Event()

    async def send(self, key: str, source: Opener, *, size: int | None, log: UploadLog) -> StoredObject:
        self.now += 1
        self.most = max(self.most, self.now)
        if self.now == 2:
            self.both.set()
        await self.both.wait()
        await asyncio.sleep(0.3)  # time for a third one, if it could come
        try:
            return await super().send(key, source, size=size, log=log)
        finally:
            self.now -= 1


@asynccontextmanager
async def running(
    transactions: Transactions, folder: Path, storage: MemoryStorage, *, reserve: int = 0
) -> AsyncIterator[MediaRunService]:
    egress = Egress(EgressPolicy.parse("127.0.0.1"))
    http = Http(egress)
    clock = SystemClock()
    settling = MediaSettling(NoMediaEvents(), clock)
    async with ForwardProxy(egress) as proxy:
        limits = WorkshopLimits(disk_reserve=reserve, probe_seconds=60, fetch_seconds=60, shape_seconds=60)
        workshop = Workshop(folder / "rooms", proxy.lease, limits=limits, direct=DirectReader(http))
        slots = MediaSlots(FairSlots(2), FairSlots(2), FairSlots(2))
        storages = StorageRegistry({"local": storage, "bucket": storage})
        work = MediaWork(transactions, workshop, storages, LocalTargets(), slots, settling, clock)
        yield MediaRunService(transactions, workshop, work, settling, clock)
    await http.aclose()
    egress.close()


async def admitted(transactions: Transactions, url: str, **fields: object) -> MediaJob:
    user = await a_user(transactions)
    now = datetime.now(UTC)
    options = {"options": MediaOptions(), "enqueued_at": now, "admitted_at": now, "storage": "local"}
    job = a_media_job(user.id, url=url, **(options | fields))
    async with transactions() as tx:
        await tx.media_jobs.add(job)
    return job


async def found(transactions: Transactions, job_id: UUID) -> MediaJob:
    async with transactions() as tx:
        return await tx.media_jobs.get(job_id)


@pytest.fixture
def film(tmp_path: Path) -> bytes:
    return bytes.fromhex("0000001c66747970") + b"isom" + bytes(50_000)


@pytest.mark.parametrize(
    ("options", "reserve"),
    [(MediaOptions(), 0), (MediaOptions(), 1 << 60), (MediaOptions(container="mkv"), 1 << 60)],
    ids=["storage", "file on its way", "work folder"],
)
async def test_a_full_disk_lets_the_job_wait(
    transactions: Transactions, tmp_path: Path, film: bytes, options: MediaOptions, reserve: int
):
    with Site.running() as site:
        job = await admitted(transactions, site.put("/film.mp4", film), options=options)
        async with running(transactions, tmp_path, Full(), reserve=reserve) as media:
            await media.run(job.id)
    after = await found(transactions, job.id)
    assert (after.state, after.attempts, after.admitted_at) == (MediaState.PROCESSING, 0, None)
    assert after.not_before is not None
    assert "when there is room" in (after.waiting or "")


async def test_a_storage_that_is_away_is_tried_again_with_a_reason_and_then_fails(
    transactions: Transactions, tmp_path: Path, film: bytes, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr("sluicegate.services.patience._PAUSES", (0.0, 0.0))
    with Site.running() as site:
        job = await admitted(transactions, site.put("/film.mp4", film))
        async with running(transactions, tmp_path, Away()) as media:
            for attempt in range(1, 4):
                await media.run(job.id)
                waits = await found(transactions, job.id)
                assert waits.waiting == f"The storage is away. Try {attempt + 1} of 4 follows."
                async with transactions() as tx:
                    await tx.media_queue.admit([job.id], datetime.now(UTC))
            await media.run(job.id)
    after = await found(transactions, job.id)
    assert (after.state, after.error_code) == (MediaState.FAILED, "storage_unavailable")
    assert after.finished_at is not None


async def test_a_job_without_a_place_is_left_alone(transactions: Transactions, tmp_path: Path):
    job = await admitted(transactions, "http://127.0.0.1:9/x", admitted_at=None)
    async with running(transactions, tmp_path, MemoryStorage()) as media:
        await media.run(job.id)
    assert (await found(transactions, job.id)).state is MediaState.PENDING


@pytest.mark.parametrize("patient", [True, False])
async def test_a_broadcast_to_come_is_waited_for_when_asked(
    transactions: Transactions, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, patient: bool
):
    async def to_come(*_: object) -> None:
        raise NotReady("It begins later.", retry_after=120.0)

    monkeypatch.setattr("sluicegate.media.workshop.extract", to_come)
    with Site.running() as site:
        page = site.page("/live", "<p>soon</p>")
        job = await admitted(transactions, page, options=MediaOptions(wait_for_video=patient))
        async with running(transactions, tmp_path, MemoryStorage()) as media:
            before = datetime.now(UTC)
            await media.run(job.id)
    after = await found(transactions, job.id)
    if patient:
        assert (after.state, after.waiting, after.attempts) == (MediaState.PROCESSING, "It begins later.", 0)
        assert after.not_before is not None
        assert after.not_before - before >= timedelta(seconds=120)
    else:
        assert (after.state, after.waiting) == (MediaState.WARNING, None)
        assert "wait_for_video" in (after.error or "")


async def test_plain_files_go_into_buckets_a_few_at_a_time(transactions: Transactions, tmp_path: Path, film: bytes):
    bucket = Counting()
    with Site.running() as site:
        url = site.put("/film.mp4", film)
        jobs = [await admitted(transactions, url, storage="bucket") for _ in range(5)]
        async with running(transactions, tmp_path, bucket) as media:
            await asyncio.gather(*(media.run(job.id) for job in jobs))
    ended = [await found(transactions, job.id) for job in jobs]
    assert {job.state for job in ended} == {MediaState.COMPLETED}
    assert bucket.most == 2
    assert all(job.result.upload_wait_ms is not None for job in ended)
