"""Webhooks in the media jobs API: endpoints, signing secrets, the delivery log, test and replay. Our addition."""

from dataclasses import dataclass
from typing import Annotated, Any, Final, TypeVar
from uuid import UUID

import msgspec
from litestar import Request, Response, Router, delete, get, patch, post
from litestar.di import NamedDependency, Provide
from litestar.openapi import ResponseSpec
from litestar.params import PathParameter, QueryParameter, SkipValidation

from sluicegate.core.errors import InvalidInput, NotFound
from sluicegate.core.keys import Key
from sluicegate.core.webhooks import DeliveryState, EventType
from sluicegate.services.webhooks import EndpointChange, LoggedDelivery, WebhookService
from sluicegate.surfaces.media_jobs import webhook_schemas as shapes
from sluicegate.surfaces.media_jobs.errors import EXCEPTION_HANDLERS
from sluicegate.surfaces.media_jobs.schemas import ErrorBody
from sluicegate.surfaces.media_jobs.webhook_operations import ChangeOperation, NewOperation
from sluicegate.web.auth import caller_of
from sluicegate.web.routing import SurfaceRouter

__all__ = ["WebhookServices", "router"]

_BODY_MAX: Final = 64 * 1024
_OFFSET_MAX: Final = 2**31 - 1
_LIMIT_DEFAULT: Final = 50
_LIMIT_MAX: Final = 200

_Request = Request[Any, Any, Any]
_Body = TypeVar("_Body")


@dataclass(frozen=True, slots=True)
class WebhookServices:
    """What the webhooks part calls."""

    webhooks: WebhookService


_Services = NamedDependency[SkipValidation[WebhookServices]]
_Caller = NamedDependency[SkipValidation[Key]]
_Endpoint = Annotated[str, PathParameter(description="The endpoint's id.", schema_extra={"format": "uuid"})]
_Delivery = Annotated[str, PathParameter(description="The delivery's id.", schema_extra={"format": "uuid"})]


def router(services: WebhookServices) -> Router:
    """The API at ``/webhooks``, for media keys."""
    handlers = [page, add, secret, rotate, log, show_delivery, replay]
    return SurfaceRouter(
        path="/webhooks",
        route_handlers=[*handlers, show, change, remove, test, endpoint_secret, rotate_endpoint],
        dependencies={
            "services": Provide(lambda: services, sync_to_thread=False),
            "caller": Provide(caller_of, sync_to_thread=False),
        },
        # The contract's 404 speaks of jobs.
        exception_handlers={**EXCEPTION_HANDLERS, NotFound: _not_found},
        request_max_body_size=_BODY_MAX,
        security=[{"media_key": []}],
        tags=["webhooks"],
    )


def _refusals(*statuses: int) -> dict[int, ResponseSpec]:
    return {status: ResponseSpec(ErrorBody, generate_examples=False, description="Refused.") for status in statuses}


@get("/", summary="Own endpoints", responses=_refusals(401))
async def page(caller: _Caller, services: _Services) -> shapes.EndpointList:
    """Oldest first; there are at most 50."""
    return shapes.EndpointList([shapes.endpoint_body(one) for one in await services.webhooks.page(caller.user_id)])


@post("/", summary="Register an endpoint", responses=_refusals(400, 401, 403, 413), operation_class=NewOperation)
async def add(request: _Request, caller: _Caller, services: _Services) -> shapes.NewEndpointBody:
    """It is told about every job of the user from now on; the answer holds its signing secret."""
    body = _read(await request.body(), shapes.NewEndpoint)
    endpoint, key = await services.webhooks.add(
        caller.user_id, body.url, events=body.events, description=body.description
    )
    return shapes.new_endpoint_body(endpoint, key.reveal())


@get("/secret", summary="Signing secret of webhook_url", responses=_refusals(401))
async def secret(caller: _Caller, services: _Services) -> shapes.SecretBody:
    """Signs what goes to the ``webhook_url`` of a job."""
    return shapes.SecretBody((await services.webhooks.secret(caller.user_id)).reveal())


@post("/secret/rotate", summary="Replace that secret", responses=_refusals(401), status_code=200)
async def rotate(caller: _Caller, services: _Services) -> shapes.SecretBody:
    """For 24 hours messages are signed with the old and the new one."""
    return shapes.SecretBody((await services.webhooks.rotate(caller.user_id)).reveal())


@get("/deliveries", summary="Delivery log, newest first", responses=_refusals(400, 401))
async def log(
    caller: _Caller,
    services: _Services,
    limit: Annotated[int, QueryParameter(description="Rows; 1 to 200, others are clamped.")] = _LIMIT_DEFAULT,
    offset: Annotated[int, QueryParameter(ge=0, le=_OFFSET_MAX, description="Rows to skip.")] = 0,
    wanted: Annotated[
        DeliveryState | None, QueryParameter(name="state", description="Only deliveries in this state.")
    ] = None,
    endpoint_id: Annotated[UUID | None, QueryParameter(description="Only those to this endpoint.")] = None,
    job_id: Annotated[UUID | None, QueryParameter(description="Only those about this job.")] = None,
) -> shapes.DeliveryList:
    """One page of what was sent, is on its way, or was given up."""
    limit = max(1, min(limit, _LIMIT_MAX))
    rows = await services.webhooks.log(
        caller.user_id, limit=limit, offset=offset, state=wanted, endpoint_id=endpoint_id, job_id=job_id
    )
    return shapes.DeliveryList([shapes.delivery_body(row) for row in rows], limit, offset)


@get("/deliveries/{delivery_id:str}", summary="One delivery", responses=_refusals(401, 404))
async def show_delivery(caller: _Caller, services: _Services, delivery_id: _Delivery) -> shapes.DeliveryDetail:
    """What it says and how every attempt went."""
    return shapes.delivery_detail(*await services.webhooks.show(caller.user_id, _uuid(delivery_id)))


@post("/deliveries/{delivery_id:str}/replay", summary="Send again", responses=_refusals(400, 401, 404), status_code=202)
async def replay(caller: _Caller, services: _Services, delivery_id: _Delivery) -> shapes.DeliveryBody:
    """The same message under the same ``webhook-id``, as a delivery of its own."""
    again = await services.webhooks.replay(caller.user_id, _uuid(delivery_id))
    _, event, _ = await services.webhooks.show(caller.user_id, again.id)
    return shapes.delivery_body(LoggedDelivery(again, event.type, event.job_id))


@get("/{endpoint_id:str}", summary="One endpoint", responses=_refusals(401, 404))
async def show(caller: _Caller, services: _Services, endpoint_id: _Endpoint) -> shapes.EndpointBody:
    """An endpoint of the caller."""
    return shapes.endpoint_body(await services.webhooks.get(caller.user_id, _uuid(endpoint_id)))


@patch(
    "/{endpoint_id:str}",
    summary="Change an endpoint",
    responses=_refusals(400, 401, 404, 413),
    operation_class=ChangeOperation,
)
async def change(
    request: _Request, caller: _Caller, services: _Services, endpoint_id: _Endpoint
) -> shapes.EndpointBody:
    """What is left out stays; ``active: true`` also forgets why it was switched off."""
    body = _read(await request.body(), shapes.ChangeEndpoint)
    wanted = EndpointChange(body.url, body.events, body.description, body.active)
    return shapes.endpoint_body(await services.webhooks.change(caller.user_id, _uuid(endpoint_id), wanted))


@delete("/{endpoint_id:str}", summary="Remove an endpoint", responses=_refusals(401, 404))
async def remove(caller: _Caller, services: _Services, endpoint_id: _Endpoint) -> None:
    """Its log goes with it; what is on its way is not sent any more."""
    await services.webhooks.remove(caller.user_id, _uuid(endpoint_id))


@post("/{endpoint_id:str}/test", summary="Send a test message", responses=_refusals(400, 401, 404), status_code=202)
async def test(caller: _Caller, services: _Services, endpoint_id: _Endpoint) -> shapes.DeliveryBody:
    """What comes of it is in the delivery log."""
    sent = await services.webhooks.test(caller.user_id, _uuid(endpoint_id))
    return shapes.delivery_body(LoggedDelivery(sent, EventType.WEBHOOK_TEST, None))


@get("/{endpoint_id:str}/secret", summary="Signing secret of an endpoint", responses=_refusals(401, 404))
async def endpoint_secret(caller: _Caller, services: _Services, endpoint_id: _Endpoint) -> shapes.SecretBody:
    """The newest one."""
    return shapes.SecretBody((await services.webhooks.secret(caller.user_id, _uuid(endpoint_id))).reveal())


@post(
    "/{endpoint_id:str}/secret/rotate",
    summary="Replace an endpoint's secret",
    responses=_refusals(401, 404),
    status_code=200,
)
async def rotate_endpoint(caller: _Caller, services: _Services, endpoint_id: _Endpoint) -> shapes.SecretBody:
    """For 24 hours messages are signed with the old and the new one."""
    return shapes.SecretBody((await services.webhooks.rotate(caller.user_id, _uuid(endpoint_id))).reveal())


def _not_found(request: _Request, error: NotFound) -> Response[ErrorBody]:
    del request
    return Response(ErrorBody(error.detail), status_code=404, media_type="application/json")


def _read(raw: bytes, kind: type[_Body]) -> _Body:
    try:
        return msgspec.json.decode(raw, type=kind)
    except msgspec.ValidationError as error:
        raise InvalidInput(f"The request body is not as expected: {error}.") from error
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise InvalidInput("The request body is not well-formed JSON.") from error


def _uuid(text: str) -> UUID:
    """An id from the path; one that cannot be ours is as unknown as any other."""
    try:
        if len(text) == 36:
            return UUID(text)
    except ValueError:
        pass
    raise NotFound("There is no such endpoint or delivery.")
