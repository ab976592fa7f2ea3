"""Progress of running media jobs: noted in memory as it comes, written about once a second, all jobs at once."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from typing import Final
from uuid import UUID

from sluicegate.core.errors import SluicegateError
from sluicegate.core.media import MediaProgress
from sluicegate.core.media_events import ProgressStage
from sluicegate.core.media_jobs import MediaJob, MediaNews, MediaStep
from sluicegate.core.ports import UnitOfWorkFactory
from sluicegate.services.media_settling import MediaSettling

__all__ = ["Meter", "ProgressWriter"]

_WRITE_EVERY: Final = 1.0
_ROWS_PER_SECOND: Final = 200
"""Of all jobs of this process together: with hundreds at work each is written less often."""
_SHARE: Final = {MediaStep.DOWNLOADING: (0.0, 0.7), MediaStep.MUXING: (0.7, 0.95), MediaStep.UPLOADING: (0.95, 1.0)}
"""How much of the bar each step takes; a convention for people, not a measurement."""

_BEGINS: Final = {
    MediaStep.DOWNLOADING: ProgressStage.DOWNLOADING,
    MediaStep.MUXING: ProgressStage.MUXING,
    MediaStep.UPLOADING: ProgressStage.UPLOADING,
}
_ENDS: Final = {
    MediaStep.DOWNLOADING: ProgressStage.DOWNLOAD_COMPLETE,
    MediaStep.MUXING: ProgressStage.MUX_COMPLETE,
}


@dataclass(slots=True)
class Meter:
    """The newest progress of the running step; the writer looks at it once a second."""

    step: MediaStep
    fraction: float = 0.0
    done: int = 0
    total: int | None = None
    speed: float | None = None
    written: tuple[int, float] = (0, 0.0)

    def note(self, progress: MediaProgress) -> None:
        """Called by whoever does the work."""
        self.done, self.total, self.speed = progress.done, progress.total, progress.speed
        if progress.fraction is not None:
            self.fraction = max(self.fraction, min(progress.fraction, 1.0))

    @property
    def overall(self) -> float:
        """0.0 to 1.0 over all steps."""
        start, stop = _SHARE[self.step]
        return start + (stop - start) * self.fraction

    def on(self, job: MediaJob) -> MediaJob:
        """The job with this progress, which never goes backwards."""
        progress = max(job.progress, round(self.overall, 4))
        return replace(
            job, step=self.step, progress=progress, bytes_done=self.done, bytes_total=self.total, speed=self.speed
        )

    def news(self, job_id: UUID) -> MediaNews:
        """The same without the job; it counts as written from now on."""
        self.written = (self.done, self.fraction)
        return MediaNews(job_id, self.step, round(self.overall, 4), self.done, self.total, self.speed)

    @property
    def changed(self) -> bool:
        """Whether there is more to tell than was written."""
        return self.written != (self.done, self.fraction)


class ProgressWriter:
    """Writes steps and progress of jobs, and tells the stages they reach."""

    def __init__(self, transactions: UnitOfWorkFactory, settling: MediaSettling) -> None:
        self._transactions = transactions
        self._settling = settling
        self._meters: dict[UUID, Meter] = {}
        self._writing: asyncio.Task[None] | None = None

    @asynccontextmanager
    async def step(self, job_id: UUID, step: MediaStep) -> AsyncIterator[Meter]:
        """The job is in ``step`` inside the block; a block that ends well has completed it."""
        meter = Meter(step)
        await self._write(job_id, meter, _BEGINS[step])
        self._meters[job_id] = meter
        if self._writing is None:
            self._writing = asyncio.create_task(self._write_often())
        try:
            yield meter
        finally:
            del self._meters[job_id]
            if not self._meters:
                self._writing.cancel()
                self._writing = None
        if step in _ENDS:
            await self._write(job_id, meter, _ENDS[step])

    async def _write_often(self) -> None:
        while True:
            await asyncio.sleep(max(_WRITE_EVERY, len(self._meters) / _ROWS_PER_SECOND))
            news = [meter.news(job_id) for job_id, meter in self._meters.items() if meter.changed]
            # The database may be away for a moment; the next look tells more than this one.
            with contextlib.suppress(SluicegateError):  # see above
                if news:
                    async with self._transactions() as tx:
                        await tx.media_jobs.advance(news)

    async def _write(self, job_id: UUID, meter: Meter, stage: ProgressStage) -> None:
        async with self._transactions() as tx:
            job = await tx.media_jobs.get(job_id, lock=True)
            if not job.state.over:
                await self._settling.reached(tx, await tx.media_jobs.update(meter.on(job)), stage)
