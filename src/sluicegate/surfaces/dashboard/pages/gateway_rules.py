"""Access rules: which add-ons and addresses may use one's proxy keys, and a dry run that names the deciding rule."""

from typing import Annotated, Any, Final, TypeVar
from uuid import UUID

from litestar import Request, Response, get, post
from litestar.di import NamedDependency
from litestar.params import FromPath, QueryParameter, SkipValidation
from litestar.response import Redirect

from sluicegate.core.addons import check_slug
from sluicegate.core.errors import InvalidInput, NotFound, SluicegateError
from sluicegate.core.ip_text import is_address
from sluicegate.core.policies import Judgement, Subject, Verdict
from sluicegate.surfaces.dashboard.forms import Form, sentence
from sluicegate.surfaces.dashboard.frame import Frame, go
from sluicegate.surfaces.dashboard.returning import returning
from sluicegate.surfaces.dashboard.services import DashboardServices
from sluicegate.surfaces.dashboard.sessions import session_of

__all__ = ["HANDLERS"]

_Request = Request[Any, Any, Any]
_Word = TypeVar("_Word", Verdict, Subject)
_Services = NamedDependency[SkipValidation[DashboardServices]]
_PATH: Final = "/app/gateway/rules"
_PAGE: Final = 50
_FRAME: Final = Frame("gateway", {"added": "The rule is in force.", "removed": "The rule no longer counts."})
_NOT_LISTED: Final = "Choose one of the list."


@get("/gateway/rules")
async def page(
    request: _Request, services: _Services, offset: Annotated[int, QueryParameter(ge=0, le=10_000_000)] = 0
) -> Response[str]:
    """The rules, oldest first."""
    return await _page(request, services, Form(), offset=offset)


@post("/gateway/rules")
async def add(request: _Request, services: _Services) -> Response[str] | Redirect:
    """Adds a rule."""
    form = await Form.of(request)
    verdict, subject = _one_of(form, "verdict", Verdict), _one_of(form, "subject", Subject)
    value, key_id = form.needed("value", most=100), _key(form, "rule_key")
    if not form.errors and verdict is not None and subject is not None:
        try:
            await services.gateway.policies.add(session_of(request).user_id, verdict, subject, value, key_id=key_id)
        except NotFound:
            raise
        except InvalidInput as error:
            form.errors["value"] = sentence(error)
        except SluicegateError as error:
            form.errors[""] = sentence(error)
        else:
            return go(_PATH, "added")
    return await _page(request, services, form)


@post("/gateway/rules/{rule_id:uuid}/remove")
async def remove(request: _Request, services: _Services, rule_id: FromPath[UUID]) -> Redirect:
    """Removes a rule."""
    await services.gateway.policies.remove(session_of(request).user_id, rule_id)
    return go(_PATH, "removed")


@post("/gateway/rules/check")
async def check(request: _Request, services: _Services) -> Response[str]:
    """Says whether a call would get in, and which rule decides; nothing is changed."""
    form = await Form.of(request)
    addon, address, key_id = form.needed("addon", most=64), form.needed("address", most=64), _key(form, "check_key")
    if "addon" not in form.errors:
        try:
            check_slug(addon)
        except InvalidInput as error:
            form.errors["addon"] = sentence(error)
    if "address" not in form.errors and not is_address(address):
        form.errors["address"] = "This is no address such as 192.0.2.7 or 2001:db8::7."
    judgement = None
    if not form.errors:
        judgement = await services.gateway.policies.dry_run(
            session_of(request).user_id, key_id=key_id, addon=addon, address=address
        )
    return await _page(request, services, form, judgement=judgement)


def _one_of(form: Form, name: str, words: type[_Word]) -> _Word | None:
    text = form.text(name, most=20)
    found = next((word for word in words if word.value == text), None)
    if found is None:
        form.errors[name] = _NOT_LISTED
    return found


def _key(form: Form, name: str) -> UUID | None:
    """The chosen key, or None for all of them; what is no id is noted."""
    text = form.text(name, most=40)
    if not text:
        return None
    try:
        return UUID(text)
    except ValueError:
        form.errors[name] = _NOT_LISTED
        return None


async def _page(
    request: _Request,
    services: DashboardServices,
    form: Form,
    *,
    offset: int = 0,
    judgement: Judgement | None = None,
) -> Response[str]:
    user_id = session_of(request).user_id
    rules = await services.gateway.policies.of_user(user_id)
    keys = await services.gateway.keys.page(user_id)
    names = {key.id: f"{key.label or 'key'} (pk_{key.prefix}…)" for key in keys}
    valid = [(str(key.id), names[key.id]) for key in keys if key.revoked_at is None]
    return _FRAME.page(
        request,
        "gateway_rules.html",
        form=form,
        rules=rules[offset : offset + _PAGE],
        names=names,
        keys=[("", "All my keys"), *valid],
        check_keys=[("", "Any of my keys"), *valid],
        judgement=judgement,
        offset=offset,
        limit=_PAGE,
        more=len(rules) > offset + _PAGE,
    )


_BACK: Final = returning(1, "/gateway/rules/check")
HANDLERS: Final = (page, add, check, remove, _BACK)
