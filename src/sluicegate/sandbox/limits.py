"""Published request limits, counted per account on world time."""

from collections import deque
from dataclasses import dataclass

__all__ = ["Limits", "Rate", "Refusal"]


@dataclass(frozen=True, slots=True)
class Rate:
    """At most ``count`` calls in any ``per`` world seconds.

    Attributes:
        name: names the counter; calls with the same name share it.
        refused_count: a refused call counts like a served one (Real-Debrid).
        lock: going over locks the counter for this many world seconds (Debrid-Link: an hour); 0 means "until it fits".
    """

    name: str
    count: int
    per: float
    refused_count: bool = False
    lock: float = 0.0


@dataclass(frozen=True, slots=True)
class Refusal:
    """A call over a limit: which one, and after how many world seconds the next call fits."""

    rate: Rate
    wait: float


class _Window:
    """The last ``count`` calls of one counter."""

    __slots__ = ("locked_until", "times")

    def __init__(self, count: int) -> None:
        self.times: deque[float] = deque(maxlen=count)
        self.locked_until = 0.0


class Limits:
    """Counters of all accounts, and the switch per provider."""

    def __init__(self) -> None:
        self._windows: dict[tuple[str, str, str], _Window] = {}
        self._off: set[str] = set()

    @property
    def off(self) -> list[str]:
        """Providers whose limits are switched off."""
        return sorted(self._off)

    def enabled(self, provider: str) -> bool:
        """Whether rates, slots and caps of a provider hold."""
        return provider not in self._off

    def switch(self, provider: str, *, enabled: bool) -> None:
        """Turn the limits of one provider on or off."""
        if enabled:
            self._off.discard(provider)
        else:
            self._off.add(provider)

    def take(self, provider: str, account: str, rate: Rate, now: float) -> Refusal | None:
        """Count one call; a refusal says which limit it broke. Always None while the provider's limits are off."""
        if not self.enabled(provider):
            return None
        window = self._window(provider, account, rate)
        wait = self._wait(window, rate, now)
        if wait <= 0 or rate.refused_count:
            window.times.append(now)
        if wait <= 0:
            return None
        if rate.lock and window.locked_until <= now:
            window.locked_until = now + rate.lock
            wait = rate.lock
        return Refusal(rate, wait)

    def left(self, provider: str, account: str, rate: Rate, now: float) -> tuple[int, float]:
        """Calls that still fit, and world seconds until the counter is whole again."""
        window = self._window(provider, account, rate)
        recent = [at for at in window.times if at > now - rate.per]
        return rate.count - len(recent), (recent[-1] + rate.per - now if recent else rate.per)

    def remember(self, provider: str, account: str, rate: Rate, at: float) -> None:
        """Count a call of the past, when the world is read back after a crash."""
        self._window(provider, account, rate).times.append(at)

    def reset(self) -> None:
        """Forget all counters and turn every provider's limits on."""
        self._windows.clear()
        self._off.clear()

    def _window(self, provider: str, account: str, rate: Rate) -> _Window:
        key = (provider, account, rate.name)
        window = self._windows.get(key)
        if window is None:
            window = self._windows[key] = _Window(rate.count)
        return window

    @staticmethod
    def _wait(window: _Window, rate: Rate, now: float) -> float:
        if window.locked_until > now:
            return window.locked_until - now
        times = window.times
        return times[0] + rate.per - now if len(times) == rate.count else 0.0
