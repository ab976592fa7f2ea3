"""The webhook by which RevenueCat says that a plan has changed, authorised by a header that the operator has set."""

import hmac
from dataclasses import dataclass
from typing import Any, Final

from litestar import Request, Router, post
from litestar.di import NamedDependency, Provide
from litestar.openapi import ResponseSpec
from litestar.params import SkipValidation

from sluicegate.core.errors import InvalidInput, ProtocolError, Unauthenticated
from sluicegate.core.secrets import Secret
from sluicegate.net.revenuecat import webhook_users
from sluicegate.services.plans import BilledPlans
from sluicegate.surfaces.library.errors import EXCEPTION_HANDLERS
from sluicegate.surfaces.library.schemas import ErrorBody
from sluicegate.web.asgi import header
from sluicegate.web.auth import scope_of
from sluicegate.web.routing import SurfaceRouter

__all__ = ["BillingServices", "router"]

_BODY_MAX: Final = 256 * 1024
_REFUSED: Final = {
    status: ResponseSpec(ErrorBody, generate_examples=False, description="Refused.") for status in (400, 401, 413)
}


@dataclass(frozen=True, slots=True)
class BillingServices:
    """What the webhook needs; without a secret nobody may call it."""

    plans: BilledPlans | None
    secret: Secret | None


_Services = NamedDependency[SkipValidation[BillingServices]]


def router(services: BillingServices) -> Router:
    """``POST /v1/billing/revenuecat``."""
    return SurfaceRouter(
        path="/v1/billing",
        route_handlers=[changed],
        dependencies={"services": Provide(lambda: services, sync_to_thread=False)},
        exception_handlers=EXCEPTION_HANDLERS,
        request_max_body_size=_BODY_MAX,
        tags=["library"],
    )


@post("/revenuecat", summary="A plan has changed (called by RevenueCat)", responses=_REFUSED, status_code=204)
async def changed(request: Request[Any, Any, Any], services: _Services) -> None:
    """The event itself decides nothing: it only has the plans of the named users asked for anew."""
    sent = header(scope_of(request), b"authorization") or ""
    wanted = services.secret.reveal() if services.secret else ""
    if services.plans is None or not wanted or not hmac.compare_digest(sent.encode(), wanted.encode()):
        raise Unauthenticated("This call is not authorised.", action="Set the same authorization header on both sides.")
    try:
        users = webhook_users(await request.body())
    except ProtocolError as error:
        raise InvalidInput("This is no event of RevenueCat.") from error
    for user_id in users:
        await services.plans.changed(user_id)
