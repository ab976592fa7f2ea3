"""The tables of registering: addresses that wait to be proven, and those of users."""

from sqlalchemy import BigInteger, Column, Index, LargeBinary, Table, Text, Uuid

from sluicegate.core.registration import MailState
from sluicegate.db.columns import Time, one_of, owner
from sluicegate.db.schema import metadata

__all__ = ["registrations", "user_addresses"]


registrations = Table(
    "registrations",
    metadata,
    Column("id", Uuid, primary_key=True),
    Column("address", Text, nullable=False),
    Column("address_key", Text, nullable=False, unique=True),
    Column("fingerprint", LargeBinary, nullable=False, unique=True),
    Column("state", Text, nullable=False),
    Column("attempts", BigInteger, nullable=False),
    Column("mails", BigInteger, nullable=False),
    Column("next_at", Time, nullable=False),
    Column("words", Text, nullable=False),
    Column("created_at", Time, nullable=False),
    Column("asked_at", Time, nullable=False),
    Column("expires_at", Time, nullable=False),
    one_of("state", MailState),
    Index(None, "expires_at"),
)

user_addresses = Table(
    "user_addresses",
    metadata,
    owner(primary_key=True),
    Column("address", Text, nullable=False),
    Column("address_key", Text, nullable=False, unique=True),
    Column("verified_at", Time, nullable=False),
)
