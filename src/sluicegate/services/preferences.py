"""Preferences: what users choose for streaming and placing, read, changed and handed to whoever acts on them."""

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any, Final
from uuid import UUID

from sluicegate.core.cascade import CascadePreferences
from sluicegate.core.errors import InvalidInput
from sluicegate.core.playback import PlaybackMode
from sluicegate.core.ports import UnitOfWork, UnitOfWorkFactory
from sluicegate.core.stream_proxies import ProxyKind

__all__ = ["DEFAULTS", "QUALITIES", "PreferenceService"]

QUALITIES: Final = ("1080p", "4k", "any")
BACKENDS: Final = ("premiumize", "torrin", "torbox", "realdebrid", "alldebrid", "debridlink")
_BYTES_MAX: Final = 2**60
_SEEDS_MAX: Final = 1_000_000

DEFAULTS: Final[Mapping[str, Any]] = {
    "preferred_backends": [],
    "use_proxy": False,
    "proxy_kind": None,
    "preferred_quality": "any",
    "max_file_size_bytes": None,
    "hide_uncached": False,
    "playback": None,
    "bind_address": False,
    "plain_proxy_links": False,
    "only_cached": False,
    "min_seeds": None,
}
"""Every preference and what holds for a user who has not chosen. The first six are the contract's, the others ours."""

_CASCADE: Final = {"preferred_backends", "max_file_size_bytes", "only_cached", "min_seeds"}
"""Kept by the cascade, which acts on them."""


class PreferenceService:
    """Reads and changes preferences."""

    def __init__(self, transactions: UnitOfWorkFactory) -> None:
        self._transactions = transactions

    async def get(self, user_id: UUID) -> dict[str, Any]:
        """All preferences by name."""
        async with self._transactions() as tx:
            return await _all(tx, user_id)

    async def change(self, user_id: UUID, changes: Mapping[str, Any]) -> dict[str, Any]:
        """Changes the named ones; None brings a default back. Returns all.

        Raises:
            InvalidInput: an unknown name, or a value that it cannot have; nothing has changed then.
        """
        for name, value in changes.items():
            if name not in DEFAULTS:
                raise InvalidInput(f"There is no preference '{name[:60]}'; there are: {', '.join(DEFAULTS)}.")
            if value is not None and (expected := _CHECKS[name](value)):
                raise InvalidInput(f"'{name}' must be {expected}.", field=name)
        async with self._transactions() as tx:
            own = {name: value for name, value in changes.items() if name not in _CASCADE}
            await tx.preferences.change(user_id, own)
            placing = {name: value for name, value in changes.items() if name in _CASCADE}
            if placing:
                await tx.cascade_preferences.put(user_id, _placed(await tx.cascade_preferences.get(user_id), placing))
            return await _all(tx, user_id)


async def _all(tx: UnitOfWork, user_id: UUID) -> dict[str, Any]:
    placing = await tx.cascade_preferences.get(user_id)
    kept = {name: value for name, value in (await tx.preferences.get(user_id)).items() if name in DEFAULTS}
    return {
        **DEFAULTS,
        **kept,
        "preferred_backends": list(placing.prefer),
        "only_cached": placing.only_cached,
        "max_file_size_bytes": placing.max_size,
        "min_seeds": placing.min_seeds,
    }


def _placed(before: CascadePreferences, changes: Mapping[str, Any]) -> CascadePreferences:
    values = {name: DEFAULTS[name] if value is None else value for name, value in changes.items()}
    after = before
    if "preferred_backends" in values:
        after = replace(after, prefer=tuple(values["preferred_backends"]))
    if "only_cached" in values:
        after = replace(after, only_cached=values["only_cached"])
    if "max_file_size_bytes" in values:
        after = replace(after, max_size=values["max_file_size_bytes"])
    if "min_seeds" in values:
        after = replace(after, min_seeds=values["min_seeds"])
    return after


def _word(*words: str) -> Callable[[Any], str]:
    return lambda value: "" if isinstance(value, str) and value in words else f"one of {', '.join(words)}, or null"


def _flag(value: Any) -> str:  # noqa: ANN401 - a stranger's JSON
    return "" if isinstance(value, bool) else "true or false"


def _number(least: int, most: int) -> Callable[[Any], str]:
    def check(value: Any) -> str:  # noqa: ANN401 - a stranger's JSON
        fits = isinstance(value, int) and not isinstance(value, bool) and least <= value <= most
        return "" if fits else f"a whole number from {least} to {most}, or null"

    return check


def _backends(value: Any) -> str:  # noqa: ANN401 - a stranger's JSON
    fits = isinstance(value, list) and all(isinstance(one, str) and one in BACKENDS for one in value)
    return "" if fits and len(set(value)) == len(value) else f"a list of {', '.join(BACKENDS)}, each at most once"


_CHECKS: Final[Mapping[str, Callable[[Any], str]]] = {
    "preferred_backends": _backends,
    "use_proxy": _flag,
    "proxy_kind": _word(*ProxyKind),
    "preferred_quality": _word(*QUALITIES),
    "max_file_size_bytes": _number(1, _BYTES_MAX),
    "hide_uncached": _flag,
    "playback": _word(*PlaybackMode),
    "bind_address": _flag,
    "plain_proxy_links": _flag,
    "only_cached": _flag,
    "min_seeds": _number(0, _SEEDS_MAX),
}
"""Each says what is expected, or nothing when the value fits."""
