"""The worker of a process: the handlers it registers, the limits it keeps, and what runs beside them."""

import asyncio
import logging
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Final
from uuid import UUID

from sluicegate.core.tasks import Handler
from sluicegate.db.task_run import Exhausted
from sluicegate.net.webhook_posts import WebhookPosts
from sluicegate.services.media_run import MediaRunService
from sluicegate.services.task_kinds import (
    DELIVER,
    DELIVER_SWEEP,
    ENGINE_PLACE,
    ENGINE_RECASCADE,
    ENGINE_STORE,
    FEED,
    MAIL,
    MEDIA,
    PLACE,
    RECASCADE,
    WEBHOOK,
)
from sluicegate.services.webhook_delivery import WebhookDelivery
from sluicegate.tasks import blocklist, deliver, feeds, mail, media, place, store, sweep, sync, tombstones, webhooks
from sluicegate.wiring.cascade_rules import cascade_rules
from sluicegate.wiring.engines import engines_if_free
from sluicegate.wiring.installation import Installation
from sluicegate.wiring.takeover import standing_by_for_engines

if TYPE_CHECKING:
    from sluicegate.db.worker import Worker

__all__ = ["running_worker"]

_SWEEP_SECONDS: Final = 30.0
_ERASE_SECONDS: Final = 300.0
_DUE_SECONDS: Final = 5.0
_PRUNE_SECONDS: Final = 3600.0
_MAIL_SECONDS: Final = 60.0
_DUE_FEEDS_SECONDS: Final = 15.0
_BLOCKLIST_SECONDS: Final = 5.0
_FEEDS_AT_ONCE: Final = 8
_PLACES_AT_ONCE: Final = 32
_STORES_AT_ONCE: Final = 4
_log: Final = logging.getLogger(__name__)


@asynccontextmanager
async def running_worker(installation: Installation) -> AsyncIterator[None]:
    """Takes tasks inside the block. On leaving, tasks at work get a while to end; the rest go back to the queue."""
    async with engines_if_free(installation) as engines:
        run_media = installation.media.run
        if engines:
            # Alone on this data folder: nobody else's work is in these folders.
            await run_media.tidy()
        handlers = _handlers(installation, run_media, engines=engines)
        worker = _worker(installation, run_media, handlers)
        running = asyncio.create_task(worker.run())
        started = asyncio.create_task(worker.started.wait())
        try:
            await asyncio.wait({running, started}, return_when=asyncio.FIRST_COMPLETED)
            if running.done():
                running.result()
            async with _standing_by(installation, run_media, handlers):
                yield
        finally:
            started.cancel()
            worker.stop()
            await running


@asynccontextmanager
async def _standing_by(
    installation: Installation, run_media: MediaRunService, handlers: Mapping[str, Handler]
) -> AsyncIterator[None]:
    """Takes over the engines when they run elsewhere now and become free."""
    all_kinds = _handlers(installation, run_media, engines=True)
    engine_kinds = {kind: handler for kind, handler in all_kinds.items() if kind not in handlers}
    if not engine_kinds:
        yield
        return
    async with standing_by_for_engines(installation, lambda: _worker(installation, run_media, engine_kinds)):
        yield


def _worker(installation: Installation, run_media: MediaRunService, handlers: Mapping[str, Handler]) -> "Worker":
    """A worker for these kinds, with the limits and the schedule that they have."""
    settings = installation.settings
    limits = {
        PLACE: _PLACES_AT_ONCE,
        ENGINE_PLACE: _PLACES_AT_ONCE,
        ENGINE_STORE: _STORES_AT_ONCE,
        MEDIA: settings.media_active,
        FEED: _FEEDS_AT_ONCE,
        WEBHOOK: webhooks.RECEIVERS_AT_ONCE,
        MAIL: mail.MAILS_AT_ONCE,
        DELIVER: _STORES_AT_ONCE,
    }
    periodic = {
        sweep.SWEEP: _SWEEP_SECONDS,
        DELIVER_SWEEP: _SWEEP_SECONDS,
        tombstones.ERASE: _ERASE_SECONDS,
        feeds.DUE_FEEDS: _DUE_FEEDS_SECONDS,
        blocklist.BLOCKLIST: _BLOCKLIST_SECONDS,
        RECASCADE: cascade_rules(settings).every,
        ENGINE_RECASCADE: cascade_rules(settings).every,
        webhooks.WEBHOOK_SWEEP: _DUE_SECONDS,
        webhooks.WEBHOOK_PRUNE: _PRUNE_SECONDS,
        mail.MAIL_SWEEP: _MAIL_SECONDS,
    }
    return installation.database.worker(
        handlers,
        limits={kind: limit for kind, limit in limits.items() if kind in handlers},
        periodic={kind: seconds for kind, seconds in periodic.items() if kind in handlers},
        on_exhausted=_on_exhausted(run_media),
    )


def _handlers(installation: Installation, run_media: MediaRunService, *, engines: bool) -> dict[str, Handler]:
    handlers = (
        place.handlers(installation.cascade, installation.recascade, installation.leftovers, engines=engines)
        | sync.handlers(installation.sync, engines=engines)
        | media.handlers(run_media, installation.media.queue)
        | sweep.handlers(installation.sweep)
        | tombstones.handlers(installation.tombstones)
        | feeds.handlers(installation.feeds.poller)
        | blocklist.handlers(installation.blocklist, installation.feeds.blocked_jobs)
        | deliver.handlers(installation.store, installation.destinations)
        | webhooks.handlers(_deliveries(installation), installation.webhooks)
    )
    if (mails := installation.registration.mails) is not None:
        handlers |= mail.handlers(mails)
    return handlers | store.handlers(installation.collection) if engines else handlers


def _deliveries(installation: Installation) -> WebhookDelivery:
    return WebhookDelivery(
        installation.database.transactions,
        installation.vault,
        WebhookPosts(installation.http),
        installation.webhooks.secret,
        installation.clock,
    )


def _on_exhausted(run_media: MediaRunService) -> Exhausted:
    async def exhausted(kind: str, subject: str, error: BaseException) -> None:
        """Library jobs keep their row and are swept again later; a media job ends with a reason."""
        _log.error("the task %s of %s was given up: %s", kind, subject, type(error).__name__)
        if kind == MEDIA:
            await run_media.exhausted(UUID(subject), "The job failed again and again for an internal reason.")

    return exhausted
