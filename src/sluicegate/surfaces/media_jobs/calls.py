"""What every route of this API shares: its services, its caller, and reading bodies and ids."""

from dataclasses import dataclass
from typing import Annotated, Any, Final, TypeVar
from uuid import UUID

import msgspec
from litestar import Request, Router
from litestar.di import NamedDependency, Provide
from litestar.openapi import ResponseSpec
from litestar.params import PathParameter, SkipValidation
from litestar.types import ControllerRouterHandler

from sluicegate.core.errors import InvalidInput, NotFound
from sluicegate.core.keys import Key
from sluicegate.core.ports import Changes
from sluicegate.services.media_batches import MediaBatchService
from sluicegate.services.media_jobs import MediaJobService
from sluicegate.services.media_pages import MediaPageService
from sluicegate.services.media_usage import MediaUsageService
from sluicegate.surfaces.media_jobs.errors import EXCEPTION_HANDLERS
from sluicegate.surfaces.media_jobs.schemas import ErrorBody
from sluicegate.web.auth import caller_of
from sluicegate.web.routing import SurfaceRouter

__all__ = ["AnyRequest", "Caller", "Id", "MediaServices", "Services", "as_uuid", "decoded", "refusals", "routed"]

_BODY_MAX: Final = 1024 * 1024
_UUID_LENGTH: Final = 36
_Body = TypeVar("_Body")

AnyRequest = Request[Any, Any, Any]
Id = Annotated[str, PathParameter(description="The object's id.", schema_extra={"format": "uuid"})]


@dataclass(frozen=True, slots=True)
class MediaServices:
    """What the media jobs API calls."""

    jobs: MediaJobService
    batches: MediaBatchService
    usage: MediaUsageService
    pages: MediaPageService
    changes: Changes


Services = NamedDependency[SkipValidation[MediaServices]]
Caller = NamedDependency[SkipValidation[Key]]


def routed(path: str, services: MediaServices, handlers: list[ControllerRouterHandler]) -> Router:
    """A router for media keys (``x-api-key: sk_…``) that speaks this API's errors."""
    return SurfaceRouter(
        path=path,
        route_handlers=handlers,
        dependencies={
            "services": Provide(lambda: services, sync_to_thread=False),
            "caller": Provide(caller_of, sync_to_thread=False),
        },
        exception_handlers=EXCEPTION_HANDLERS,
        request_max_body_size=_BODY_MAX,
        security=[{"media_key": []}],
        tags=["media jobs"],
    )


def refusals(*statuses: int) -> dict[int, ResponseSpec]:
    """The documented errors of an operation."""
    return {status: ResponseSpec(ErrorBody, generate_examples=False, description="Refused.") for status in statuses}


def decoded(raw: bytes, kind: type[_Body]) -> _Body:
    """A request body.

    Raises:
        InvalidInput: names the field that is wrong.
    """
    try:
        return msgspec.json.decode(raw, type=kind)
    except msgspec.ValidationError as error:
        words, _, place = str(error).partition(" - at `$")
        field = place.strip(".`")
        if not field and words.startswith("Expected `object`"):
            words = "The request body must be a JSON object"
        raise InvalidInput(f"{field}: {words}" if field else f"{words}.", field=field or None) from error
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise InvalidInput("The request body is not well-formed JSON.") from error


def as_uuid(text: str, what: str = "Job") -> UUID:
    """An id from the path; one that cannot be ours is as unknown as any other."""
    try:
        if len(text) == _UUID_LENGTH:
            return UUID(text)
    except ValueError:
        pass
    raise NotFound(f"{what} not found")
