"""A source that is handed in again may know more than before, as a magnet does after its bare hash."""

from dataclasses import replace
from typing import Final
from uuid import UUID

from sluicegate.core.accounts import LOCAL_PROVIDERS
from sluicegate.core.magnets import render_magnet, tracker_urls
from sluicegate.core.ports import Task, UnitOfWork
from sluicegate.core.sources import Magnet, Source, TorrentFile
from sluicegate.services.task_kinds import ENGINE_INTRODUCE

__all__ = ["merge_source"]

_LIST_MAX: Final = 100
"""As many web seeds and peers as are kept of one magnet."""


async def merge_source(tx: UnitOfWork, job_id: UUID, source: Source) -> None:
    """Adds what ``source`` knows to the job's own; a job at our engine is introduced to new trackers and peers."""
    if not isinstance(source, Magnet | TorrentFile):
        return
    if await _news(tx, job_id, source) is None:
        return  # most repeats know nothing new, and do not wait for whoever writes the job at this moment
    job = await tx.jobs.get(job_id, lock=True)
    merged = await _news(tx, job_id, source)
    if job.state.over or merged is None:
        return
    await tx.jobs.resource(job_id, render_magnet(merged))
    if job.provider in LOCAL_PROVIDERS:
        await tx.tasks.add(Task(ENGINE_INTRODUCE, str(job_id)))


async def _news(tx: UnitOfWork, job_id: UUID, more: Magnet | TorrentFile) -> Magnet | None:
    """The job's source with what ``more`` adds to it; None when that is nothing."""
    known = await tx.jobs.source(job_id)
    if not isinstance(known, Magnet):
        return None
    merged = _merged(known, more)
    return None if merged == known else merged


def _merged(known: Magnet, more: Magnet | TorrentFile) -> Magnet:
    also = more if isinstance(more, Magnet) else Magnet(more.info_hash, more.info_hash_v2, more.name)
    return replace(
        known,
        info_hash_v2=known.info_hash_v2 or also.info_hash_v2,
        name=known.name or also.name,
        trackers=tracker_urls((*known.trackers, *more.trackers)),
        web_seeds=_joined(known.web_seeds, also.web_seeds),
        size=known.size or also.size,
        peers=_joined(known.peers, also.peers),
    )


def _joined(known: tuple[str, ...], more: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(dict.fromkeys((*known, *more)))[:_LIST_MAX]
