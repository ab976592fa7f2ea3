"""What the clouds' error answers mean."""

import html
import re
from collections.abc import Mapping
from typing import Final

from sluicegate.core.errors import ObjectMissing, StorageDenied, StorageError, StorageFull, StorageUnavailable
from sluicegate.storages.object_store.bucket import UploadGone

__all__ = ["fault", "xml_field", "xml_fields"]

_GONE: Final = frozenset({"NoSuchUpload", "InvalidPart", "InvalidBlockList"})
_FULL: Final = frozenset(
    {"InsufficientStorage", "XMinioStorageFull", "QuotaExceeded", "EntityTooLarge", "StorageFull", "quotaExceeded"}
)
_BUSY: Final = frozenset(
    {"SlowDown", "RequestTimeout", "ServerBusy", "OperationTimedOut", "InternalError", "rateLimitExceeded"}
)
_WORDS: Final[Mapping[str, str]] = {
    "AccessDenied": "The key may not do this in this bucket.",
    "AllAccessDisabled": "The storage has shut this account or bucket.",
    "AuthenticationFailed": "The account key or SAS token is wrong or has expired.",
    "AuthorizationFailure": "The account does not let this server in.",
    "AuthorizationHeaderMalformed": "The bucket is in another region than the one given.",
    "AuthorizationPermissionMismatch": "The SAS token or key may not do this.",
    "ContainerNotFound": "There is no such container.",
    "IllegalLocationConstraintException": "The bucket is in another region than the one given.",
    "InvalidAccessKeyId": "The storage does not know this access key.",
    "NoSuchBucket": "There is no such bucket.",
    "PermanentRedirect": "The bucket is in another region, or behind another endpoint.",
    "RequestTimeTooSkewed": "This machine's clock is wrong.",
    "SignatureDoesNotMatch": "The secret key is wrong.",
    "TemporaryRedirect": "The bucket is in another region, or behind another endpoint.",
    "forbidden": "The service account may not do this in this bucket.",
    "invalid_grant": "Google does not accept this service account key.",
    "notFound": "There is no such bucket.",
    "NotFound": "There is no such bucket.",
}
_STATUS_WORDS: Final[Mapping[int, str]] = {
    301: "PermanentRedirect", 307: "TemporaryRedirect", 401: "AccessDenied", 403: "AccessDenied", 404: "NoSuchBucket",
    507: "InsufficientStorage",
}  # fmt: skip


def fault(status: int, code: str, *, region: str = "", retry_after: float | None = None) -> StorageError:
    """The core error for an answer.

    Args:
        status: its HTTP status.
        code: the storage's own word, empty when it gave none.
        region: where the bucket is, when the storage says so.
        retry_after: seconds that the storage asks to wait.
    """
    code = _plain(code) or _STATUS_WORDS.get(status, "")
    words = _WORDS.get(code, "") + (f" It is in '{_plain(region)}'." if region else "")
    shown = f"{code}: {words}" if words else f"The storage answered {code or status}."
    if code in {"NoSuchKey", "BlobNotFound"}:
        return ObjectMissing(reason=code)
    if code in _GONE:
        return UploadGone(reason=code)
    if status == 507 or code in _FULL:
        return StorageFull(f"{code}: The storage is full, or a quota is used up.", reason=code)
    if code in _BUSY or status in {408, 429} or status >= 500:
        return StorageUnavailable(shown, reason=code or str(status), retry_after=retry_after)
    if code in _WORDS or status in {301, 307, 400, 401, 403, 404}:
        return StorageDenied(shown, reason=code or str(status))
    return StorageError(shown, reason=code or str(status))


def xml_field(body: bytes, name: str) -> str:
    """Text of the first element ``name``, empty when there is none.

    No XML parser reads what a stranger's server sends: a few flat elements are all that is wanted of it.
    """
    return next(iter(xml_fields(body, name)), "")


def xml_fields(body: bytes, name: str) -> list[str]:
    """The contents of all elements ``name``; for an element with children, their source."""
    found = re.findall(rb"<%s>(.*?)</%s>" % (name.encode(), name.encode()), body, re.DOTALL)
    return [html.unescape(text.decode("utf-8", "replace")) for text in found]


def _plain(word: str) -> str:
    """A word from outside, fit to be shown: it may hold anything."""
    return re.sub(r"[^A-Za-z0-9_-]", "", word)[:60]
