"""Webhooks: receivers, their secrets, what was sent, and sending again."""

from typing import Annotated, Any, Final
from uuid import UUID

from litestar import Request, Response, get, post
from litestar.di import NamedDependency
from litestar.params import FromPath, QueryParameter, SkipValidation
from litestar.response import Redirect

from sluicegate.core.errors import SluicegateError
from sluicegate.core.webhooks import DeliveryState, EventType, message_id
from sluicegate.services.webhooks import EndpointChange
from sluicegate.surfaces.dashboard.forms import Form, sentence
from sluicegate.surfaces.dashboard.frame import Frame, go
from sluicegate.surfaces.dashboard.services import DashboardServices
from sluicegate.surfaces.dashboard.sessions import session_of

__all__ = ["HANDLERS"]

_Request = Request[Any, Any, Any]
_Services = NamedDependency[SkipValidation[DashboardServices]]
_PATH: Final = "/app/webhooks"
_PAGE: Final = 25
_FIELDS: Final = frozenset({"url", "description", "events"})
_FRAME: Final = Frame(
    "webhooks",
    {
        "added": "The endpoint is registered. Its signing secret is below.",
        "removed": "The endpoint is removed.",
        "switched": "Done.",
        "tested": "A test message is on its way; see the log.",
        "again": "The message is on its way again.",
    },
)
TONES: Final = {DeliveryState.DELIVERED: "good", DeliveryState.FAILED: "bad", DeliveryState.PENDING: "warn"}
_KINDS: Final = tuple(kind for kind in EventType if kind is not EventType.WEBHOOK_TEST)


@get("/webhooks")
async def page(
    request: _Request, services: _Services, offset: Annotated[int, QueryParameter(ge=0, le=10_000_000)] = 0
) -> Response[str]:
    """Endpoints and the delivery log."""
    return await _page(request, services, Form(), offset=offset)


@post("/webhooks")
async def add(request: _Request, services: _Services) -> Response[str] | Redirect:
    """Registers an endpoint; its page shows the secret."""
    form = await Form.of(request)
    url, description = form.needed("url", most=4096), form.text("description", most=200)
    if not form.errors:
        try:
            endpoint, _ = await services.webhooks.add(
                session_of(request).user_id, url, events=form.all("events"), description=description
            )
        except SluicegateError as error:
            form.errors[error.field if error.field in _FIELDS else ""] = sentence(error)
        else:
            return go(f"{_PATH}/{endpoint.id}", "added")
    return await _page(request, services, form)


@get("/webhooks/{endpoint_id:uuid}")
async def show(request: _Request, services: _Services, endpoint_id: FromPath[UUID]) -> Response[str]:
    """One endpoint with its secret."""
    user_id = session_of(request).user_id
    endpoint = await services.webhooks.get(user_id, endpoint_id)
    rows = await services.webhooks.log(user_id, limit=_PAGE, offset=0, endpoint_id=endpoint_id)
    secret = await services.webhooks.secret(user_id, endpoint_id)
    return _FRAME.page(
        request, "webhook.html", endpoint=endpoint, rows=rows, tones=TONES, secret=secret.reveal(), kinds=_KINDS
    )


@post("/webhooks/{endpoint_id:uuid}/switch")
async def switch(request: _Request, services: _Services, endpoint_id: FromPath[UUID]) -> Redirect:
    """Switches it on or off."""
    user_id = session_of(request).user_id
    endpoint = await services.webhooks.get(user_id, endpoint_id)
    await services.webhooks.change(user_id, endpoint_id, EndpointChange(active=not endpoint.active))
    return go(f"{_PATH}/{endpoint_id}", "switched")


@post("/webhooks/{endpoint_id:uuid}/test")
async def test(request: _Request, services: _Services, endpoint_id: FromPath[UUID]) -> Redirect:
    """Sends a test message."""
    await services.webhooks.test(session_of(request).user_id, endpoint_id)
    return go(f"{_PATH}/{endpoint_id}", "tested")


@post("/webhooks/{endpoint_id:uuid}/rotate")
async def rotate(request: _Request, services: _Services, endpoint_id: FromPath[UUID]) -> Redirect:
    """Makes another secret."""
    await services.webhooks.rotate(session_of(request).user_id, endpoint_id)
    return go(f"{_PATH}/{endpoint_id}", "switched")


@post("/webhooks/{endpoint_id:uuid}/remove")
async def remove(request: _Request, services: _Services, endpoint_id: FromPath[UUID]) -> Redirect:
    """Removes it."""
    await services.webhooks.remove(session_of(request).user_id, endpoint_id)
    return go(_PATH, "removed")


@get("/webhooks/deliveries/{delivery_id:uuid}")
async def delivery(request: _Request, services: _Services, delivery_id: FromPath[UUID]) -> Response[str]:
    """One delivery: what it says and every attempt."""
    sent, event, attempts = await services.webhooks.show(session_of(request).user_id, delivery_id)
    return _FRAME.page(
        request,
        "delivery.html",
        sent=sent,
        event=event,
        attempts=attempts,
        tones=TONES,
        message=message_id(event.id),
        over=sent.state is not DeliveryState.PENDING,
    )


@post("/webhooks/deliveries/{delivery_id:uuid}/replay")
async def replay(request: _Request, services: _Services, delivery_id: FromPath[UUID]) -> Redirect:
    """Sends the message again."""
    again = await services.webhooks.replay(session_of(request).user_id, delivery_id)
    return go(f"{_PATH}/deliveries/{again.id}", "again")


async def _page(request: _Request, services: DashboardServices, form: Form, *, offset: int = 0) -> Response[str]:
    user_id = session_of(request).user_id
    rows = await services.webhooks.log(user_id, limit=_PAGE + 1, offset=offset)
    return _FRAME.page(
        request,
        "webhooks.html",
        form=form,
        endpoints=await services.webhooks.page(user_id),
        rows=rows[:_PAGE],
        tones=TONES,
        kinds=_KINDS,
        chosen=form.all("events"),
        secret=(await services.webhooks.secret(user_id)).reveal(),
        offset=offset,
        limit=_PAGE,
        more=len(rows) > _PAGE,
    )


HANDLERS: Final = (page, add, show, switch, test, rotate, remove, delivery, replay)
