"""Routes that deliver finished files of the library to users' own buckets: an addition of ours."""

from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Any, Final
from uuid import UUID

import msgspec
from litestar import Request, Router, delete, get, post
from litestar.di import NamedDependency
from litestar.openapi.spec import OpenAPIMediaType, OpenAPIType, Operation, RequestBody, Schema
from litestar.params import PathParameter, QueryParameter, SkipValidation

from sluicegate.core.destinations import Destination, StoreJob
from sluicegate.core.errors import InvalidInput, NotFound
from sluicegate.core.keys import Key
from sluicegate.core.storage_keys import check_key
from sluicegate.services.destination_forms import read_inline
from sluicegate.services.destinations import DestinationService
from sluicegate.services.store import StoreService
from sluicegate.surfaces.library.parts import library_router, own_id, refusals

__all__ = ["StoreServices", "router"]

_PAGE_DEFAULT: Final = 25
_PAGE_MAX: Final = 100
_OFFSET_MAX: Final = 2**31 - 1
_BODY_MAX: Final = 64 * 1024
_NAME_MAX: Final = 60
_LINK_SECONDS: Final = 24 * 3600

_Request = Request[Any, Any, Any]
_Id = Annotated[str, PathParameter(description="An id.", schema_extra={"format": "uuid"})]
_Name = Annotated[str, PathParameter(description="The target's name.")]
_Limit = Annotated[int, QueryParameter(description="Items of a page; 1 to 100, others are clamped.")]
_Offset = Annotated[int, QueryParameter(ge=0, le=_OFFSET_MAX, description="Items to skip.")]


class TargetBody(msgspec.Struct):
    """A storage target; its secret is never shown."""

    name: str
    provider: str
    endpoint: str
    bucket: str
    folder_prefix: str
    base_folder: str
    default: bool
    created_at: datetime


class TargetPageBody(msgspec.Struct):
    """A page of targets."""

    items: list[TargetBody]
    limit: int
    offset: int


class StoreBody(msgspec.Struct):
    """A delivery. ``url`` is a freshly signed link to the object, once it is whole."""

    id: str
    file_id: str
    status: str
    key: str
    size_bytes: int | None
    sent_bytes: int
    attempts: int
    error: str | None
    url: str | None
    created_at: datetime
    finished_at: datetime | None


class StorePageBody(msgspec.Struct):
    """A page of deliveries."""

    items: list[StoreBody]
    limit: int
    offset: int


class _Wanted(msgspec.Struct, forbid_unknown_fields=True):
    target: str | None = None
    folder: str | None = None


@dataclass(frozen=True, slots=True)
class StoreServices:
    """What these routes call."""

    store: StoreService
    destinations: DestinationService


_Services = NamedDependency[SkipValidation[StoreServices]]
_Caller = NamedDependency[SkipValidation[Key]]


def router(services: StoreServices) -> Router:
    """The routes, for library keys (``Authorization: Bearer tu_…``)."""
    return library_router(
        "/v1",
        [store, deliveries, delivery, targets, save_target, remove_target],
        services,
        body_max=_BODY_MAX,
    )


@dataclass
class _StoreOperation(Operation):
    def __post_init__(self) -> None:
        """Describes the body."""
        text = Schema(type=OpenAPIType.STRING)
        schema = Schema(
            type=OpenAPIType.OBJECT, properties={"target": text, "folder": text}, additional_properties=False
        )
        self.request_body = RequestBody(required=False, content={"application/json": OpenAPIMediaType(schema)})


@dataclass
class _TargetOperation(Operation):
    def __post_init__(self) -> None:
        """Describes the body: the fields of the cloud beside ``provider``."""
        schema = Schema(
            type=OpenAPIType.OBJECT,
            properties={"provider": Schema(type=OpenAPIType.STRING, enum=["s3", "blob", "gcs", "oss"])},
            required=["provider"],
            additional_properties=Schema(type=OpenAPIType.STRING),
        )
        self.request_body = RequestBody(required=True, content={"application/json": OpenAPIMediaType(schema)})


@post(
    "/torrents/{job_id:str}/files/{file_id:str}/store",
    summary="Deliver a file to a bucket",
    responses=refusals(400, 401, 404, 409, 413),
    operation_class=_StoreOperation,
    status_code=202,
)
async def store(request: _Request, caller: _Caller, services: _Services, job_id: _Id, file_id: _Id) -> StoreBody:
    """Starts a delivery to the target with this name (default: the user's default one), or finds the one there is."""
    raw = await request.body()
    wanted = _decoded(raw) if raw.strip() else _Wanted()
    target = await _target(services, caller.user_id, wanted.target)
    if wanted.folder is not None:
        _check_folder(wanted.folder)
    found = await services.store.request(caller.user_id, own_id(job_id), own_id(file_id), target, folder=wanted.folder)
    return await _body(services, found)


@get("/torrents/{job_id:str}/stores", summary="Deliveries of a job", responses=refusals(400, 401, 404))
async def deliveries(
    caller: _Caller, services: _Services, job_id: _Id, limit: _Limit = _PAGE_DEFAULT, offset: _Offset = 0
) -> StorePageBody:
    """Newest first."""
    limit = max(1, min(limit, _PAGE_MAX))
    found = await services.store.page(caller.user_id, own_id(job_id), limit=limit, offset=offset)
    return StorePageBody([await _body(services, one) for one in found], limit, offset)


@get("/stores/{store_id:str}", summary="One delivery", responses=refusals(401, 404))
async def delivery(caller: _Caller, services: _Services, store_id: _Id) -> StoreBody:
    """How far it is, or where the object is."""
    return await _body(services, await services.store.get(caller.user_id, own_id(store_id)))


@get("/targets", summary="Own storage targets", responses=refusals(400, 401))
async def targets(
    caller: _Caller, services: _Services, limit: _Limit = _PAGE_DEFAULT, offset: _Offset = 0
) -> TargetPageBody:
    """Named targets, oldest first, without their secrets."""
    limit = max(1, min(limit, _PAGE_MAX))
    found = await services.destinations.page(caller.user_id, limit=limit, offset=offset)
    return TargetPageBody([_target_body(one) for one in found], limit, offset)


@post(
    "/targets/{name:str}",
    summary="Save a storage target",
    responses=refusals(400, 401, 413, 422),
    operation_class=_TargetOperation,
    status_code=200,
)
async def save_target(request: _Request, caller: _Caller, services: _Services, name: _Name) -> TargetBody:
    """Verifies it by writing and deleting a test object, then keeps it under this name."""
    _check_name(name)
    try:
        fields = msgspec.json.decode(await request.body(), type=dict[str, Any])
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        raise InvalidInput("The request body is not one JSON object.") from None
    place, secret = read_inline(fields)
    return _target_body(await services.destinations.save(caller.user_id, place, secret, name=name))


@delete("/targets/{name:str}", summary="Forget a storage target", responses=refusals(400, 401, 404))
async def remove_target(caller: _Caller, services: _Services, name: _Name) -> None:
    """Forgets the target and its secret; what is stored there stays."""
    _check_name(name)
    if not await services.destinations.remove(caller.user_id, name=name):
        raise NotFound("There is no such storage target.")


async def _target(services: StoreServices, user_id: UUID, name: str | None) -> Destination:
    if name is not None:
        return await services.destinations.by_name(user_id, name)
    default = await services.destinations.default(user_id)
    if default is None:
        raise InvalidInput("Name a target: there is no default one.", field="target")
    return default


async def _body(services: StoreServices, found: StoreJob) -> StoreBody:
    return StoreBody(
        str(found.id),
        str(found.file_id),
        found.state.value,
        found.key,
        found.size,
        found.sent,
        found.attempts,
        found.error,
        await services.store.link(found, expires_in=_LINK_SECONDS),
        found.created_at,
        found.finished_at,
    )


def _target_body(found: Destination) -> TargetBody:
    place = found.place
    return TargetBody(
        found.name,
        place.cloud.value,
        place.endpoint,
        place.bucket,
        place.folder_prefix,
        place.base_folder,
        found.is_default,
        found.created_at,
    )


def _decoded(raw: bytes) -> _Wanted:
    try:
        return msgspec.json.decode(raw, type=_Wanted)
    except msgspec.ValidationError as error:
        raise InvalidInput(f"The request body is not as expected: {error}.") from error
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise InvalidInput("The request body is not well-formed JSON.") from error


def _check_name(name: str) -> None:
    if not 0 < len(name) <= _NAME_MAX or not name.isprintable() or "/" in name:
        raise InvalidInput(f"A target's name has 1 to {_NAME_MAX} printable characters and no slash.", field="name")


def _check_folder(folder: str) -> None:
    if folder:
        check_key(folder.strip("/"))
