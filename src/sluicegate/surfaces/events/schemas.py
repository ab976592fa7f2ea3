"""Wire form of the change stream (WHATWG HTML, section 9.2: server-sent events)."""

from typing import Final

import msgspec

from sluicegate.core.ports import Change

__all__ = ["GREETING", "HEARTBEAT", "ErrorBody", "event_bytes"]

GREETING: Final = b"retry: 2000\nevent: following\ndata: {}\n\n"
"""Sent once the feed is being followed: whatever changes from here on will be told."""

HEARTBEAT: Final = b": still here\n\n"
"""A comment; it keeps proxies from closing a quiet connection."""


class ErrorBody(msgspec.Struct):
    """Every answer that is not a success."""

    error: str


class ChangeBody(msgspec.Struct):
    """``data`` of one event: what changed, to be fetched again; ``version`` counts the object's changes."""

    kind: str
    id: str
    status: str
    version: int


def event_bytes(change: Change) -> bytes:
    """One event; its name is the kind of object (``job``, ``media_job``)."""
    body = ChangeBody(change.kind, str(change.subject), change.state, change.version)
    return b"event: %s\ndata: %s\n\n" % (change.kind.encode(), msgspec.json.encode(body))
