"""The wire form of a ``Change`` on PostgreSQL's NOTIFY, and the SQL that sends one with a transaction's commit."""

import json
from typing import Any, Final
from uuid import UUID

from sqlalchemy import Function, func

from sluicegate.core.ports import Change

__all__ = ["CHANNEL", "notify", "read"]

CHANNEL: Final = "sluicegate_changes"


def notify(change: Change) -> Function[Any]:
    """An SQL expression; PostgreSQL delivers it when, and only when, the transaction commits.

    Equal notices of one transaction are delivered once.
    """
    notice = [change.kind, change.user_id.hex, change.subject.hex, change.state, change.version]
    return func.pg_notify(CHANNEL, json.dumps(notice, separators=(",", ":")))


def read(payload: str) -> Change:
    """Reads a notice.

    Raises:
        ValueError: somebody else wrote it.
    """
    kind, user_id, subject, state, version = json.loads(payload)
    return Change(str(kind), UUID(user_id), UUID(subject), str(state), int(version))
