"""The tables of passkeys: what people sign in with, and the challenges that were answered."""

from sqlalchemy import BigInteger, Column, LargeBinary, Table, Text, Uuid

from sluicegate.db.columns import Time, owner
from sluicegate.db.schema import metadata

__all__ = ["answered_challenges", "passkeys"]


passkeys = Table(
    "passkeys",
    metadata,
    Column("id", Uuid, primary_key=True),
    owner(index=True),
    Column("credential_id", LargeBinary, nullable=False, unique=True),
    Column("public_key", LargeBinary, nullable=False),
    Column("sign_count", BigInteger, nullable=False),
    Column("label", Text, nullable=False),
    Column("host", Text, nullable=False),
    Column("created_at", Time, nullable=False),
    Column("used_at", Time),
)

answered_challenges = Table(
    "answered_challenges",
    metadata,
    Column("mark", LargeBinary, primary_key=True),
    Column("expires_at", Time, nullable=False),
)
