"""A user's own order and conditions for the cascade: read, checked and kept."""

from typing import Final
from uuid import UUID

from sluicegate.core.cascade import CascadePreferences
from sluicegate.core.errors import InvalidInput
from sluicegate.core.ports import Providers, UnitOfWorkFactory

__all__ = ["CascadePreferenceService"]

_SIZE_MAX: Final = 2**63 - 1
_SEEDS_MAX: Final = 1_000_000


class CascadePreferenceService:
    """Preferences of one user at a time."""

    def __init__(self, transactions: UnitOfWorkFactory, providers: Providers) -> None:
        self._transactions = transactions
        self._providers = providers

    async def get(self, user_id: UUID) -> CascadePreferences:
        """The user's preferences; the defaults where nothing was set."""
        async with self._transactions() as tx:
            return await tx.cascade_preferences.get(user_id)

    async def set(self, user_id: UUID, preferences: CascadePreferences) -> CascadePreferences:
        """Replaces the user's preferences; jobs that are not placed yet follow them from their next try on.

        Raises:
            InvalidInput: an unknown provider, or one named twice; a size or number out of bounds. ``field`` names it.
        """
        self.check(preferences)
        async with self._transactions() as tx:
            await tx.cascade_preferences.put(user_id, preferences)
        return preferences

    def check(self, preferences: CascadePreferences) -> None:
        """Raises InvalidInput as ``set`` does, and keeps nothing."""
        local = self._providers.local_names()
        known = [name for name in self._providers.names() if name not in local]
        for name in preferences.prefer:
            if name not in known:
                words = f"There is no provider with accounts of the name '{name[:50]}'."
                raise InvalidInput(words, action=f"Choose from: {', '.join(known)}.", field="prefer")
        if len(set(preferences.prefer)) != len(preferences.prefer):
            raise InvalidInput("A provider is named twice.", action="Name each at most once.", field="prefer")
        _within("max_size", preferences.max_size, 1, _SIZE_MAX)
        _within("min_seeds", preferences.min_seeds, 0, _SEEDS_MAX)


def _within(field: str, value: int | None, least: int, most: int) -> None:
    if value is not None and not least <= value <= most:
        raise InvalidInput(
            f"'{field}' is a whole number from {least:,} to {most:,}, or null for no limit.", field=field
        )
