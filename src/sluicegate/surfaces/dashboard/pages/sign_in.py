"""Coming in and going out: sign-in, the welcome of an invitation, sign-out, and the theme."""

from typing import Annotated, Any, Final

from litestar import Request, Response, get, post
from litestar.di import NamedDependency
from litestar.params import QueryParameter, SkipValidation
from litestar.response import Redirect

from sluicegate.core.errors import AccessDenied, InvalidInput, NotFound, RateLimited, SluicegateError
from sluicegate.core.sign_in import Session
from sluicegate.core.users import User
from sluicegate.surfaces.dashboard.entering import STRANGERS_BODY_MAX, enter_with, peer_of
from sluicegate.surfaces.dashboard.forms import Form, sentence
from sluicegate.surfaces.dashboard.frame import THEME_COOKIE, go, theme_of
from sluicegate.surfaces.dashboard.kept_forms import KeptForm
from sluicegate.surfaces.dashboard.passkey_places import party_of
from sluicegate.surfaces.dashboard.rendering import Flash, render
from sluicegate.surfaces.dashboard.services import DashboardServices
from sluicegate.surfaces.dashboard.sessions import check_same_origin, cookie, safe_next, session_of, token_of

__all__ = ["INSIDE", "OUTSIDE", "sign_in_page"]

_YEAR: Final = 365 * 24 * 3600
_Request = Request[Any, Any, Any]
_Services = NamedDependency[SkipValidation[DashboardServices]]


@get("/sign-in")
async def ask(
    request: _Request, services: _Services, next_: Annotated[str, QueryParameter(name="next")] = "/app"
) -> Response[str] | Redirect:
    """The sign-in page; who is signed in goes on."""
    if await services.sign_in.session(token_of(request)) is not None:
        return go(safe_next(next_))
    return await sign_in_page(request, services, Form({"next": next_}))


@post("/sign-in", request_max_body_size=STRANGERS_BODY_MAX)
async def enter(request: _Request, services: _Services) -> Response[str]:
    """Starts a session."""
    check_same_origin(request)
    form = await Form.of(request)
    name, password, code = form.needed("name", most=100), form.secret("password"), form.text("code", most=20)
    peer = peer_of(request)
    if not form.errors:
        try:
            services.attempts.check(peer)
        except RateLimited:
            form.errors[""] = "Too many wrong attempts came from this address. Try again in a minute."
            return await sign_in_page(request, services, form)
        try:
            return await _let_in(request, services, form, name, password, code)
        except (AccessDenied, RateLimited) as error:
            services.attempts.failed(peer)
            form.errors[""] = sentence(error)
    return await sign_in_page(request, services, form)


@get("/welcome")
async def welcome(
    request: _Request, services: _Services, token: Annotated[str, QueryParameter()] = ""
) -> Response[str]:
    """The page behind an invitation."""
    try:
        _, user = await services.sign_in.invited(token)
    except NotFound as error:
        return _ended(request, error)
    return _welcome_page(request, Form(), token, user)


@post("/welcome", request_max_body_size=STRANGERS_BODY_MAX)
async def begin(request: _Request, services: _Services) -> Response[str]:
    """Sets the password of an invitation and signs in."""
    check_same_origin(request)
    form = await Form.of(request)
    token, name, password = form.text("token"), form.text("name", most=100), form.secret("password")
    try:
        _, user = await services.sign_in.invited(token)
        if not form.errors:
            user = await services.sign_in.accept(token, name, password)
            return await _let_in(request, services, form, user.name, password, "")
    except NotFound as error:
        return _ended(request, error)
    except (InvalidInput, SluicegateError) as error:
        form.values.setdefault("password", "")
        form.refused(error)
    return _welcome_page(request, form, token, user)


@post("/sign-out")
async def leave(request: _Request, services: _Services) -> Redirect:
    """Ends the session."""
    session: Session = session_of(request)
    await services.sign_in.end(session.user_id, session.id)
    answer = go("/app/sign-in")
    answer.cookies.append(cookie("", https=request.url.scheme == "https", max_age=0))
    return answer


@post("/theme")
async def theme(request: _Request) -> Redirect:
    """Keeps light or dark for this browser."""
    form = await Form.of(request)
    wanted = form.text("theme", most=5)
    answer = go(safe_next(form.values.get("back")))
    answer.set_cookie(
        key=THEME_COOKIE,
        value=wanted if wanted in {"light", "dark"} else "",
        path="/app",
        max_age=_YEAR,
        samesite="lax",
        httponly=True,
    )
    return answer


async def _let_in(
    request: _Request, services: _Services, form: Form, name: str, password: str, code: str
) -> Response[str]:
    """Starts a session and goes on. Raises Unauthenticated, RateLimited."""
    agent, address = request.headers.get("user-agent", ""), peer_of(request)
    _, token = await services.sign_in.sign_in(name, password, code, agent=agent, address=address)
    return enter_with(request, services, token, form)


async def sign_in_page(request: _Request, services: _Services, form: Form) -> Response[str]:
    """The page that asks who somebody is, with what was typed before."""
    context = {
        "next": safe_next(form.values.get("next")),
        "kept": KeptForm.of(form),
        "party": party_of(request, services.public_url),
        "needs_setup": await services.sign_in.needs_setup(),
        "may_register": services.registration.rules.open,
    }
    return _outside(request, "sign_in.html", form, context)


def _welcome_page(request: _Request, form: Form, token: str, user: User | None) -> Response[str]:
    return _outside(request, "welcome.html", form, {"token": token, "user": user})


def _outside(request: _Request, template: str, form: Form, context: dict[str, Any]) -> Response[str]:
    flash = Flash.of("error", form.errors[""]) if "" in form.errors else None
    around = {"theme": theme_of(request), "flash": flash, "form": form}
    return render(template, {**around, **context}, status=422 if form.errors else 200)


def _ended(request: _Request, error: NotFound) -> Response[str]:
    context = {
        "title": "This link is over",
        "words": sentence(error),
        "back": "/app/sign-in",
        "back_words": "To the sign-in",
        "theme": theme_of(request),
        "flash": None,
    }
    return render("message.html", context, status=404)


OUTSIDE: Final = (ask, enter, welcome, begin)
"""Handlers for people who are not signed in."""
INSIDE: Final = (leave, theme)
"""Handlers for people who are."""
