"""What we have learnt about availability, and the shared counters of rate limits: small facts, no secrets."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

__all__ = ["LearnedFact", "LearnedRepository", "RateRepository"]


@dataclass(frozen=True, slots=True)
class LearnedFact:
    """What we last saw of one hash at one provider; a fact about the provider, never about a user.

    Attributes:
        provider: house name.
        cached: whether it could be delivered at once.
        seen_at: UTC.
        name: title, when told.
        size: bytes, when told.
    """

    provider: str
    info_hash: str
    cached: bool
    seen_at: datetime
    name: str = ""
    size: int | None = None


class LearnedRepository(Protocol):
    """Facts."""

    async def known(self, provider: str, hashes: Sequence[str]) -> list[LearnedFact]:
        """What is known of these hashes."""
        ...

    async def learn(self, facts: Sequence[LearnedFact]) -> None:
        """Keeps facts; a newer one replaces an older one."""
        ...

    async def forget(self, before: datetime) -> None:
        """Deletes facts last seen before."""
        ...


class RateRepository(Protocol):
    """Counters that all processes share; losing them in a crash is fine."""

    async def add(self, window: int, counts: Mapping[str, int]) -> dict[str, int]:
        """Adds to the counters of a window; what they stand at now."""
        ...

    async def forget(self, before: int) -> None:
        """Deletes older windows."""
        ...
