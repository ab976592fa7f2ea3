"""A credential that can be carried around without leaking by accident."""

from collections.abc import Callable
from typing import Final

__all__ = ["Secret", "watch_reveals"]

_SHOWN: Final = 4
_watchers: Final[list[Callable[[str], None]]] = []


def watch_reveals(watcher: Callable[[str], None]) -> Callable[[], None]:
    """Has ``watcher`` called with every value that is revealed, so that logs can be kept free of it.

    Returns:
        A function that ends this.
    """
    _watchers.append(watcher)
    return lambda: _watchers.remove(watcher)


class Secret:
    """A token or password; every way of printing it shows the last four characters at most.

    ``reveal`` is the only way to the value; adapters call it while they build a request, nobody else does.
    Equality compares values; a secret is hashable so that it can be part of a cache key in memory.
    """

    __slots__ = ("_value",)

    def __init__(self, value: str) -> None:
        self._value = value

    def reveal(self) -> str:
        """The value itself. Never put it into a message, a log, a URL that is kept, or a repr."""
        for watcher in _watchers:
            watcher(self._value)
        return self._value

    @property
    def hint(self) -> str:
        """The last four characters behind an ellipsis, or only an ellipsis for short values."""
        return "…" + self._value[-_SHOWN:] if len(self._value) >= 4 * _SHOWN else "…"

    def __repr__(self) -> str:
        return f"Secret({self.hint})"

    __str__ = __repr__

    def __format__(self, spec: str) -> str:
        return format(repr(self), spec)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Secret) and self._value == other._value

    def __hash__(self) -> int:
        return hash(self._value)

    def __bool__(self) -> bool:
        return bool(self._value)

    def __reduce__(self) -> str:
        raise TypeError("a Secret is not pickled: it must not travel to another process unseen")
