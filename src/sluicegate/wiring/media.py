"""The parts of media jobs, put together once per process."""

import contextlib
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Final

from sluicegate.core.blocklist import ContentGate
from sluicegate.core.media_events import MediaEvents
from sluicegate.core.media_queue import Places
from sluicegate.core.media_targets import MediaTargets
from sluicegate.core.ports import Clock, Storages, UnitOfWorkFactory
from sluicegate.net.forward_proxy import ForwardProxy
from sluicegate.net.http import Http
from sluicegate.services.fair_slots import FairSlots
from sluicegate.services.media_batches import MediaBatchService
from sluicegate.services.media_jobs import MediaJobService
from sluicegate.services.media_pages import MediaPageService
from sluicegate.services.media_queue import MediaQueueService
from sluicegate.services.media_run import MediaRunService
from sluicegate.services.media_settling import MediaSettling
from sluicegate.services.media_transactions import PatientTransactions
from sluicegate.services.media_usage import MediaUsageService
from sluicegate.services.media_work import MediaSlots, MediaWork
from sluicegate.services.playback import LinkSigner
from sluicegate.settings import Settings

__all__ = ["MediaParts", "media_parts"]

_GIB: Final = 1 << 30


@dataclass(frozen=True, slots=True)
class MediaParts:
    """What surfaces, tasks and commands need of media jobs."""

    jobs: MediaJobService
    batches: MediaBatchService
    usage: MediaUsageService
    pages: MediaPageService
    queue: MediaQueueService
    run: MediaRunService


@asynccontextmanager
async def media_parts(
    settings: Settings,
    transactions: UnitOfWorkFactory,
    http: Http,
    storages: Storages,
    signer: LinkSigner,
    targets: MediaTargets,
    events: MediaEvents,
    clock: Clock,
    gate: ContentGate,
) -> AsyncIterator[MediaParts]:
    """Makes them; the way out for children is open inside the block."""
    # What children need is loaded only by processes that may start some.
    from sluicegate.media.direct import DirectReader
    from sluicegate.media.extract import extractor_launcher
    from sluicegate.media.warm import WarmChildren
    from sluicegate.media.workshop import Workshop, WorkshopLimits

    async with ForwardProxy(http.egress) as proxy, contextlib.aclosing(WarmChildren(extractor_launcher())) as warm:
        seconds = settings.media_hours_max * 3600
        limits = WorkshopLimits(
            media_bytes=int(settings.download_max_gib * _GIB),
            fetch_seconds=seconds,
            shape_seconds=seconds,
            entries=settings.media_entries_max,
        )
        workshop = Workshop(
            settings.data_dir / "media",
            proxy.lease,
            limits=limits,
            direct=DirectReader(http),
            warm=warm if warm.possible() else None,
        )
        settling = MediaSettling(events, clock)
        cores = os.cpu_count() or 1
        reading = FairSlots(settings.media_readers or max(2 * cores, 4))
        slots = MediaSlots(reading, FairSlots(settings.media_converters or cores), FairSlots(settings.media_uploads))
        patient = PatientTransactions(transactions)
        work = MediaWork(patient, workshop, storages, targets, slots, settling, clock, gate)
        places = Places(settings.media_active, settings.media_per_user, settings.media_per_host)
        yield MediaParts(
            jobs=MediaJobService(transactions, signer, storages, targets, settling, clock, gate),
            batches=MediaBatchService(transactions, settling, clock),
            usage=MediaUsageService(transactions, clock),
            # A few places of their own: requests do not wait behind downloads of hours.
            pages=MediaPageService(workshop, FairSlots(max(cores, 2)), gate),
            queue=MediaQueueService(transactions, places, clock),
            run=MediaRunService(patient, workshop, work, settling, clock),
        )
