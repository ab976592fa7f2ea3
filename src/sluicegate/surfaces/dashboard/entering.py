"""What follows a right sign-in, of whatever kind: the cookie, and the page that somebody wanted."""

from typing import Any, Final

from litestar import Request, Response

from sluicegate.core.secrets import Secret
from sluicegate.surfaces.dashboard.forms import Form
from sluicegate.surfaces.dashboard.frame import go
from sluicegate.surfaces.dashboard.kept_forms import KeptForm, resume_page
from sluicegate.surfaces.dashboard.services import DashboardServices
from sluicegate.surfaces.dashboard.sessions import cookie, safe_next

__all__ = ["STRANGERS_BODY_MAX", "enter_with", "peer_of"]

STRANGERS_BODY_MAX: Final = 1 << 20
"""Bytes that somebody may send who is not signed in: what was typed before, with every sign escaped."""

_DAYS: Final = 30 * 24 * 3600
_Request = Request[Any, Any, Any]


def enter_with(request: _Request, services: DashboardServices, token: Secret, form: Form) -> Response[Any]:
    """Goes on to the page that the sign-in form names, or to what was typed before the last session ended."""
    kept = KeptForm.of(form)
    answer: Response[Any] = (
        resume_page(request, kept, services.sign_in.form_token(token.reveal()))
        if kept
        else go(safe_next(form.values.get("next")))
    )
    answer.cookies.append(cookie(token.reveal(), https=request.url.scheme == "https", max_age=_DAYS))
    return answer


def peer_of(request: _Request) -> str:
    """The address of whoever asks."""
    return request.client.host if request.client else ""
