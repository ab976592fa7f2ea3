"""Live mode of ``magnet/status``: what changed since a session's last answer."""

from collections import OrderedDict
from typing import Any, Final

__all__ = ["LiveSessions"]

_MOST: Final = 256

Row = dict[str, Any]


class LiveSessions:
    """The last answer of every session, in memory: a forgotten session gets a full sync, as the protocol allows."""

    def __init__(self) -> None:
        self._seen: OrderedDict[tuple[str, str], tuple[int, dict[int, Row]]] = OrderedDict()

    def answer(self, account: str, session: str, counter: int, rows: list[Row]) -> dict[str, Any]:
        """The ``data`` of one poll.

        Args:
            account: whose session it is, in which life of the world.
            session: the number that the client chose.
            counter: from the session's last answer, 0 at first; any other number gives a full sync.
            rows: all magnets as they are now.
        """
        key = (account, session)
        last, old = self._seen.pop(key, (0, {}))
        now = {int(row["id"]): row for row in rows}
        self._seen[key] = (last + 1, now)
        if len(self._seen) > _MOST:
            self._seen.popitem(last=False)
        if not counter or counter != last:
            return {"magnets": rows, "counter": last + 1, "fullsync": True}
        gone = [{"id": id_, "deleted": True} for id_ in old if id_ not in now]
        changed = [delta for id_, row in now.items() if (delta := _delta(old.get(id_, {}), row))]
        return {"magnets": changed + gone, "counter": last + 1}


def _delta(old: Row, new: Row) -> Row:
    """Only the fields that changed, with the id; empty if none did."""
    changed = {name: value for name, value in new.items() if name not in old or old[name] != value}
    return {"id": new["id"], **changed} if changed else {}
