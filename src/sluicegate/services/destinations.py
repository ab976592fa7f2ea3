"""Storage targets: saved after a test object went in and out again, opened for whoever delivers to them."""

import asyncio
import contextlib
import json
from collections import OrderedDict
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from datetime import datetime, timedelta
from typing import Any, Final
from uuid import UUID, uuid4

from sluicegate.core.destinations import Cloud, Destination, Place, check_place, storage_name, target_id
from sluicegate.core.errors import InvalidInput, NotFound, StorageDenied, StorageError
from sluicegate.core.media_targets import LOCAL_STORAGE
from sluicegate.core.ports import Clock, UnitOfWorkFactory, Vault
from sluicegate.core.secrets import Secret
from sluicegate.core.storage import Storage, UploadLog
from sluicegate.services.destination_forms import read_inline
from sluicegate.services.destination_storage import DestinationStorage, DurableLog

__all__ = ["DestinationService", "StorageOpener"]

StorageOpener = Callable[[Place, Secret], Storage]
AddressCheck = Callable[[str], Awaitable[None]]

TEST_OBJECT: Final = "verify_credentials.txt"
"""Name of the test object (media jobs sheet, section 11.1)."""

_TEST_BYTES: Final = b"This object was written to check a storage target, and may be deleted.\n"
_TIMEOUT_ACTION: Final = "Check that the endpoint is right and can be reached from this server."
_VERIFY_SECONDS: Final = 30.0
_OPEN_MAX: Final = 256
_ORPHANS: Final = 100
_GRACE: Final = timedelta(minutes=2)
_HOPELESS: Final = timedelta(days=7)
"""By then every cloud has dropped the parts of an unfinished upload, or never will."""


class DestinationService:
    """Users' storage targets; implements ``core.media_targets.MediaTargets``, too.

    Args:
        opener: makes a storage of a place and its secret, without asking anybody.
        check_address: refuses endpoints that may not be connected to.
    """

    def __init__(
        self,
        transactions: UnitOfWorkFactory,
        vault: Vault,
        opener: StorageOpener,
        check_address: AddressCheck,
        clock: Clock,
    ) -> None:
        self._transactions = transactions
        self._vault = vault
        self._opener = opener
        self._check_address = check_address
        self._clock = clock
        self._opened: OrderedDict[tuple[UUID, datetime], Storage] = OrderedDict()

    async def save(
        self, user_id: UUID, place: Place, secret: Secret, *, name: str = "", default: bool = False
    ) -> Destination:
        """Verifies a target and keeps it; a former one of the same place gets the new secret.

        Raises:
            InvalidInput: names the field that is wrong, or says why the storage refused the test object.
            ForbiddenAddress: the endpoint is in a network that may not be connected to.
        """
        await self.verify(place, secret)
        return await self._keep(user_id, place, secret, name=name, default=default)

    async def verify(self, place: Place, secret: Secret) -> None:
        """Writes and deletes a test object. Raises as ``save``."""
        check_place(place, secret)
        await self._check_address(place.endpoint)
        storage = self._opener(place, secret)
        try:
            async with asyncio.timeout(_VERIFY_SECONDS):
                await storage.write(place.folder_prefix + TEST_OBJECT, _once(_TEST_BYTES), size=len(_TEST_BYTES))
                await storage.delete(place.folder_prefix + TEST_OBJECT)
        except TimeoutError as error:
            raise InvalidInput("Credential validation failed: timeout", action=_TIMEOUT_ACTION) from error
        except StorageError as error:
            words = error.reason if error.reason == "timeout" else error.detail
            raise InvalidInput(f"Credential validation failed: {words}", action=error.action) from error
        finally:
            await storage.aclose()

    async def remove(self, user_id: UUID, *, cloud: Cloud | None = None, name: str | None = None) -> int:
        """Forgets targets and their secrets; what is stored there stays, uploads on their way are dropped."""
        async with self._transactions() as tx:
            uploads = await tx.uploads.of(user_id, cloud, name)
        for upload in uploads:
            with contextlib.suppress(StorageError, NotFound, InvalidInput):  # that storage may be gone
                await self._drop(upload.destination_id, upload.key)
        async with self._transactions() as tx:
            return await tx.destinations.remove(user_id, cloud=cloud, name=name)

    async def by_name(self, user_id: UUID, name: str) -> Destination:
        """Raises NotFound."""
        async with self._transactions() as tx:
            return await tx.destinations.by_name(user_id, name)

    async def get(self, user_id: UUID, destination_id: UUID) -> Destination:
        """Raises NotFound, also for a foreign one."""
        async with self._transactions() as tx:
            return await tx.destinations.get(destination_id, user_id=user_id)

    async def default(self, user_id: UUID) -> Destination | None:
        """Where this user's media jobs go, or None for this machine."""
        async with self._transactions() as tx:
            return await tx.destinations.default(user_id)

    async def page(self, user_id: UUID, *, limit: int, offset: int) -> list[Destination]:
        """Named targets, oldest first."""
        async with self._transactions() as tx:
            return await tx.destinations.page(user_id, limit=limit, offset=offset)

    async def current(self, user_id: UUID) -> str:
        """See ``MediaTargets``."""
        found = await self.default(user_id)
        return storage_name(found.id) if found else LOCAL_STORAGE

    async def inline(self, user_id: UUID, wanted: Mapping[str, Any]) -> str:
        """See ``MediaTargets``. Credentials that were verified before are not verified again."""
        place, secret = read_inline(wanted)
        async with self._transactions() as tx:
            known = await tx.destinations.same(user_id, self._fingerprint(place, secret))
        if known is None:
            known = await self.save(user_id, place, secret)
        return storage_name(known.id)

    async def prefix(self, storage: str) -> tuple[str, str] | None:
        """See ``MediaTargets``. Raises NotFound for a target that is gone."""
        wanted = target_id(storage)
        if wanted is None:
            return None
        async with self._transactions() as tx:
            place = (await tx.destinations.get(wanted)).place
        return place.folder_prefix, place.base_folder

    def storage(self, storage: str) -> Storage | None:
        """The storage of a target by its ``storage_name``; None for names of another kind. Asks nobody yet."""
        wanted = target_id(storage)
        return None if wanted is None else DestinationStorage(wanted, self)

    async def open(self, destination_id: UUID) -> Storage:
        """The target's storage, with its secret.

        Raises:
            StorageDenied: the target was removed.
        """
        try:
            async with self._transactions() as tx:
                found = await tx.destinations.get(destination_id)
                key = (found.id, found.updated_at)
                if key in self._opened:
                    self._opened.move_to_end(key)
                    return self._opened[key]
                secret = await tx.destinations.secret(destination_id)
        except NotFound as error:
            raise StorageDenied("The storage target was removed.", reason="TargetRemoved") from error
        storage = self._opener(found.place, secret)
        self._opened[key] = storage
        while len(self._opened) > _OPEN_MAX:
            self._opened.popitem(last=False)
        return storage

    async def log(self, destination_id: UUID, key: str, size: int | None) -> UploadLog:
        """Where the state of an upload to this target is kept. Raises StorageDenied."""
        try:
            async with self._transactions() as tx:
                found = await tx.destinations.get(destination_id)
        except NotFound as error:
            raise StorageDenied("The storage target was removed.", reason="TargetRemoved") from error
        return DurableLog(self._transactions, self._clock, found, key, size)

    async def drop_orphans(self) -> int:
        """Removes what uploads left in storages that nobody goes on with; returns how many are gone."""
        now, gone = self._clock.now(), 0
        async with self._transactions() as tx:
            orphans = await tx.uploads.orphans(before=now - _GRACE, limit=_ORPHANS)
        for orphan in orphans:
            try:
                await self._drop(orphan.destination_id, orphan.key)
                gone += 1
            except (StorageError, InvalidInput):
                if now - orphan.updated_at > _HOPELESS:
                    async with self._transactions() as tx:
                        await tx.uploads.remove(orphan.destination_id, orphan.key)
        return gone

    async def aclose(self) -> None:
        """Closes what was opened."""
        while self._opened:
            await self._opened.popitem()[1].aclose()

    async def _drop(self, destination_id: UUID, key: str) -> None:
        storage = await self.open(destination_id)
        await storage.abandon(key, await self.log(destination_id, key, None))

    async def _keep(self, user_id: UUID, place: Place, secret: Secret, *, name: str, default: bool) -> Destination:
        now = self._clock.now()
        made = Destination(uuid4(), user_id, name, place, default, now, now)
        async with self._transactions() as tx:
            return await tx.destinations.save(made, secret, fingerprint=self._fingerprint(place, secret))

    def _fingerprint(self, place: Place, secret: Secret) -> bytes:
        fields = [str(getattr(place, name)) for name in sorted(place.__slots__)]
        return self._vault.fingerprint(json.dumps([*fields, secret.reveal()]))


async def _once(content: bytes) -> AsyncIterator[bytes]:
    yield content
