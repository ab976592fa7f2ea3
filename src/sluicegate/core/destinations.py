"""Storage targets: the users' own buckets, to which finished files are delivered."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Final, Protocol
from urllib.parse import SplitResult, urlsplit
from uuid import UUID

from sluicegate.core.errors import InvalidInput
from sluicegate.core.secrets import Secret
from sluicegate.core.storage import UploadState
from sluicegate.core.storage_keys import check_key

__all__ = [
    "BASE_FOLDER",
    "Cloud",
    "Destination",
    "DestinationRepository",
    "Place",
    "SecretKind",
    "StoreJob",
    "StoreJobRepository",
    "StoreState",
    "UploadRepository",
    "UploadRow",
    "check_place",
    "secret_kind",
    "storage_name",
    "target_id",
]

BASE_FOLDER: Final = "videos"
"""Top-level folder unless the caller names another (media jobs sheet, section 11.1)."""

_BUCKET: Final = re.compile(r"[A-Za-z0-9$][A-Za-z0-9._-]{0,221}")
_REGION: Final = re.compile(r"[a-z0-9-]{0,40}")
_ACCOUNT: Final = re.compile(r"[\x21-\x7e]{0,256}")
_SECRET_MAX: Final = 20_000
_ENDPOINT_MAX: Final = 500
_FOLDER_MAX: Final = 200
_NAME_PREFIX: Final = "target:"


class Cloud(StrEnum):
    """Kinds of storage, in the words of the media jobs contract."""

    S3 = "s3"
    BLOB = "blob"
    GCS = "gcs"
    OSS = "oss"


class SecretKind(StrEnum):
    """What the secret of a target is."""

    KEY = "key"
    SAS = "sas"


@dataclass(frozen=True, slots=True)
class Place:
    """A bucket, and how to reach it.

    Attributes:
        endpoint: ``scheme://host[:port]``; for Azure the account's blob endpoint, which may have a path.
        bucket: bucket or container.
        region: what signatures name; empty where the cloud has none.
        account: access key id, account name or project id: no secret.
        folder_prefix: put before every key as it is.
        base_folder: top-level folder of media jobs; library files go there as well.
    """

    cloud: Cloud
    endpoint: str
    bucket: str
    region: str = ""
    account: str = ""
    secret_kind: SecretKind = SecretKind.KEY
    folder_prefix: str = ""
    base_folder: str = BASE_FOLDER


@dataclass(frozen=True, slots=True)
class Destination:
    """A storage target of one user.

    Attributes:
        name: what its user calls it; unique among the user's targets that have one. Empty for the one-off target of a
            single request.
        is_default: media jobs without a target of their own go there.
    """

    id: UUID
    user_id: UUID
    name: str
    place: Place
    is_default: bool
    created_at: datetime
    updated_at: datetime


def check_place(place: Place, secret: Secret) -> None:
    """Checks the form of a target before anybody is asked.

    Raises:
        InvalidInput: names the field.
    """
    parts = _split(place.endpoint)
    path_allowed = place.cloud is Cloud.BLOB
    if parts is None or parts.query or parts.fragment or (parts.path.strip("/") and not path_allowed):
        raise InvalidInput("endpoint must be a URL such as https://s3.eu-west-1.amazonaws.com", field="endpoint")
    if not _BUCKET.fullmatch(place.bucket) or ".." in place.bucket:
        name = "container" if place.cloud is Cloud.BLOB else "bucket"
        raise InvalidInput(f"{name} is not a valid name", field=name)
    if not _REGION.fullmatch(place.region):
        raise InvalidInput("region is not a valid name", field="region")
    if not _ACCOUNT.fullmatch(place.account):
        raise InvalidInput("The account or access key is not valid text", field="access_key")
    text = secret.reveal()
    if not text or len(text) > _SECRET_MAX or "\0" in text:
        raise InvalidInput("The secret is empty or too long", field="secret")
    _check_folder(place.base_folder, "base_folder")
    if place.folder_prefix:
        _check_folder(place.folder_prefix.removesuffix("/"), "folder_prefix")


def secret_kind(destination_id: UUID) -> str:
    """What the vault binds a target's secret to, beside its user."""
    return f"destination:{destination_id}"


def storage_name(destination_id: UUID) -> str:
    """What ``core.ports.Storages`` knows a target by, and rows of jobs keep."""
    return f"{_NAME_PREFIX}{destination_id}"


def target_id(storage: str | None) -> UUID | None:
    """Reads ``storage_name`` back; None for a storage of this machine."""
    if storage is None or not storage.startswith(_NAME_PREFIX):
        return None
    return UUID(storage.removeprefix(_NAME_PREFIX))


def _check_folder(folder: str, name: str) -> None:
    try:
        if len(folder) > _FOLDER_MAX:
            raise InvalidInput("too long")  # noqa: TRY301 - one answer for every cause
        check_key(folder)
    except InvalidInput as error:
        raise InvalidInput(
            f"{name} must be a relative path of at most {_FOLDER_MAX} characters without '..'", field=name
        ) from error


def _split(endpoint: str) -> SplitResult | None:
    if len(endpoint) > _ENDPOINT_MAX or not endpoint.isascii():
        return None
    try:
        parts = urlsplit(endpoint)
        valid = parts.scheme in {"http", "https"} and bool(parts.hostname) and "@" not in parts.netloc
    except ValueError:
        return None
    return parts if valid else None


class StoreState(StrEnum):
    """States of one delivery of a library file."""

    PENDING = "pending"
    UPLOADING = "uploading"
    DONE = "done"
    FAILED = "failed"

    @property
    def over(self) -> bool:
        """True when nothing will change any more."""
        return self in {StoreState.DONE, StoreState.FAILED}


@dataclass(frozen=True, slots=True)
class StoreJob:
    """The delivery of one file of a library job to a target.

    Attributes:
        key: where it goes; taken when the delivery is made, so that a second run finds its own object.
        size: bytes, None while unknown.
        error: plain words, when it failed or while it waits to try again.
    """

    id: UUID
    user_id: UUID
    job_id: UUID
    file_id: UUID
    destination_id: UUID
    key: str
    state: StoreState
    created_at: datetime
    updated_at: datetime
    finished_at: datetime | None = None
    size: int | None = None
    sent: int = 0
    attempts: int = 0
    error_code: str | None = None
    error: str | None = None


@dataclass(frozen=True, slots=True)
class UploadRow:
    """An upload that is not whole yet, as kept over a crash.

    Attributes:
        size: of what it was begun with; another one means that the old parts are worthless.
    """

    id: UUID
    user_id: UUID
    destination_id: UUID
    key: str
    size: int | None
    state: UploadState
    updated_at: datetime


class DestinationRepository(Protocol):
    """Storage targets and their sealed secrets."""

    async def save(self, destination: Destination, secret: Secret, *, fingerprint: bytes) -> Destination:
        """Adds a target, or renews the user's target with the same place and account; the secret is sealed.

        A default one takes the mark from the others; a named one takes the name from whichever had it.
        ``fingerprint`` recognises the credentials, so that unchanged ones need no second check.
        """
        ...

    async def get(self, destination_id: UUID, *, user_id: UUID | None = None) -> Destination:
        """Raises NotFound, also for a foreign one."""
        ...

    async def secret(self, destination_id: UUID) -> Secret:
        """Opens the secret. Raises NotFound, InternalError (wrong master key)."""
        ...

    async def same(self, user_id: UUID, fingerprint: bytes) -> Destination | None:
        """The user's target that was saved with exactly these credentials, or None."""
        ...

    async def by_name(self, user_id: UUID, name: str) -> Destination:
        """Raises NotFound."""
        ...

    async def default(self, user_id: UUID) -> Destination | None:
        """The target of media jobs without one of their own."""
        ...

    async def page(self, user_id: UUID, *, limit: int, offset: int) -> list[Destination]:
        """Named ones, oldest first."""
        ...

    async def remove(self, user_id: UUID, *, cloud: Cloud | None = None, name: str | None = None) -> int:
        """Deletes targets with their secrets, deliveries and notes of uploads; returns how many."""
        ...


class UploadRepository(Protocol):
    """Uploads that are not whole yet."""

    async def find(self, destination_id: UUID, key: str) -> UploadRow | None:
        """The upload to this key."""
        ...

    async def save(self, row: UploadRow) -> None:
        """Adds it, or replaces its state."""
        ...

    async def remove(self, destination_id: UUID, key: str) -> None:
        """Forgets it; one that is gone is fine."""
        ...

    async def of(self, user_id: UUID, cloud: Cloud | None, name: str | None) -> list[UploadRow]:
        """Those to a user's targets of this cloud, or to the one with this name."""
        ...

    async def orphans(self, *, before: datetime, limit: int) -> list[UploadRow]:
        """Those without progress since ``before`` to whose key no unfinished job of any kind wants to deliver."""
        ...


class StoreJobRepository(Protocol):
    """Deliveries of library files."""

    async def add(self, job: StoreJob) -> StoreJob:
        """Adds a delivery, or finds the one of this file to this target and key that has not failed."""
        ...

    async def get(self, store_id: UUID, *, user_id: UUID | None = None) -> StoreJob:
        """Raises NotFound, also for a foreign one."""
        ...

    async def page(self, user_id: UUID, job_id: UUID, *, limit: int, offset: int) -> list[StoreJob]:
        """Deliveries of one library job, newest first."""
        ...

    async def update(self, job: StoreJob) -> None:
        """Writes state, figures and error. Raises NotFound."""
        ...

    async def unfinished(self, *, limit: int, after: UUID | None = None) -> Sequence[StoreJob]:
        """Pending and uploading ones in id order, for the sweep."""
        ...
