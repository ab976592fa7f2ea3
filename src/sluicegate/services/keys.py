"""Keys: minting, verifying, listing and revoking the credentials that we issue."""

from datetime import timedelta
from uuid import UUID, uuid4

from sluicegate.core.errors import NotFound, Unauthenticated
from sluicegate.core.keys import Key, KeyKind, mint, split
from sluicegate.core.ports import Clock, UnitOfWorkFactory, Vault
from sluicegate.core.secrets import Secret

__all__ = ["KeyService"]

_REFUSED = "This key is not valid."
_TOUCH_EVERY = timedelta(minutes=1)


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

    def _seal(self, key: Key, secret: Secret) -> bytes | None:
        if key.kind is not KeyKind.LIBRARY:
            return None
        return self._vault.seal(secret.reveal(), owner=str(key.user_id), kind="library_key")
