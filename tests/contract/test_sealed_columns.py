"""No sealed column is forgotten: a rotation of the master key that missed one would make its values unreadable."""

from sqlalchemy import LargeBinary

from sluicegate.db import (  # noqa: F401 - each adds its tables to the metadata
    cascade_schema,
    destination_schema,
    feed_schema,
    gateway_schema,
    media_schema,
    people_schema,
    registration_schema,
    schema,
    sign_in_schema,
    sync_schema,
    webhook_schema,
)
from sluicegate.db.sealed import SEALED_COLUMNS

NOT_SEALED = {
    "keys.fingerprint": "keyed hash; its key outlasts the master key",
    "addon_secrets.fingerprint": "as above",
    "invitations.fingerprint": "as above",
    "sessions.fingerprint": "as above",
    "registrations.fingerprint": "as above",
    "repeats.fingerprint": "as above",
    "destinations.fingerprint": "as above",
    "passkeys.credential_id": "what a device calls its passkey",
    "passkeys.public_key": "the public half",
    "answered_challenges.mark": "random, and over",
    "uploads.raw": "an uploaded .torrent",
    "feed_items.key": "hash of an item's address",
}


def test_every_binary_column_is_sealed_anew_or_known_not_to_be_sealed():
    """T33: whoever adds a binary column says here or in db/sealed.py what it is."""
    binary = {
        f"{table.name}.{column.name}"
        for table in schema.metadata.tables.values()
        for column in table.columns
        if isinstance(column.type, LargeBinary)
    }
    sealed = {column.name for column in SEALED_COLUMNS}
    assert sealed.isdisjoint(NOT_SEALED)
    assert binary == sealed | set(NOT_SEALED)


def test_every_column_that_is_called_sealed_is():
    called = {
        f"{table.name}.{column.name}"
        for table in schema.metadata.tables.values()
        for column in table.columns
        if column.name.startswith("sealed")
    }
    assert called == {column.name for column in SEALED_COLUMNS}
