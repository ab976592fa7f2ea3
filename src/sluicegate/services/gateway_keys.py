"""Proxy keys: several per user, labelled, rotatable with an overlap, revocable at once."""

from datetime import datetime, timedelta
from typing import Final
from uuid import UUID, uuid4

from sluicegate.core.errors import InvalidInput, LimitReached, NotFound
from sluicegate.core.keys import Key, KeyKind, mint
from sluicegate.core.ports import Clock, UnitOfWork, UnitOfWorkFactory, Vault
from sluicegate.core.secrets import Secret

__all__ = ["ProxyKeyService"]

_KEYS_MAX: Final = 50
_LABEL_MAX: Final = 100
_OVERLAP_MAX: Final = timedelta(days=30)
_PAGE_MAX: Final = 1_000


class ProxyKeyService:
    """Use cases around one user's own proxy keys; foreign keys are as unknown as none."""

    def __init__(self, transactions: UnitOfWorkFactory, vault: Vault, clock: Clock) -> None:
        self._transactions = transactions
        self._vault = vault
        self._clock = clock

    async def create(self, user_id: UUID, label: str = "") -> tuple[Key, Secret]:
        """A new key; its secret is shown now and never again.

        Raises:
            InvalidInput: the label is too long. LimitReached: the user has enough keys.
        """
        if len(label) > _LABEL_MAX or (label and not label.isprintable()):
            raise InvalidInput(f"A label has at most {_LABEL_MAX} printable characters.", field="label")
        async with self._transactions() as tx:
            if len([key for key in await self._own(tx, user_id) if self._valid(key)]) >= _KEYS_MAX:
                raise LimitReached(f"A user has at most {_KEYS_MAX} valid proxy keys.")
            return await self._add(tx, user_id, label)

    async def page(self, user_id: UUID) -> list[Key]:
        """The user's proxy keys, newest first, ended ones included."""
        async with self._transactions() as tx:
            return await self._own(tx, user_id)

    async def rotate(self, user_id: UUID, key_id: UUID, *, overlap: timedelta = timedelta(0)) -> tuple[Key, Secret]:
        """A new key under the same label; the old one works on for ``overlap``. Policies of the old one move along.

        Raises:
            NotFound: the user has no valid key with this id.
        """
        if not timedelta(0) <= overlap <= _OVERLAP_MAX:
            raise InvalidInput(f"Old and new key may overlap for {_OVERLAP_MAX.days} days at most.", field="overlap")
        async with self._transactions() as tx:
            old = await self._valid_one(tx, user_id, key_id)
            new, secret = await self._add(tx, user_id, old.label)
            for rule in await tx.policies.of_user(user_id):
                if rule.key_id == old.id:
                    copy = type(rule)(
                        uuid4(), user_id, new.id, rule.verdict, rule.subject, rule.value, self._clock.now()
                    )
                    await tx.policies.add(copy)
            await tx.keys.revoke(old.id, self._end(overlap))
            return new, secret

    async def revoke(self, user_id: UUID, key_id: UUID) -> None:
        """Ends a key at once. Raises NotFound."""
        async with self._transactions() as tx:
            key = await self._valid_one(tx, user_id, key_id)
            await tx.keys.revoke(key.id, self._end(timedelta(0)))

    async def _add(self, tx: UnitOfWork, user_id: UUID, label: str) -> tuple[Key, Secret]:
        prefix, secret = mint(KeyKind.PROXY)
        key = Key(uuid4(), user_id, KeyKind.PROXY, prefix, label, self._clock.now())
        await tx.keys.add(key, fingerprint=self._vault.fingerprint(secret.reveal()), sealed=None)
        return key, secret

    async def _own(self, tx: UnitOfWork, user_id: UUID) -> list[Key]:
        keys = await tx.keys.page(user_id, limit=_PAGE_MAX, offset=0)
        return [key for key in keys if key.kind is KeyKind.PROXY]

    async def _valid_one(self, tx: UnitOfWork, user_id: UUID, key_id: UUID) -> Key:
        for key in await self._own(tx, user_id):
            if key.id == key_id and self._valid(key):
                return key
        raise NotFound("There is no valid proxy key with this id.")

    def _valid(self, key: Key) -> bool:
        return key.revoked_at is None or key.revoked_at > self._clock.now()

    def _end(self, overlap: timedelta) -> datetime:
        return self._clock.now() + overlap
