"""``/user/s3``, ``/user/blob``, ``/user/gcs``, ``/user/oss`` and the legacy ``/user/bucket`` (sheet, section 11)."""

from dataclasses import dataclass
from typing import Any, ClassVar, Final

import msgspec
from litestar import Request, Router, delete, post
from litestar.di import NamedDependency, Provide
from litestar.openapi import ResponseSpec
from litestar.openapi.spec import OpenAPIMediaType, OpenAPIType, Operation, RequestBody, Schema
from litestar.params import SkipValidation

from sluicegate.core.destinations import Cloud
from sluicegate.core.errors import InvalidInput, StorageError
from sluicegate.core.keys import Key
from sluicegate.services.destination_forms import FIELDS, read_form
from sluicegate.services.destinations import DestinationService
from sluicegate.surfaces.media_jobs.errors import EXCEPTION_HANDLERS
from sluicegate.surfaces.media_jobs.schemas import ErrorBody
from sluicegate.web.auth import caller_of
from sluicegate.web.routing import SurfaceRouter

__all__ = ["StorageServices", "router"]

_BODY_MAX: Final = 64 * 1024
_TITLES: Final = {
    Cloud.S3: "S3 storage",
    Cloud.BLOB: "Azure Blob storage",
    Cloud.GCS: "Google Cloud Storage",
    Cloud.OSS: "Alibaba OSS storage",
}
_OLD_WORDS: Final = {"AccessDenied": "Access Denied"}
"""How the legacy endpoint spells the reasons that the documentation names (section 11.2)."""


class Configured(msgspec.Struct, omit_defaults=True):
    """Answer of every POST but the legacy one."""

    message: str
    provider: str
    container_or_bucket: str
    folder_prefix: str = ""


class Message(msgspec.Struct):
    """Answer of every DELETE, and of the legacy POST."""

    message: str


@dataclass(frozen=True, slots=True)
class StorageServices:
    """What these routes call."""

    destinations: DestinationService


_Request = Request[Any, Any, Any]
_Services = NamedDependency[SkipValidation[StorageServices]]
_Caller = NamedDependency[SkipValidation[Key]]


def router(services: StorageServices) -> Router:
    """The API at ``/user``, for media keys (``x-api-key: sk_…``)."""
    return SurfaceRouter(
        path="/user",
        route_handlers=[
            *(set_s3, set_blob, set_gcs, set_oss, set_bucket),
            *(remove_s3, remove_blob, remove_gcs, remove_oss, remove_bucket),
        ],
        dependencies={
            "services": Provide(lambda: services, sync_to_thread=False),
            "caller": Provide(caller_of, sync_to_thread=False),
        },
        exception_handlers=EXCEPTION_HANDLERS,
        request_max_body_size=_BODY_MAX,
        security=[{"media_key": []}],
        tags=["media jobs"],
    )


_REFUSALS: Final = {
    status: ResponseSpec(ErrorBody, generate_examples=False, description="Refused.") for status in (400, 401, 413)
}


@dataclass
class _Form(Operation):
    """The fields of one cloud."""

    cloud: ClassVar[Cloud] = Cloud.S3

    def __post_init__(self) -> None:
        """Describes the body."""
        required, optional = FIELDS[self.cloud]
        names = (*required, *optional, "folder_prefix", "base_folder")
        properties = {name: Schema(type=OpenAPIType.STRING) for name in names}
        schema = Schema(
            type=OpenAPIType.OBJECT,
            properties=dict(properties),
            required=list(required),
            additional_properties=False,
        )
        self.request_body = RequestBody(required=True, content={"application/json": OpenAPIMediaType(schema)})


class _BlobForm(_Form):
    cloud = Cloud.BLOB


class _GcsForm(_Form):
    cloud = Cloud.GCS


class _OssForm(_Form):
    cloud = Cloud.OSS


@post(
    "/s3",
    summary="Deliver to an S3 bucket",
    description="New files go there; a test object is written and deleted first.",
    responses=_REFUSALS,
    operation_class=_Form,
    status_code=200,
)
async def set_s3(request: _Request, caller: _Caller, services: _Services) -> Configured:
    """Saves S3 or a compatible."""
    return await _save(Cloud.S3, request, caller, services)


@post("/blob", summary="Deliver to Azure Blob", responses=_REFUSALS, operation_class=_BlobForm, status_code=200)
async def set_blob(request: _Request, caller: _Caller, services: _Services) -> Configured:
    """Saves an Azure container."""
    return await _save(Cloud.BLOB, request, caller, services)


@post("/gcs", summary="Deliver to Google Cloud", responses=_REFUSALS, operation_class=_GcsForm, status_code=200)
async def set_gcs(request: _Request, caller: _Caller, services: _Services) -> Configured:
    """Saves a Google bucket."""
    return await _save(Cloud.GCS, request, caller, services)


@post("/oss", summary="Deliver to Alibaba OSS", responses=_REFUSALS, operation_class=_OssForm, status_code=200)
async def set_oss(request: _Request, caller: _Caller, services: _Services) -> Configured:
    """Saves an OSS bucket."""
    return await _save(Cloud.OSS, request, caller, services)


@post("/bucket", summary="Legacy: an S3 bucket", responses=_REFUSALS, operation_class=_Form, status_code=200)
async def set_bucket(request: _Request, caller: _Caller, services: _Services) -> Message:
    """As ``/user/s3``, with the words of the older contract."""
    try:
        await _save(Cloud.S3, request, caller, services)
    except InvalidInput as error:
        cause = error.__cause__
        reason = cause.reason if isinstance(cause, StorageError) else "timeout"
        if isinstance(cause, StorageError | TimeoutError):
            raise InvalidInput(f"Verification failed: {_OLD_WORDS.get(reason, reason or error.detail)}") from error
        raise
    return Message("Bucket configuration updated successfully")


@delete("/s3", summary="Forget S3", responses=_REFUSALS, status_code=200)
async def remove_s3(caller: _Caller, services: _Services) -> Message:
    """Later jobs keep their files here; files in the bucket stay."""
    return await _remove(Cloud.S3, caller, services)


@delete("/blob", summary="Forget Azure Blob", responses=_REFUSALS, status_code=200)
async def remove_blob(caller: _Caller, services: _Services) -> Message:
    """As ``DELETE /user/s3``."""
    return await _remove(Cloud.BLOB, caller, services)


@delete("/gcs", summary="Forget Google Cloud", responses=_REFUSALS, status_code=200)
async def remove_gcs(caller: _Caller, services: _Services) -> Message:
    """As ``DELETE /user/s3``."""
    return await _remove(Cloud.GCS, caller, services)


@delete("/oss", summary="Forget Alibaba OSS", responses=_REFUSALS, status_code=200)
async def remove_oss(caller: _Caller, services: _Services) -> Message:
    """As ``DELETE /user/s3``."""
    return await _remove(Cloud.OSS, caller, services)


@delete("/bucket", summary="Legacy: forget the S3 bucket", responses=_REFUSALS, status_code=200)
async def remove_bucket(caller: _Caller, services: _Services) -> Message:
    """As ``DELETE /user/s3``, with the words of the older contract."""
    await services.destinations.remove(caller.user_id, cloud=Cloud.S3)
    return Message("Bucket configuration reset to default")


async def _save(cloud: Cloud, request: _Request, caller: Key, services: StorageServices) -> Configured:
    place, secret = read_form(cloud, _fields(await request.body()))
    saved = await services.destinations.save(caller.user_id, place, secret, name=str(cloud), default=True)
    message = f"{_TITLES[cloud]} configured successfully"
    return Configured(message, str(cloud), saved.place.bucket, saved.place.folder_prefix)


async def _remove(cloud: Cloud, caller: Key, services: StorageServices) -> Message:
    await services.destinations.remove(caller.user_id, cloud=cloud)
    return Message(f"{cloud} storage configuration removed")


def _fields(raw: bytes) -> dict[str, Any]:
    try:
        return msgspec.json.decode(raw, type=dict[str, Any])
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        # The library's own words would repeat what was sent, and that may be a secret.
        raise InvalidInput("The request body is not one JSON object.") from None
