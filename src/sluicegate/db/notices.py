"""The wire form of a ``Change`` on PostgreSQL's NOTIFY, and the SQL that sends one with a transaction's commit."""

import json
from typing import Final
from uuid import UUID

from sqlalchemy import Text, bindparam, func

from sluicegate.core.ports import Change

__all__ = ["CHANNEL", "NOTIFY", "notice", "read"]

CHANNEL: Final = "sluicegate_changes"


NOTIFY: Final = func.pg_notify(CHANNEL, bindparam("notice", type_=Text))
"""Sends the parameter ``notice``; PostgreSQL delivers it when, and only when, the transaction commits."""


def notice(change: Change) -> dict[str, str]:
    """The parameter of ``NOTIFY``."""
    told = [change.kind, change.user_id.hex, change.subject.hex, change.state, change.version]
    return {"notice": json.dumps(told, separators=(",", ":"))}


def read(payload: str) -> Change:
    """Reads a notice.

    Raises:
        ValueError: somebody else wrote it.
    """
    kind, user_id, subject, state, version = json.loads(payload)
    return Change(str(kind), UUID(user_id), UUID(subject), str(state), int(version))
