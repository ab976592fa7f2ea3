"""A retry goes where the request wanted its file: to its own storage, else to where files go now."""

from dataclasses import replace
from typing import Any
from uuid import UUID

import pytest
from tests.db.samples import a_user

from sluicegate.core.clock import SystemClock
from sluicegate.core.destinations import storage_name
from sluicegate.core.media_events import NoMediaEvents
from sluicegate.core.media_jobs import MediaJob, MediaOptions, MediaState
from sluicegate.core.sources import WebLink
from sluicegate.db.unit_of_work import Transactions
from sluicegate.services.destination_forms import read_inline
from sluicegate.services.destinations import DestinationService
from sluicegate.services.media_jobs import MediaJobService
from sluicegate.services.media_settling import MediaSettling
from sluicegate.services.vault import AesVault
from sluicegate.storages.memory import MemoryStorage
from sluicegate.web.signing import ByteLinks, TokenSigner
from sluicegate.wiring.registry import StorageRegistry

LINK = WebLink("https://site.example/watch")


def fields(bucket: str) -> dict[str, Any]:
    return {
        "provider": "s3",
        "endpoint": "https://s3.example",
        "bucket": bucket,
        "region": "eu-west-1",
        "access_key": "AKEXAMPLE",
        "secret_key": "a-secret-key-of-nobody",
    }


@pytest.fixture
def targets(transactions: Transactions, vault: AesVault) -> DestinationService:
    async def anywhere(_: str) -> None:
        pass

    return DestinationService(transactions, vault, lambda _place, _secret: MemoryStorage(), anywhere, SystemClock())


@pytest.fixture
def jobs(transactions: Transactions, targets: DestinationService) -> MediaJobService:
    clock = SystemClock()
    links = ByteLinks(TokenSigner([bytes(32)], clock), lambda: "https://media.example", clock)
    settling = MediaSettling(NoMediaEvents(), clock)
    return MediaJobService(transactions, links, StorageRegistry({}), targets, settling, clock)


async def failed(transactions: Transactions, job: MediaJob) -> MediaJob:
    async with transactions() as tx:
        found = await tx.media_jobs.get(job.id, lock=True)
        return await tx.media_jobs.update(replace(found, state=MediaState.FAILED))


async def retried(transactions: Transactions, jobs: MediaJobService, user_id: UUID, storage: str | None) -> str | None:
    job = await failed(transactions, await jobs.create(user_id, LINK, MediaOptions(), storage=storage))
    return (await jobs.retry(user_id, job.id)).storage


async def test_a_request_with_its_own_storage_keeps_it(transactions, jobs, targets):
    user = await a_user(transactions)
    own = await jobs.target(user.id, fields("own"))
    assert await retried(transactions, jobs, user.id, own) == own

    kept = await targets.save(user.id, *read_inline(fields("default")), default=True)
    assert await retried(transactions, jobs, user.id, own) == own
    assert await retried(transactions, jobs, user.id, None) == storage_name(kept.id)


async def test_a_retry_of_a_retry_keeps_it_too(transactions, jobs):
    user = await a_user(transactions)
    own = await jobs.target(user.id, fields("own"))
    first = await failed(transactions, await jobs.create(user.id, LINK, MediaOptions(), storage=own))
    second = await failed(transactions, await jobs.retry(user.id, first.id))
    assert (await jobs.retry(user.id, second.id)).storage == own


async def test_a_storage_that_is_gone_is_not_kept(transactions, jobs, targets):
    user = await a_user(transactions)
    own = await jobs.target(user.id, fields("own"))
    job = await failed(transactions, await jobs.create(user.id, LINK, MediaOptions(), storage=own))
    await targets.remove(user.id)
    assert (await jobs.retry(user.id, job.id)).storage == "local"


async def test_without_one_of_its_own_the_storage_of_now_is_taken(transactions, jobs, targets):
    user = await a_user(transactions)
    assert await retried(transactions, jobs, user.id, None) == "local"
    old = await targets.save(user.id, *read_inline(fields("old")), default=True)
    job = await failed(transactions, await jobs.create(user.id, LINK, MediaOptions()))
    assert job.storage == storage_name(old.id)
    new = await targets.save(user.id, *read_inline(fields("new")), default=True)
    assert (await jobs.retry(user.id, job.id)).storage == storage_name(new.id)
