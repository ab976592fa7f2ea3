"""Registering by e-mail: asking for a link, and what the link leads to. Opening the link alone uses nothing up."""

from typing import Annotated, Any, Final

from litestar import Request, Response, get, post
from litestar.di import NamedDependency
from litestar.params import QueryParameter, SkipValidation

from sluicegate.core.errors import AccessDenied, AlreadyExists, InvalidInput, NotFound, RateLimited, SluicegateError
from sluicegate.services.registration import LINK_HOURS
from sluicegate.surfaces.dashboard.entering import STRANGERS_BODY_MAX, enter_with, peer_of
from sluicegate.surfaces.dashboard.forms import Form, sentence
from sluicegate.surfaces.dashboard.frame import theme_of
from sluicegate.surfaces.dashboard.rendering import Flash, render
from sluicegate.surfaces.dashboard.services import DashboardServices
from sluicegate.surfaces.dashboard.sessions import check_same_origin

__all__ = ["OUTSIDE"]

_Request = Request[Any, Any, Any]
_Services = NamedDependency[SkipValidation[DashboardServices]]
_TOO_OFTEN: Final = "Too many registrations came from this address. Try again in an hour."


@get("/register")
async def ask(request: _Request, services: _Services) -> Response[str]:
    """The page that asks for an address."""
    if not services.registration.rules.open:
        return _message(request, "Registration is closed", "Ask whoever runs this server for an invitation.")
    return _page(request, services, Form())


@post("/register", request_max_body_size=STRANGERS_BODY_MAX)
async def send(request: _Request, services: _Services) -> Response[str]:
    """Has a link sent. The answer is the same for every address that may register."""
    check_same_origin(request)
    form = await Form.of(request)
    text, peer = form.needed("email", most=320), peer_of(request)
    if not form.errors:
        try:
            services.registering.check(peer)
            services.registering.failed(peer)  # each counts, not only wrong ones
            address = await services.registration.ask(text)
        except RateLimited:
            form.errors[""] = _TOO_OFTEN
        except SluicegateError as error:
            form.refused(error)
        else:
            return _render(request, "register_sent.html", Form(), {"address": str(address), "hours": LINK_HOURS})
    return _page(request, services, form)


@get("/register/confirm")
async def confirm(
    request: _Request, services: _Services, token: Annotated[str, QueryParameter()] = ""
) -> Response[str]:
    """The page behind a link. It changes nothing: scanners of mails open links, too."""
    try:
        registration = await services.registration.invited(token)
    except (NotFound, AccessDenied) as error:
        return _message(request, "This link is over", sentence(error))
    return _render(request, "register_confirm.html", Form(), {"token": token, "address": registration.address})


@post("/register/confirm", request_max_body_size=STRANGERS_BODY_MAX)
async def begin(request: _Request, services: _Services) -> Response[str]:
    """Makes the user, and signs in."""
    check_same_origin(request)
    form, peer = await Form.of(request), peer_of(request)
    token, name, password = form.text("token"), form.needed("name", most=100), form.secret("password")
    try:
        address = (await services.registration.invited(token)).address
        services.attempts.check(peer)
        if not form.errors:
            user = await services.registration.accept(token, name, password)
            agent = request.headers.get("user-agent", "")
            _, session = await services.sign_in.begin(user.id, agent=agent, address=peer)
            return enter_with(request, services, session, Form())
    except (NotFound, AccessDenied) as error:
        return _message(request, "This link is over", sentence(error))
    except RateLimited:
        form.errors[""] = "Too many wrong attempts came from this address. Try again in a minute."
    except AlreadyExists as error:
        services.attempts.failed(peer)  # names are not to be tried out one after the other
        form.errors["name"] = f"{error.detail} Choose another."
    except InvalidInput as error:
        form.values.setdefault("password", "")
        form.refused(error)
    return _render(request, "register_confirm.html", form, {"token": token, "address": address})


def _page(request: _Request, services: DashboardServices, form: Form) -> Response[str]:
    return _render(request, "register.html", form, {"domains": sorted(services.registration.rules.domains)})


def _message(request: _Request, title: str, words: str) -> Response[str]:
    context = {"title": title, "words": words, "back": "/app/sign-in", "back_words": "To the sign-in"}
    return render("message.html", {"theme": theme_of(request), "flash": None, **context}, status=404)


def _render(request: _Request, template: str, form: Form, context: dict[str, Any]) -> Response[str]:
    flash = Flash.of("error", form.errors[""]) if "" in form.errors else None
    around = {"theme": theme_of(request), "flash": flash, "form": form}
    return render(template, {**around, **context}, status=422 if form.errors else 200)


OUTSIDE: Final = (ask, send, confirm, begin)
"""Handlers for people who are not signed in."""
