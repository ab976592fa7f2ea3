"""Tables of storage targets, of uploads that are not whole yet, and of deliveries."""

from typing import Final

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    Table,
    Text,
    UniqueConstraint,
    Uuid,
    text,
)

from sluicegate.core.destinations import Cloud, SecretKind, StoreState
from sluicegate.db.columns import Time, one_of, owner
from sluicegate.db.schema import metadata

__all__ = ["PLACE_COLUMNS", "STORE_IS_ACTIVE", "destinations", "open_uploads", "store_jobs"]

PLACE_COLUMNS: Final = (
    "cloud", "endpoint", "bucket", "region", "account", "secret_kind", "folder_prefix", "base_folder",
)  # fmt: skip


destinations = Table(
    "destinations",
    metadata,
    Column("id", Uuid, primary_key=True),
    owner(),
    Column("name", Text, nullable=False),
    Column("cloud", Text, nullable=False),
    Column("endpoint", Text, nullable=False),
    Column("bucket", Text, nullable=False),
    Column("region", Text, nullable=False),
    Column("account", Text, nullable=False),
    Column("secret_kind", Text, nullable=False),
    Column("folder_prefix", Text, nullable=False),
    Column("base_folder", Text, nullable=False),
    Column("is_default", Boolean, nullable=False),
    Column("fingerprint", LargeBinary, nullable=False),
    Column("sealed_secret", LargeBinary, nullable=False),
    Column("created_at", Time, nullable=False),
    Column("updated_at", Time, nullable=False),
    one_of("cloud", Cloud),
    one_of("secret_kind", SecretKind),
    UniqueConstraint(
        *("user_id", "cloud", "endpoint", "bucket", "account", "secret_kind", "folder_prefix", "base_folder"),
        name="uq_destinations_place",
    ),
    Index("ix_destinations_name", "user_id", "name", unique=True, postgresql_where=text("name <> ''")),
    Index("ix_destinations_default", "user_id", unique=True, postgresql_where=text("is_default")),
)

open_uploads = Table(
    "open_uploads",
    metadata,
    Column("id", Uuid, primary_key=True),
    owner(index=True),
    Column("destination_id", Uuid, ForeignKey("destinations.id", ondelete="CASCADE"), nullable=False),
    Column("key", Text, nullable=False),
    Column("size", BigInteger),
    Column("sealed_state", LargeBinary, nullable=False),
    Column("updated_at", Time, nullable=False, index=True),
    UniqueConstraint("destination_id", "key", name="uq_open_uploads_place"),
    comment="Uploads in parts on their way: what is needed to go on with them, or to remove them.",
)

STORE_IS_ACTIVE: Final = text("state IN ('pending', 'uploading')")
_STORE_COUNTS: Final = text("state <> 'failed'")

store_jobs = Table(
    "store_jobs",
    metadata,
    Column("id", Uuid, primary_key=True),
    owner(index=True),
    Column("job_id", Uuid, ForeignKey("jobs.id", ondelete="CASCADE"), nullable=False),
    Column("file_id", Uuid, nullable=False),
    Column("destination_id", Uuid, ForeignKey("destinations.id", ondelete="CASCADE"), nullable=False, index=True),
    Column("key", Text, nullable=False),
    Column("state", Text, nullable=False),
    Column("created_at", Time, nullable=False),
    Column("updated_at", Time, nullable=False),
    Column("finished_at", Time),
    Column("size", BigInteger),
    Column("sent", BigInteger, nullable=False),
    Column("attempts", Integer, nullable=False),
    Column("error_code", Text),
    Column("error", Text),
    one_of("state", StoreState),
    Index("ix_store_jobs_job", "job_id", text("created_at DESC")),
    Index("ix_store_jobs_file", "file_id", "destination_id", unique=True, postgresql_where=_STORE_COUNTS),
    Index("ix_store_jobs_active", "id", postgresql_where=STORE_IS_ACTIVE),
)
