"""The age of lists: what an account is shown without ``bypass_cache``."""

from typing import Any, Final

from sluicegate.sandbox.accounts import Account
from sluicegate.sandbox.transfers import Kind
from sluicegate.sandbox.world import World

__all__ = ["Snapshots"]

_FRESH_SECONDS: Final = {Kind.TORRENT: 600.0, Kind.USENET: 5.0, Kind.WEB: 5.0}
_Rows = list[dict[str, Any]]


class Snapshots:
    """Rendered lists as they were: torrents up to 600 world seconds ago, the others up to 5.

    An account's own writes (create, control, edit) renew its lists; only progress grows old.
    """

    def __init__(self, world: World) -> None:
        self._world = world
        self._kept: dict[tuple[int, str, Kind], tuple[float, _Rows]] = {}

    def get(self, account: Account, kind: Kind) -> _Rows | None:
        """The list as it was shown before, if it is still fresh."""
        at, rows = self._kept.get((self._world.epoch, account.id, kind), (0.0, None))
        return rows if self._world.clock.now() - at < _FRESH_SECONDS[kind] else None

    def keep(self, account: Account, kind: Kind, rows: _Rows) -> None:
        """What is shown from now on."""
        self._kept[self._world.epoch, account.id, kind] = (self._world.clock.now(), rows)

    def renew(self, account: Account) -> None:
        """The account wrote something."""
        for kind in Kind:
            self._kept.pop((self._world.epoch, account.id, kind), None)
