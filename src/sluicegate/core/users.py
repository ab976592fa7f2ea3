"""Users: the owner of everything else."""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

__all__ = ["User"]


@dataclass(frozen=True, slots=True)
class User:
    """A person or team of this installation; ``name`` is unique and is what the CLI takes."""

    id: UUID
    name: str
    created_at: datetime
