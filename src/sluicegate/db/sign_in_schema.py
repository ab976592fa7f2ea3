"""The tables of signing in: logins, invitations and sessions."""

from typing import Final

from sqlalchemy import BigInteger, Boolean, Column, DateTime, ForeignKey, LargeBinary, Table, Text, Uuid

from sluicegate.db.schema import metadata

__all__ = ["invitations", "logins", "sessions"]

_Time: Final = DateTime(timezone=True)


def _user(**more: bool) -> Column[object]:
    return Column("user_id", Uuid, ForeignKey("users.id", ondelete="CASCADE"), **more)  # type: ignore[arg-type]


logins = Table(
    "logins",
    metadata,
    _user(primary_key=True),
    Column("password_hash", Text, nullable=False),
    Column("admin", Boolean, nullable=False),
    Column("created_at", _Time, nullable=False),
    Column("sealed_totp", LargeBinary),
    Column("totp_used", BigInteger, nullable=False),
    Column("failures", BigInteger, nullable=False),
    Column("locked_until", _Time),
)

invitations = Table(
    "invitations",
    metadata,
    Column("id", Uuid, primary_key=True),
    _user(index=True),
    Column("admin", Boolean, nullable=False),
    Column("fingerprint", LargeBinary, nullable=False, unique=True),
    Column("created_at", _Time, nullable=False),
    Column("expires_at", _Time, nullable=False),
)

sessions = Table(
    "sessions",
    metadata,
    Column("id", Uuid, primary_key=True),
    _user(nullable=False, index=True),
    Column("fingerprint", LargeBinary, nullable=False, unique=True),
    Column("agent", Text, nullable=False),
    Column("address", Text, nullable=False),
    Column("created_at", _Time, nullable=False),
    Column("seen_at", _Time, nullable=False),
    Column("expires_at", _Time, nullable=False),
)
