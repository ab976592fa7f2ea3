"""Pages that the contract puts at fixed addresses, for add-ons' settings to link to; ours are in the dashboard."""

from typing import Final

from litestar import Router, get
from litestar.handlers import HTTPRouteHandler
from litestar.response import Redirect

from sluicegate.web.routing import SurfaceRouter

__all__ = ["router"]

_PAGES: Final = {"/proxy-keys": "/app/gateway", "/provider-vault": "/app/accounts"}
"""Our page by the contract's address; whoever is not signed in is asked to by the page."""


def router() -> Router:
    """Leads to the pages; nothing is told before they ask who is there."""
    return SurfaceRouter(path="/", route_handlers=[_leads_to(*each) for each in _PAGES.items()], tags=["gateway"])


def _leads_to(path: str, page: str) -> HTTPRouteHandler:
    @get(path, status_code=302, summary=f"Leads to {page}", security=[], sync_to_thread=False)
    def lead() -> Redirect:
        return Redirect(page, status_code=302)

    return lead
