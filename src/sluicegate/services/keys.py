"""Keys: minting, verifying, listing and revoking the credentials that we issue."""

from datetime import timedelta
from uuid import UUID, uuid4

from sluicegate.core.errors import NotFound, Unauthenticated
from sluicegate.core.keys import Key, KeyKind, mint, split
from sluicegate.core.ports import Clock, UnitOfWork, UnitOfWorkFactory, Vault
from sluicegate.core.secrets import Secret

__all__ = ["KeyService"]

_REFUSED = "This key is not valid."
_SEALED_AS = "library_key"
_TOUCH_EVERY = timedelta(minutes=1)
_PAGE = 500


class KeyService:
    """Use cases around keys; implements ``core.ports.KeyVerifier``."""

    def __init__(self, transactions: UnitOfWorkFactory, vault: Vault, clock: Clock) -> None:
        self._transactions = transactions
        self._vault = vault
        self._clock = clock

    async def create(self, user_id: UUID, kind: KeyKind, label: str = "") -> tuple[Key, Secret]:
        """Mints a key; the secret is shown now and never again, except library keys, whose contract fetches it."""
        prefix, secret = mint(kind)
        key = Key(uuid4(), user_id, kind, prefix, label, self._clock.now())
        async with self._transactions() as tx:
            await tx.keys.add(key, fingerprint=self._vault.fingerprint(secret.reveal()), sealed=self._seal(key, secret))
        return key, secret

    async def verify(self, text: str, kind: KeyKind) -> Key:
        """The key behind a presented text.

        One answer for every cause: malformed, unknown, wrong secret, wrong kind, revoked.

        Raises:
            Unauthenticated: not a valid key of this kind.
        """
        parts = split(text)
        if parts is None or parts[0] is not kind:
            raise Unauthenticated(_REFUSED)
        now = self._clock.now()
        async with self._transactions() as tx:
            key = await tx.keys.verify(parts[1], self._vault.fingerprint(text))
            if key is None or key.kind is not kind:
                raise Unauthenticated(_REFUSED)
            if key.last_used_at is None or now - key.last_used_at > _TOUCH_EVERY:
                await tx.keys.touch(key.id, now)
        return key

    async def current(self, user_id: UUID) -> tuple[Key, Secret]:
        """The user's library key with its plaintext, made when there is none (library sheet, sections 2.3 and 8).

        Raises:
            NotFound: no such user. InternalError: it was sealed with another master key.
        """
        async with self._transactions() as tx:
            await tx.keys.lock(user_id)
            found = await tx.keys.current(user_id, KeyKind.LIBRARY)
            key, sealed = found or (None, None)
            if key is None or sealed is None:
                return await self._add(tx, user_id)
        return key, self._vault.open(sealed, owner=str(user_id), kind=_SEALED_AS)

    async def rotate(self, user_id: UUID, used: Key | None = None) -> tuple[Key, Secret]:
        """Ends a library key and makes another under its label, in one transaction.

        Args:
            user_id: whose.
            used: the key to end; without one, the user's newest.

        Raises:
            NotFound: no such user.
        """
        async with self._transactions() as tx:
            await tx.keys.lock(user_id)
            newest = await tx.keys.current(user_id, KeyKind.LIBRARY)
            old = used or (newest[0] if newest else None)
            if old is not None:
                await tx.keys.revoke(old.id, self._clock.now())
            return await self._add(tx, user_id, old.label if old else "")

    async def page(self, user_id: UUID, *, limit: int = 100, offset: int = 0) -> list[Key]:
        """A user's keys, newest first."""
        async with self._transactions() as tx:
            return await tx.keys.page(user_id, limit=limit, offset=offset)

    async def revoke(self, key_id: UUID) -> None:
        """Makes a key invalid at once.

        Raises:
            NotFound: there is no valid key with this id.
        """
        async with self._transactions() as tx:
            if not await tx.keys.revoke(key_id, self._clock.now()):
                raise NotFound("There is no valid key with this id.")

    async def revoke_own(self, user_id: UUID, key_id: UUID, kinds: frozenset[KeyKind]) -> None:
        """As ``revoke``, for a user's own key of these kinds.

        Raises:
            NotFound: there is no such valid key, also when it is somebody else's.
        """
        async with self._transactions() as tx:
            await tx.keys.lock(user_id)
            offset = 0
            while own := await tx.keys.page(user_id, limit=_PAGE, offset=offset):
                if any(key.id == key_id and key.kind in kinds for key in own):
                    if await tx.keys.revoke(key_id, self._clock.now()):
                        return
                    break
                offset += len(own)
        raise NotFound("There is no such valid key.")

    async def _add(self, tx: UnitOfWork, user_id: UUID, label: str = "") -> tuple[Key, Secret]:
        prefix, secret = mint(KeyKind.LIBRARY)
        key = Key(uuid4(), user_id, KeyKind.LIBRARY, prefix, label, self._clock.now())
        await tx.keys.add(key, fingerprint=self._vault.fingerprint(secret.reveal()), sealed=self._seal(key, secret))
        return key, secret

    def _seal(self, key: Key, secret: Secret) -> bytes | None:
        if key.kind is not KeyKind.LIBRARY:
            return None
        return self._vault.seal(secret.reveal(), owner=str(key.user_id), kind=_SEALED_AS)
