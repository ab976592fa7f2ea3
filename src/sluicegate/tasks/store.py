"""Storing what the local engines fetched, and dropping what nobody wants any more."""

from uuid import UUID

from sluicegate.core.tasks import Handler
from sluicegate.services.collection import CollectionService
from sluicegate.services.task_kinds import ENGINE_CLEANUP, ENGINE_DROP, ENGINE_STORE

__all__ = ["handlers"]


def handlers(collection: CollectionService) -> dict[str, Handler]:
    """Only the worker that holds the engines registers these."""

    async def store(subject: str) -> float | None:
        return await collection.store(UUID(subject))

    async def cleanup(subject: str) -> float | None:
        await collection.cleanup(UUID(subject))
        return None

    async def drop(subject: str) -> float | None:
        provider, _, transfer_id = subject.partition(":")
        await collection.drop(provider, transfer_id)
        return None

    return {ENGINE_STORE: store, ENGINE_CLEANUP: cleanup, ENGINE_DROP: drop}
