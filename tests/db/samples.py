"""Values that tests of the database start from."""

import hashlib
from datetime import UTC, datetime, timedelta
from itertools import count
from typing import Any
from uuid import UUID, uuid4

from sluicegate.core.accounts import Account, AccountState
from sluicegate.core.files import JobFile
from sluicegate.core.jobs import Job, JobState
from sluicegate.core.keys import Key, KeyKind
from sluicegate.core.media_jobs import MediaJob, MediaOptions, MediaState, MediaStep
from sluicegate.core.ports import UnitOfWorkFactory
from sluicegate.core.sources import SourceKind
from sluicegate.core.users import User

START = datetime(2026, 1, 1, 12, 0, 0, 123456, tzinfo=UTC)
_ticks = count()


def tick() -> datetime:
    """Times that only grow."""
    return START + timedelta(seconds=next(_ticks))


def some_hash(seed: object) -> str:
    return hashlib.sha1(str(seed).encode()).hexdigest()


async def a_user(transactions: UnitOfWorkFactory, name: str | None = None) -> User:
    user = User(uuid4(), name or f"user-{uuid4().hex[:8]}", tick())
    async with transactions() as tx:
        await tx.users.add(user)
    return user


def a_job(user_id: UUID, seed: object = None, **fields: Any) -> Job:
    info_hash = some_hash(uuid4() if seed is None else seed)
    now = tick()
    values: dict[str, Any] = {
        "id": uuid4(),
        "user_id": user_id,
        "info_hash": info_hash,
        "source_kind": SourceKind.TORRENT,
        "source_uri": f"magnet:?xt=urn:btih:{info_hash}",
        "state": JobState.QUEUED,
        "created_at": now,
        "updated_at": now,
    }
    return Job(**values | fields)


def a_file(job_id: UUID, index: int, **fields: Any) -> JobFile:
    return JobFile(**{"id": uuid4(), "job_id": job_id, "index": index, "path": f"f/{index}.mkv", "size": 10} | fields)


def a_key(user_id: UUID, kind: KeyKind = KeyKind.LIBRARY, **fields: Any) -> Key:
    values = {"id": uuid4(), "user_id": user_id, "kind": kind, "prefix": "abcd1234", "label": "", "created_at": tick()}
    return Key(**values | fields)


def an_account(user_id: UUID, **fields: Any) -> Account:
    values = {
        "id": uuid4(),
        "user_id": user_id,
        "provider": "torbox",
        "label": "home",
        "state": AccountState.OK,
        "created_at": tick(),
    }
    return Account(**values | fields)


def a_media_job(user_id: UUID, **fields: Any) -> MediaJob:
    now = tick()
    values = {
        "id": uuid4(),
        "user_id": user_id,
        "url": "https://media.example/watch?v=1",
        "state": MediaState.PENDING,
        "step": MediaStep.QUEUED,
        "options": MediaOptions(container="mkv", clip_start=1.5),
        "created_at": now,
        "updated_at": now,
    }
    return MediaJob(**values | fields)
