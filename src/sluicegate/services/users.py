"""Users: making, finding, limiting and removing them."""

from dataclasses import replace
from typing import Final
from uuid import UUID, uuid4

from sluicegate.core.accounts import LOCAL_PROVIDERS
from sluicegate.core.errors import InvalidInput
from sluicegate.core.jobs import ACTIVE_STATES, JobState
from sluicegate.core.ports import Clock, Storages, Task, UnitOfWorkFactory
from sluicegate.core.users import User, UserLimits
from sluicegate.services.task_kinds import ENGINE_DROP

__all__ = ["RESOLUTIONS", "UserService"]

_NAME_LENGTH_MAX: Final = 100
_PAGE: Final = 200
_OURS: Final = "local"
"""The storage that is ours; what lies in a user's own bucket is the user's."""

RESOLUTIONS: Final = ("144", "240", "360", "480", "720", "1080", "1440", "2160")
"""Heights of videos, as the media contract writes them."""


class UserService:
    """Use cases around users; whoever calls it is the operator."""

    def __init__(self, transactions: UnitOfWorkFactory, clock: Clock) -> None:
        self._transactions = transactions
        self._clock = clock

    async def create(self, name: str) -> User:
        """Makes a user.

        Raises:
            InvalidInput: the name is empty, too long or has control characters.
            AlreadyExists: the name is taken.
        """
        name = name.strip()
        if not name or len(name) > _NAME_LENGTH_MAX or not name.isprintable():
            raise InvalidInput(f"A user name has 1 to {_NAME_LENGTH_MAX} printable characters.", field="name")
        user = User(uuid4(), name, self._clock.now())
        async with self._transactions() as tx:
            await tx.users.add(user)
        return user

    async def by_name(self, name: str) -> User:
        """Finds a user. Raises NotFound."""
        async with self._transactions() as tx:
            return await tx.users.by_name(name)

    async def get(self, user_id: UUID) -> User:
        """Finds a user. Raises NotFound."""
        async with self._transactions() as tx:
            return await tx.users.get(user_id)

    async def page(self, *, limit: int = 100, offset: int = 0) -> list[User]:
        """Users by name."""
        async with self._transactions() as tx:
            return await tx.users.page(limit=limit, offset=offset)

    async def limits(self, user_id: UUID) -> UserLimits:
        """What a user may use up."""
        async with self._transactions() as tx:
            return await tx.limits.get(user_id)

    async def limit(self, user_id: UUID, limits: UserLimits) -> None:
        """Sets all limits of a user.

        Raises:
            InvalidInput: a figure below one, or a height that no video has.
        """
        figures = (limits.storage_bytes, limits.concurrent, limits.max_duration, limits.max_bytes)
        if any(figure is not None and not 0 < figure < 2**31 * 2**30 for figure in figures):
            raise InvalidInput("A limit is a figure above zero.")
        if limits.max_resolution is not None and limits.max_resolution not in RESOLUTIONS:
            raise InvalidInput(f"The largest height of a video is one of: {', '.join(RESOLUTIONS)}.")
        async with self._transactions() as tx:
            await tx.users.get(user_id)
            await tx.limits.put(user_id, limits)

    async def remove(self, user_id: UUID, storages: Storages | None) -> int:
        """Removes a user with all secrets, keys, links, hooks, feeds and jobs; other users notice nothing.

        Keys end first and running jobs stop, then files go, then the rest. A removal that was cut off is finished by
        removing again.

        Args:
            user_id: whom.
            storages: where the user's files are deleted; None leaves them where they are.

        Returns:
            How many stored files were deleted; those that another user has as well stay.

        Raises:
            StorageError: a file could not be deleted; the user is still there, without keys.
        """
        await self._shut_out(user_id)
        deleted = await self._delete_files(user_id, storages) if storages else 0
        async with self._transactions() as tx:
            await tx.users.remove(user_id)
        return deleted

    async def _shut_out(self, user_id: UUID) -> None:
        """Ends keys and identities, and cancels what runs, so that nothing new is stored from here on."""
        async with self._transactions() as tx:
            await tx.keys.lock(user_id)
            offset = 0
            while keys := await tx.keys.page(user_id, limit=_PAGE, offset=offset):
                for key in keys:
                    await tx.keys.revoke(key.id, self._clock.now())
                offset += len(keys)
            for identity in await tx.identities.page(user_id):
                await tx.identities.remove(identity.issuer, identity.subject)
        while await self._cancel_some(user_id):
            pass

    async def _cancel_some(self, user_id: UUID) -> int:
        async with self._transactions() as tx:
            jobs = await tx.jobs.page(user_id, limit=_PAGE, offset=0, states=ACTIVE_STATES)
            for found in jobs:
                job = await tx.jobs.get(found.id, lock=True)
                if job.state.over:
                    continue
                await tx.jobs.update(replace(job, state=JobState.CANCELLED, speed=None, waiting=""))
                if job.transfer_id and job.provider in LOCAL_PROVIDERS:
                    await tx.tasks.add(Task(ENGINE_DROP, f"{job.provider}:{job.transfer_id}"))
        return len(jobs)

    async def _delete_files(self, user_id: UUID, storages: Storages) -> int:
        deleted, after = 0, ("", "")
        while True:
            async with self._transactions() as tx:
                objects = await tx.users.own_objects(user_id, limit=_PAGE, after=after)
            for storage, key in objects:
                if storage == _OURS:
                    await storages.get(storage).delete(key)
                    deleted += 1
            if len(objects) < _PAGE:
                return deleted
            after = objects[-1]
