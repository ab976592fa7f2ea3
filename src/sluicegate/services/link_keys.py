"""Keys that stand in URLs, of the outbound feed and of the Stremio add-on: each opens its one thing alone."""

from collections.abc import Callable
from typing import Final
from uuid import UUID

from sluicegate.core.errors import InvalidInput, NotFound
from sluicegate.core.keys import Key, KeyKind
from sluicegate.core.names import display_text
from sluicegate.services.keys import KeyService

__all__ = ["LINK_KINDS", "LinkKeyService"]

LINK_KINDS: Final = frozenset({KeyKind.FEED, KeyKind.STREMIO})
_LABEL_MAX: Final = 100
_SCANNED_MAX: Final = 1_000


class LinkKeyService:
    """A user's keys in URLs; every call is bound to one user.

    Args:
        keys: mints and revokes.
        base_url: where clients reach this installation.
    """

    def __init__(self, keys: KeyService, base_url: Callable[[], str]) -> None:
        self._keys = keys
        self._base_url = base_url

    async def create(self, user_id: UUID, kind: str, label: str = "") -> tuple[Key, str]:
        """A new key, and the URL that it stands in, which is never shown again.

        Raises:
            InvalidInput: this kind stands in no URL.
        """
        try:
            wanted = KeyKind(kind)
        except ValueError:
            wanted = KeyKind.LIBRARY
        if wanted not in LINK_KINDS:
            raise InvalidInput("kind: 'feed' or 'stremio'.", field="kind")
        key, secret = await self._keys.create(user_id, wanted, display_text(label, _LABEL_MAX))
        return key, self.url(wanted, secret.reveal())

    def url(self, kind: KeyKind, secret: str) -> str:
        """The URL that a key stands in."""
        base = self._base_url().rstrip("/")
        if kind is KeyKind.FEED:
            return f"{base}/v1/feed.rss?token={secret}"
        return f"{base}/stremio/{secret}/manifest.json"

    async def page(self, user_id: UUID, *, limit: int, offset: int) -> list[Key]:
        """Newest first, revoked ones included."""
        every = await self._keys.page(user_id, limit=_SCANNED_MAX)
        return [key for key in every if key.kind in LINK_KINDS][offset : offset + limit]

    async def revoke(self, user_id: UUID, key_id: UUID) -> None:
        """Ends a key at once. Raises NotFound, also for a foreign key and for one of another kind."""
        own = await self._keys.page(user_id, limit=_SCANNED_MAX)
        if not any(key.id == key_id and key.kind in LINK_KINDS for key in own):
            raise NotFound("There is no such key.")
        await self._keys.revoke(key_id)
