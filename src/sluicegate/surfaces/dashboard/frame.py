"""What every page has around it: navigation, the person's name, the sentence on top, the form token."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final, NamedTuple

from litestar import Request, Response
from litestar.response import Redirect

from sluicegate.surfaces.dashboard.forms import Form
from sluicegate.surfaces.dashboard.rendering import Flash, page_headers, render
from sluicegate.surfaces.dashboard.sessions import form_token_of, session_of

__all__ = ["NAVIGATION", "Frame", "Place", "go", "theme_of"]

_Request = Request[Any, Any, Any]
THEME_COOKIE: Final = "sluicegate_theme"


class Place(NamedTuple):
    """An entry of the navigation."""

    key: str
    path: str
    title: str
    admin: bool = False


NAVIGATION: Final = (
    Place("library", "/app", "Library"),
    Place("media", "/app/media", "Media"),
    Place("accounts", "/app/accounts", "Accounts"),
    Place("gateway", "/app/gateway", "Gateway"),
    Place("feeds", "/app/feeds", "Feeds"),
    Place("storage", "/app/storage", "Storage"),
    Place("webhooks", "/app/webhooks", "Webhooks"),
    Place("usage", "/app/usage", "Usage"),
    Place("preferences", "/app/preferences", "Preferences"),
    Place("security", "/app/security", "Security"),
    Place("admin", "/app/admin", "Admin", admin=True),
)


@dataclass(frozen=True, slots=True)
class Frame:
    """Renders pages of one part of the dashboard.

    Attributes:
        place: key of the navigation entry.
        said: sentences that a page may show after a redirect, by the word in the address (``?said=…``): what an
            address can make a page say is fixed.
    """

    place: str
    said: Mapping[str, str]

    def page(
        self, request: _Request, template: str, *, form: Form | None = None, status: int = 200, **context: object
    ) -> Response[str]:
        """A page for somebody who is signed in; with errors in ``form`` its status is 422."""
        form = form or Form()
        flash = Flash.of("error", form.errors[""]) if "" in form.errors else self._flash(request)
        session = session_of(request)
        around = {
            "navigation": [place for place in NAVIGATION if session.admin or not place.admin],
            "place": self.place,
            "session": session,
            "form_token": form_token_of(request),
            "flash": flash,
            "theme": theme_of(request),
            "form": form,
            "path": request.url.path,
        }
        return render(template, {**around, **context}, status=422 if form.errors and status == 200 else status)

    def _flash(self, request: _Request) -> Flash | None:
        words = self.said.get(request.query_params.get("said", ""))
        return Flash.of("done", words) if words else None


def go(path: str, said: str = "") -> Redirect:
    """After a form was worked on: the page to show next, so that loading it again sends nothing twice."""
    separator = "&" if "?" in path else "?"
    return Redirect(f"{path}{separator}said={said}" if said else path, status_code=303, headers=page_headers())


def theme_of(request: _Request) -> str:
    """``light``, ``dark``, or empty for what the system prefers."""
    theme = request.cookies.get(THEME_COOKIE, "")
    return theme if theme in {"light", "dark"} else ""
