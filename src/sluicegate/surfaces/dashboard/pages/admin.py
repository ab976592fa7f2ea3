"""Admin: is all well, what runs and waits, what is refused; with the pages on users, add-ons and the audit below it."""

from typing import Any, Final

from litestar import Request, Response, Router, get
from litestar.di import NamedDependency
from litestar.params import SkipValidation

from sluicegate.surfaces.dashboard.frame import Frame
from sluicegate.surfaces.dashboard.pages import admin_addons, admin_audit, admin_users
from sluicegate.surfaces.dashboard.services import DashboardServices
from sluicegate.surfaces.dashboard.sessions import admin_only

__all__ = ["HANDLERS"]

_Request = Request[Any, Any, Any]
_Services = NamedDependency[SkipValidation[DashboardServices]]
_PROBLEMS_SHOWN: Final = 20
_FRAME: Final = Frame("admin", {})


@get("/")
async def page(request: _Request, services: _Services) -> Response[str]:
    """The overview."""
    operator = services.operator
    return _FRAME.page(
        request,
        "admin.html",
        findings=await operator.findings(),
        work=await operator.tasks.now(),
        engines=operator.engines(),
        blocklist=await operator.blocklist.status(),
        problems_shown=_PROBLEMS_SHOWN,
    )


HANDLERS: Final = (
    # One router, so that no page below it can forget the guard.
    Router(
        path="/admin",
        route_handlers=[page, *admin_users.HANDLERS, *admin_addons.HANDLERS, *admin_audit.HANDLERS],
        guards=[admin_only],
    ),
)
