"""Where the files of media jobs are kept: this machine, or a bucket of the user's own."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol
from uuid import UUID

from sluicegate.core.errors import InvalidInput

__all__ = ["LOCAL_STORAGE", "LocalTargets", "MediaTargets"]

LOCAL_STORAGE = "local"
"""Name of the storage on this machine."""


class MediaTargets(Protocol):
    """Chooses storages by name; ``core.ports.Storages`` opens them."""

    async def current(self, user_id: UUID) -> str:
        """Where new files of this user go."""
        ...

    async def inline(self, user_id: UUID, wanted: Mapping[str, Any]) -> str:
        """A storage for one job, from the ``storage`` object of its request (sheet, section 4.3).

        Raises:
            InvalidInput: names the field that is wrong.
        """
        ...

    async def prefix(self, storage: str) -> tuple[str, str] | None:
        """``folder_prefix`` and ``base_folder`` of a storage of the user's own; None for this machine's."""
        ...


@dataclass(frozen=True, slots=True)
class LocalTargets:
    """This machine only."""

    async def current(self, user_id: UUID) -> str:
        """The one there is."""
        del user_id
        return LOCAL_STORAGE

    async def inline(self, user_id: UUID, wanted: Mapping[str, Any]) -> str:
        """Refused."""
        del user_id, wanted
        raise InvalidInput("This installation keeps files on its own disk only.", field="storage")

    async def prefix(self, storage: str) -> tuple[str, str] | None:
        """None."""
        del storage
        return None
