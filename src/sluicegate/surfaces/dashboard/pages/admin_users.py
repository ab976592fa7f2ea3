"""Users for the operator: inviting, limiting and removing them."""

from typing import Annotated, Any, Final
from uuid import UUID

from litestar import Request, Response, get, post
from litestar.di import NamedDependency
from litestar.params import FromPath, QueryParameter, SkipValidation
from litestar.response import Redirect

from sluicegate.core.errors import SluicegateError
from sluicegate.core.users import UserLimits
from sluicegate.services.users import RESOLUTIONS
from sluicegate.surfaces.dashboard.forms import Form, sentence
from sluicegate.surfaces.dashboard.frame import Frame, go
from sluicegate.surfaces.dashboard.services import DashboardServices
from sluicegate.surfaces.dashboard.sessions import session_of

__all__ = ["HANDLERS"]

_Request = Request[Any, Any, Any]
_Services = NamedDependency[SkipValidation[DashboardServices]]
_PATH: Final = "/app/admin/users"
_PAGE: Final = 50
_GIB: Final = 1 << 30
_SIZE_MAX_GIB: Final = float(1 << 30)
_SECONDS_MAX: Final = 31_536_000
_JOBS_MAX: Final = 10_000
_FRAME: Final = Frame(
    "admin",
    {"limited": "The limits hold from now on.", "removed": "The user is removed with everything that was theirs."},
)


@get("/users")
async def page(
    request: _Request, services: _Services, offset: Annotated[int, QueryParameter(ge=0, le=10_000_000)] = 0
) -> Response[str]:
    """Users by name."""
    return await _list(request, services, Form(), offset=offset)


@post("/users")
async def add(request: _Request, services: _Services) -> Response[str]:
    """Makes a user and a link that lets them choose a password; the link is shown this once."""
    form = await Form.of(request)
    name, link = form.needed("name", most=100), ""
    if not form.errors:
        try:
            user = await services.users.create(name)
        except SluicegateError as error:
            form.errors["name"] = sentence(error)
        else:
            link = await services.operator.invite(user.id, form.flag("admin"))
            form.values.clear()
    return await _list(request, services, form, link=link)


@get("/users/{user_id:uuid}")
async def show(request: _Request, services: _Services, user_id: FromPath[UUID]) -> Response[str]:
    """One user."""
    return await _one(request, services, user_id, Form())


@post("/users/{user_id:uuid}/invite")
async def invite(request: _Request, services: _Services, user_id: FromPath[UUID]) -> Response[str]:
    """A link that sets another password and takes the second factor away; it is shown this once."""
    form = await Form.of(request)
    link = await services.operator.invite(user_id, form.flag("admin"))
    return await _one(request, services, user_id, Form(), link=link)


@post("/users/{user_id:uuid}/limits")
async def limit(request: _Request, services: _Services, user_id: FromPath[UUID]) -> Response[str] | Redirect:
    """Sets all limits."""
    form = await Form.of(request)
    storage = form.number("storage_gib", float, least=0.001, most=_SIZE_MAX_GIB)
    largest = form.number("max_gib", float, least=0.001, most=_SIZE_MAX_GIB)
    limits = UserLimits(
        storage_bytes=_bytes(storage),
        concurrent=form.number("concurrent", int, least=1, most=_JOBS_MAX),
        max_resolution=form.text("max_resolution", most=10) or None,
        max_duration=form.number("max_duration", int, least=1, most=_SECONDS_MAX),
        max_bytes=_bytes(largest),
    )
    if limits.max_resolution is not None and limits.max_resolution not in RESOLUTIONS:
        form.errors.setdefault("max_resolution", "Choose one of the heights.")
    if not form.errors:
        await services.users.limit(user_id, limits)
        return go(f"{_PATH}/{user_id}", "limited")
    return await _one(request, services, user_id, form)


@post("/users/{user_id:uuid}/remove")
async def remove(request: _Request, services: _Services, user_id: FromPath[UUID]) -> Response[str] | Redirect:
    """Removes a user, once the name was typed."""
    form = await Form.of(request)
    user = await services.users.get(user_id)
    typed = form.needed("confirm", most=200)
    if user_id == session_of(request).user_id:
        form.errors["confirm"] = "You cannot remove yourself: nobody could undo it here."
    elif typed and typed != user.name:
        form.errors["confirm"] = "This is not the name of the user."
    if not form.errors:
        keep = form.flag("keep_files")
        try:
            await services.users.remove(user_id, None if keep else services.operator.storages)
        except SluicegateError as error:
            form.errors["confirm"] = sentence(error)
        else:
            return go(_PATH, "removed")
    return await _one(request, services, user_id, form)


async def _list(
    request: _Request, services: DashboardServices, form: Form, *, offset: int = 0, link: str = ""
) -> Response[str]:
    users = await services.users.page(limit=_PAGE + 1, offset=offset)
    return _FRAME.page(
        request,
        "admin_users.html",
        form=form,
        users=users[:_PAGE],
        logins=await services.sign_in.logins([user.id for user in users]),
        link=link,
        offset=offset,
        limit=_PAGE,
        more=len(users) > _PAGE,
    )


async def _one(
    request: _Request, services: DashboardServices, user_id: UUID, form: Form, *, link: str = ""
) -> Response[str]:
    user = await services.users.get(user_id)
    report = await services.media_usage.report(user_id)
    limits = report.limits
    return _FRAME.page(
        request,
        "admin_user.html",
        form=form,
        user=user,
        login=(await services.sign_in.logins([user_id])).get(user_id),
        address=(await services.registration.addresses([user_id])).get(user_id),
        sessions=await services.sign_in.sessions(user_id),
        usage=report.usage,
        limits=limits,
        gib=_gib,
        shown=_shown,
        heights=[("", "no limit"), *((height, height) for height in RESOLUTIONS)],
        link=link,
    )


def _bytes(gib: float | None) -> int | None:
    return None if gib is None else round(gib * _GIB)


def _gib(count: int | None) -> str:
    return "" if count is None else f"{count / _GIB:.3f}".rstrip("0").rstrip(".")


def _shown(figure: int | None) -> str:
    return "" if figure is None else str(figure)


HANDLERS: Final = (page, add, show, invite, limit, remove)
