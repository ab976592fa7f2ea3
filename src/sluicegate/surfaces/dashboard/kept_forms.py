"""What somebody typed into a form that could not be taken goes through the sign-in, and is offered for sending again.

A session may end, or begin anew in another tab, while somebody types. Only forms that a browser says come from our own
pages are kept; another site cannot put words into somebody's mouth this way. Secrets are not kept: they are asked for
again.
"""

import asyncio
from dataclasses import dataclass, field
from typing import Any, Final
from urllib.parse import urlsplit

from litestar import Request, Response
from litestar.connection import ASGIConnection

from sluicegate.core.errors import InvalidInput
from sluicegate.surfaces.dashboard.form_body import read_form
from sluicegate.surfaces.dashboard.forms import Form
from sluicegate.surfaces.dashboard.frame import theme_of
from sluicegate.surfaces.dashboard.rendering import render
from sluicegate.surfaces.dashboard.sessions import FORM_FIELD, comes_from_us, safe_next

__all__ = ["SECRETS", "KeptForm", "keep_form", "kept_form", "resume_page"]

SECRETS: Final = frozenset(
    {
        *("password", "old", "factor_password", "code", "passkey_password", "passkey_answer"),
        *("token", "new_token", "proxy", "proxy_token"),
        *("secret_key", "account_key", "sas_token", "service_account_json", "access_key_secret"),
    }
)
"""Names of fields whose text goes through no sign-in."""

_Request = Request[Any, Any, Any]
_PREFIX: Final = "kept."
_STATE: Final = "kept_form"
_BODY_MAX: Final = 256 * 1024
_PATIENCE: Final = 20.0


@dataclass(frozen=True, slots=True)
class KeptForm:
    """A form that was not taken.

    Attributes:
        path: where it was sent.
        back: the page that it stood on.
        fields: names and texts.
        secrets: names of fields that have to be typed again.
    """

    path: str
    back: str
    fields: list[tuple[str, str]] = field(repr=False)
    secrets: list[str]

    @classmethod
    def of(cls, form: Form) -> "KeptForm | None":
        """What a sign-in form carries along."""
        path, back = form.values.get("kept_path", ""), safe_next(form.values.get("kept_back"))
        names = [name for name in form.values if name.startswith(_PREFIX)]
        fields = [(name.removeprefix(_PREFIX), text) for name in names for text in form.all(name)]
        secrets = [name for name in form.all("kept_secret") if name in SECRETS]
        return cls(path, back, fields, secrets) if fields and path == safe_next(path) else None


async def keep_form(request: _Request) -> None:
    """Notes what the form holds, if it is one of ours and not too large, for whoever answers that it was not taken."""
    told = request.headers.get("content-length", "")
    if not comes_from_us(request) or not told.isdecimal() or int(told) > _BODY_MAX:
        return
    try:
        async with asyncio.timeout(_PATIENCE):
            body = await read_form(request)
    except (InvalidInput, TimeoutError):
        return
    known = [(name, text) for name, text in body.fields if name != FORM_FIELD]
    secrets = list(dict.fromkeys(name for name, _ in known if name in SECRETS))
    fields = [(name, text) for name, text in known if name not in SECRETS]
    if any(text.strip() for _, text in fields):
        back = safe_next(urlsplit(request.headers.get("referer", "")).path)
        request.scope["state"][_STATE] = KeptForm(request.url.path, back, fields, secrets)


def kept_form(connection: ASGIConnection[Any, Any, Any, Any]) -> KeptForm | None:
    """What ``keep_form`` has noted of this request."""
    kept = connection.scope["state"].get(_STATE)
    return kept if isinstance(kept, KeptForm) else None


def resume_page(request: _Request, kept: KeptForm, form_token: str, *, status: int = 200) -> Response[str]:
    """The page that shows what was typed and sends it, once its reader says so."""
    context = {"kept": kept, "form_token": form_token, "theme": theme_of(request), "flash": None, "form": Form()}
    return render("resume.html", context, status=status)
