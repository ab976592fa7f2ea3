"""Time that tests drive."""

import asyncio
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

__all__ = ["DrivenClock"]


@dataclass
class DrivenClock:
    """Implements ``core.ports.Clock`` with time that moves when it is told to, or when somebody sleeps."""

    time: datetime = field(default_factory=lambda: datetime(2026, 1, 1, 12, tzinfo=UTC))

    def now(self) -> datetime:
        return self.time

    def monotonic(self) -> float:
        return self.time.timestamp()

    def advance(self, seconds: float = 0, **much: float) -> None:
        """Moves on by so many seconds, or by ``hours`` and the like."""
        self.time += timedelta(seconds=seconds, **much)

    async def sleep(self, seconds: float) -> None:
        """As ``asyncio.sleep``, at once."""
        self.advance(seconds)
        await asyncio.sleep(0)
