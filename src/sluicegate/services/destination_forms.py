"""Reading storage targets as people and clients write them: the fields of the media jobs contract, and URLs.

Fields: its sheet, sections 4.3 and 11.2 to 11.6. ``endpoint`` for Azure and Google is an addition of ours, for
emulators and national clouds; ``region`` for OSS is one, too.
"""

from collections.abc import Mapping
from typing import Any, Final

from sluicegate.core.destinations import BASE_FOLDER, Cloud, Place, SecretKind
from sluicegate.core.errors import InvalidInput
from sluicegate.core.secrets import Secret

__all__ = ["FIELDS", "read_form", "read_inline"]

FIELDS: Final[Mapping[Cloud, tuple[tuple[str, ...], tuple[str, ...]]]] = {
    Cloud.S3: (("endpoint", "bucket", "region", "access_key", "secret_key"), ()),
    Cloud.BLOB: (("account_name", "container"), ("account_key", "sas_token", "endpoint")),
    Cloud.GCS: (("project_id", "bucket", "service_account_json"), ("endpoint",)),
    Cloud.OSS: (("endpoint", "bucket", "access_key_id", "access_key_secret"), ("region",)),
}
"""Required and optional fields of each cloud."""

_SHARED: Final = ("folder_prefix", "base_folder")
_GOOGLE: Final = "https://storage.googleapis.com"
_TEXT_MAX: Final = 20_000


def read_inline(wanted: Mapping[str, Any]) -> tuple[Place, Secret]:
    """The ``storage`` object of a request: ``provider`` and that provider's fields.

    Raises:
        InvalidInput: names the field that is missing or wrong.
    """
    provider = _text("provider", wanted.get("provider", ""))
    try:
        cloud = Cloud(provider)
    except ValueError as error:
        names = ", ".join(Cloud)
        raise InvalidInput(f"storage.provider must be one of: {names}", field="storage") from error
    return read_form(cloud, {name: value for name, value in wanted.items() if name != "provider"})


def read_form(cloud: Cloud, fields: Mapping[str, Any]) -> tuple[Place, Secret]:
    """A target from its fields. Raises as ``read_inline``."""
    required, optional = FIELDS[cloud]
    texts = {name: _text(name, value) for name, value in fields.items() if value is not None}
    for name in required:
        if not texts.get(name, "").strip():
            raise InvalidInput(f"{name} is required", field=name)
    for name in texts:
        if name not in {*required, *optional, *_SHARED}:
            raise InvalidInput(f"{name[:40]!r} is not a field of {cloud} storage", field="storage")
    shared: dict[str, Any] = {
        "folder_prefix": texts.get("folder_prefix", ""),
        "base_folder": texts.get("base_folder", "").strip("/") or BASE_FOLDER,
    }
    read = {Cloud.S3: _s3, Cloud.BLOB: _blob, Cloud.GCS: _gcs, Cloud.OSS: _oss}[cloud]
    return read(texts, shared)


def _s3(texts: Mapping[str, str], shared: dict[str, Any]) -> tuple[Place, Secret]:
    place = Place(
        Cloud.S3, _endpoint(texts["endpoint"]), texts["bucket"], texts["region"], texts["access_key"], **shared
    )
    return place, Secret(texts["secret_key"])


def _oss(texts: Mapping[str, str], shared: dict[str, Any]) -> tuple[Place, Secret]:
    place = Place(
        Cloud.OSS,
        _endpoint(texts["endpoint"]),
        texts["bucket"],
        texts.get("region", ""),
        texts["access_key_id"],
        **shared,
    )
    return place, Secret(texts["access_key_secret"])


def _blob(texts: Mapping[str, str], shared: dict[str, Any]) -> tuple[Place, Secret]:
    key, token = texts.get("account_key", ""), texts.get("sas_token", "")
    if not key and not token:
        raise InvalidInput("Either account_key or sas_token must be provided", field="account_key")
    if key and token:
        raise InvalidInput("Give account_key or sas_token, not both", field="account_key")
    account = texts["account_name"]
    if not account.replace("-", "").isalnum() or not account.isascii():
        raise InvalidInput("account_name is not a valid name", field="account_name")
    endpoint = texts.get("endpoint") or f"https://{account}.blob.core.windows.net"
    kind = SecretKind.KEY if key else SecretKind.SAS
    place = Place(Cloud.BLOB, _endpoint(endpoint), texts["container"], account=account, secret_kind=kind, **shared)
    return place, Secret(key or token)


def _gcs(texts: Mapping[str, str], shared: dict[str, Any]) -> tuple[Place, Secret]:
    endpoint = _endpoint(texts.get("endpoint") or _GOOGLE)
    place = Place(Cloud.GCS, endpoint, texts["bucket"], account=texts["project_id"], **shared)
    return place, Secret(texts["service_account_json"])


def _endpoint(text: str) -> str:
    """Without the slash at its end; a bare host means https."""
    text = text.strip().rstrip("/")
    return text if "://" in text else f"https://{text}"


def _text(name: str, value: object) -> str:
    if not isinstance(value, str) or len(value) > _TEXT_MAX:
        raise InvalidInput(f"{name[:40]} must be text", field=name[:40])
    return value
