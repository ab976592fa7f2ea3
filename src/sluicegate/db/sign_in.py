"""Logins, invitations and sessions in the database."""

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from sqlalchemy import RowMapping, Select, delete, func, select, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncConnection

from sluicegate.core.sign_in import Invitation, Login, Session
from sluicegate.db.rows import columns_of, first, many
from sluicegate.db.sign_in_schema import invitations, logins, sessions

__all__ = ["SignIns"]

_SESSIONS_SHOWN = 100
_SESSION = (
    sessions.c.id,
    sessions.c.user_id,
    func.coalesce(logins.c.admin, False).label("admin"),
    sessions.c.agent,
    sessions.c.address,
    sessions.c.created_at,
    sessions.c.seen_at,
    sessions.c.expires_at,
)


class SignIns:
    """Implements ``core.sign_in.SignInRepository``."""

    def __init__(self, connection: AsyncConnection) -> None:
        self._connection = connection

    async def login(self, user_id: UUID, *, lock: bool = False) -> Login | None:
        """See the port."""
        statement = select(logins).where(logins.c.user_id == user_id)
        row = await first(self._connection, statement.with_for_update() if lock else statement)
        return Login(**row) if row else None

    async def logins(self, user_ids: Sequence[UUID]) -> dict[UUID, Login]:
        """See the port."""
        rows = await many(self._connection, select(logins).where(logins.c.user_id.in_(user_ids)))
        return {row["user_id"]: Login(**row) for row in rows}

    async def put_login(self, login: Login) -> None:
        """See the port."""
        values = columns_of(login)
        statement = insert(logins).values(values)
        await self._connection.execute(
            statement.on_conflict_do_update(index_elements=["user_id"], set_=columns_of(login, without=("user_id",)))
        )

    async def admins(self) -> int:
        """See the port."""
        statement = select(func.count()).select_from(logins).where(logins.c.admin)
        return int((await self._connection.execute(statement)).scalar_one())

    async def add_invitation(self, invitation: Invitation, fingerprint: bytes) -> None:
        """See the port."""
        same = invitations.c.user_id.is_not_distinct_from(invitation.user_id)
        await self._connection.execute(delete(invitations).where(same))
        await self._connection.execute(insert(invitations).values(**columns_of(invitation), fingerprint=fingerprint))

    async def invitation(self, fingerprint: bytes, at: datetime, *, lock: bool = False) -> Invitation | None:
        """See the port."""
        columns = [column for column in invitations.c if column.name != "fingerprint"]
        statement = select(*columns).where(invitations.c.fingerprint == fingerprint, invitations.c.expires_at > at)
        row = await first(self._connection, statement.with_for_update() if lock else statement)
        return Invitation(**row) if row else None

    async def remove_invitation(self, invitation_id: UUID) -> None:
        """See the port."""
        await self._connection.execute(delete(invitations).where(invitations.c.id == invitation_id))

    async def add_session(self, session: Session, fingerprint: bytes) -> None:
        """See the port."""
        await self._connection.execute(delete(sessions).where(sessions.c.expires_at <= session.created_at))
        values = columns_of(session, without=("admin",))
        await self._connection.execute(insert(sessions).values(**values, fingerprint=fingerprint))

    async def session(self, fingerprint: bytes, at: datetime) -> Session | None:
        """See the port."""
        statement = _sessions().where(sessions.c.fingerprint == fingerprint, sessions.c.expires_at > at)
        row = await first(self._connection, statement)
        return _session(row) if row else None

    async def sessions(self, user_id: UUID, at: datetime) -> list[Session]:
        """See the port."""
        statement = _sessions().where(sessions.c.user_id == user_id, sessions.c.expires_at > at)
        newest = statement.order_by(sessions.c.seen_at.desc(), sessions.c.id).limit(_SESSIONS_SHOWN)
        return [_session(row) for row in await many(self._connection, newest)]

    async def seen(self, session_id: UUID, at: datetime) -> None:
        """See the port."""
        await self._connection.execute(update(sessions).where(sessions.c.id == session_id).values(seen_at=at))

    async def end_session(self, session_id: UUID, *, user_id: UUID) -> bool:
        """See the port."""
        statement = delete(sessions).where(sessions.c.id == session_id, sessions.c.user_id == user_id)
        return await first(self._connection, statement.returning(sessions.c.id)) is not None

    async def end_sessions(self, user_id: UUID, *, but: UUID | None = None) -> None:
        """See the port."""
        statement = delete(sessions).where(sessions.c.user_id == user_id)
        await self._connection.execute(statement if but is None else statement.where(sessions.c.id != but))

    async def forget_ended(self, at: datetime) -> int:
        """See the port."""
        ended = [delete(table).where(table.c.expires_at <= at) for table in (sessions, invitations)]
        return sum([(await self._connection.execute(statement)).rowcount for statement in ended])


def _sessions() -> Select[tuple[object, ...]]:
    joined = sessions.outerjoin(logins, logins.c.user_id == sessions.c.user_id)
    return select(*_SESSION).select_from(joined)


def _session(row: RowMapping) -> Session:
    return Session(**row)
