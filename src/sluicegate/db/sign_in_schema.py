"""The tables of signing in: logins, invitations and sessions."""

from sqlalchemy import BigInteger, Boolean, Column, LargeBinary, Table, Text, Uuid

from sluicegate.db.columns import Time, owner
from sluicegate.db.schema import metadata

__all__ = ["invitations", "logins", "sessions"]


logins = Table(
    "logins",
    metadata,
    owner(primary_key=True),
    Column("password_hash", Text, nullable=False),
    Column("admin", Boolean, nullable=False),
    Column("created_at", Time, nullable=False),
    Column("sealed_totp", LargeBinary),
    Column("totp_used", BigInteger, nullable=False),
    Column("failures", BigInteger, nullable=False),
    Column("locked_until", Time),
)

invitations = Table(
    "invitations",
    metadata,
    Column("id", Uuid, primary_key=True),
    owner(index=True, nullable=True),
    Column("admin", Boolean, nullable=False),
    Column("fingerprint", LargeBinary, nullable=False, unique=True),
    Column("created_at", Time, nullable=False),
    Column("expires_at", Time, nullable=False),
)

sessions = Table(
    "sessions",
    metadata,
    Column("id", Uuid, primary_key=True),
    owner(index=True),
    Column("fingerprint", LargeBinary, nullable=False, unique=True),
    Column("agent", Text, nullable=False),
    Column("address", Text, nullable=False),
    Column("created_at", Time, nullable=False),
    Column("seen_at", Time, nullable=False),
    Column("expires_at", Time, nullable=False),
)
