"""The world's clock: wall time, sped up or pushed forward on request, never backwards."""

import math
import time
from collections.abc import Callable

import msgspec

__all__ = ["ClockState", "WorldClock"]


class ClockState(msgspec.Struct, frozen=True):
    """Where the clock stands: world time ``world`` was reached at wall time ``wall`` and has run at ``rate`` since."""

    wall: float
    world: float
    rate: float = 1.0


class WorldClock:
    """World time in Unix seconds: ``world + (wall now - wall) x rate``.

    Args:
        wall: the source of wall time in Unix seconds.
        state: a state kept earlier; the world lives on through the time in between, as the real one would.
    """

    def __init__(self, wall: Callable[[], float] = time.time, state: ClockState | None = None) -> None:
        self._wall = wall
        start = wall()
        self._state = state or ClockState(wall=start, world=start)

    @property
    def state(self) -> ClockState:
        """What must be kept to go on later."""
        return self._state

    @property
    def rate(self) -> float:
        """World seconds per wall second; 0 stands still."""
        return self._state.rate

    def now(self) -> float:
        """World time in Unix seconds."""
        state = self._state
        return state.world + max(0.0, self._wall() - state.wall) * state.rate

    def advance(self, seconds: float) -> None:
        """Jump forward.

        Raises:
            ValueError: for a negative or infinite number of seconds.
        """
        if not (math.isfinite(seconds) and seconds >= 0):
            raise ValueError("advance_seconds must be a number of seconds, zero or more")
        self._state = ClockState(wall=self._wall(), world=self.now() + seconds, rate=self.rate)

    def set_rate(self, rate: float) -> None:
        """Run at ``rate`` world seconds per wall second from now on.

        Raises:
            ValueError: for a negative or infinite rate.
        """
        if not (math.isfinite(rate) and rate >= 0):
            raise ValueError("rate must be a number, zero or more")
        self._state = ClockState(wall=self._wall(), world=self.now(), rate=rate)

    def reset(self) -> None:
        """Back to wall time at rate 1."""
        wall = self._wall()
        self._state = ClockState(wall=wall, world=wall)

    def wall_seconds(self, world_seconds: float) -> int:
        """Whole wall seconds, at least 1, that pass while ``world_seconds`` go by (world seconds if time stands)."""
        return max(1, math.ceil(world_seconds / self.rate if self.rate > 0 else world_seconds))
