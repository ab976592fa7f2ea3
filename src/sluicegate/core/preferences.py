"""Preferences: what a user has chosen for streaming (library sheet, section 10).

They are kept as a plain mapping, so that a part of the product adds a preference by adding a field to its own value.
"""

from collections.abc import Mapping
from typing import Any, Protocol
from uuid import UUID

__all__ = ["PreferenceRepository"]


class PreferenceRepository(Protocol):
    """What users have chosen; whatever is missing has its default."""

    async def get(self, user_id: UUID) -> Mapping[str, Any]:
        """The chosen values by name; empty for a user who has chosen nothing."""
        ...

    async def change(self, user_id: UUID, changes: Mapping[str, Any]) -> Mapping[str, Any]:
        """Merges ``changes``; a value of None removes the choice. Returns what is kept then."""
        ...
