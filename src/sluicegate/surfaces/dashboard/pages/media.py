"""Media: pages and files that become stored media; the form that asks for them, and a look before asking."""

import hashlib
import hmac
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Any, Final
from urllib.parse import urlencode
from uuid import UUID

from litestar import Request, Response, get, post
from litestar.di import NamedDependency
from litestar.params import FromPath, QueryParameter, SkipValidation
from litestar.response import Redirect

from sluicegate.core.destinations import storage_name
from sluicegate.core.errors import InvalidInput, NotFound, SluicegateError
from sluicegate.core.media import MediaFacts
from sluicegate.core.media_jobs import MediaJob, MediaOptions, MediaState
from sluicegate.core.places import ListPlace
from sluicegate.core.sources import WebLink
from sluicegate.services.media_jobs import Draft
from sluicegate.surfaces.dashboard.forms import Form, sentence
from sluicegate.surfaces.dashboard.frame import Frame, go
from sluicegate.surfaces.dashboard.pages import media_batches, media_form, media_job
from sluicegate.surfaces.dashboard.pages.media_form import chosen_fields, chosen_links, refuse
from sluicegate.surfaces.dashboard.services import DashboardServices
from sluicegate.surfaces.dashboard.sessions import form_token_of, session_of
from sluicegate.surfaces.dashboard.turning import place_of, turned

__all__ = ["HANDLERS"]

_Request = Request[Any, Any, Any]
_Services = NamedDependency[SkipValidation[DashboardServices]]
_PATH: Final = "/app/media"
_PAGE: Final = 25
_TARGETS: Final = 50
_ENTRIES_SHOWN: Final = 20
_FRAME: Final = Frame("media", {})
_PICTURE_HEADERS: Final = {
    "cache-control": "private, max-age=600",
    "content-security-policy": "default-src 'none'; sandbox",
    "x-content-type-options": "nosniff",
}


@dataclass(frozen=True, slots=True)
class _Look:
    """What an address holds, before a job is made of it; ``picture`` is an address of ours."""

    url: str
    facts: MediaFacts
    picture: str | None

    @property
    def entries(self) -> list[str]:
        """The first titles of a collection."""
        return [entry.title or entry.url for entry in self.facts.entries[:_ENTRIES_SHOWN]]


@get("/media")
async def page(
    request: _Request,
    services: _Services,
    before: Annotated[datetime | None, QueryParameter()] = None,
    after: Annotated[datetime | None, QueryParameter()] = None,
    row: Annotated[UUID | None, QueryParameter()] = None,
    only: Annotated[str, QueryParameter(name="state", max_length=20)] = "",
) -> Response[str]:
    """Jobs, newest first, below the form that takes new ones."""
    return await _page(request, services, Form(), place=place_of(before, after, row), state=_state(only))


@post("/media")
async def submit(request: _Request, services: _Services) -> Response[str] | Redirect:
    """Makes a job or a batch, or only looks when that button was pressed."""
    form = await Form.of(request)
    links, fields = chosen_links(form), chosen_fields(form)
    looking = form.values.get("act") == "look"
    if len(links) > 1 and looking:
        form.errors["url"] = "Look at one link at a time."
    if len(links) > 1 and "filename" in fields:
        form.errors["filename"] = "One name cannot be given to several files; leave it empty."
    look = None
    try:
        options = services.media_options(fields)
        if not form.errors and not looking:
            return await _create(request, services, form, links, options, fields["priority"])
        if not form.errors:
            facts = await services.media_pages.facts(session_of(request).user_id, links[0].url)
            look = _Look(links[0].url, facts, _picture(request, facts))
    except InvalidInput as error:
        refuse(form, error)
    except SluicegateError as error:
        form.errors["url" if looking else ""] = sentence(error)
    return await _page(request, services, form, look=look)


@get("/media/preview/{mark:str}")
async def picture(
    request: _Request,
    services: _Services,
    mark: FromPath[str],
    url: Annotated[str, QueryParameter(max_length=4096)] = "",
) -> Response[bytes]:
    """A picture that a looked-at page names. Only addresses that we have put on a page of this session are fetched."""
    if not hmac.compare_digest(mark.encode(), _mark(request, url).encode()):
        raise NotFound("There is no such picture.")
    found = await services.previews.fetch(url)
    return Response(found.content, media_type=found.media_type, headers=_PICTURE_HEADERS)


async def _create(
    request: _Request,
    services: DashboardServices,
    form: Form,
    links: list[WebLink],
    options: MediaOptions,
    priority: int,
) -> Redirect:
    """A job for one file, a batch for several and for a collection. Raises SluicegateError."""
    user_id = session_of(request).user_id
    storage = await _storage(request, services, form)
    paused, link = form.flag("paused"), links[0]
    drafts, source = [Draft(one, options) for one in links], None
    if len(links) == 1:
        drafts, source = await _entries(request, services, link, options)
        if len(drafts) == 1 and source is None and not paused:
            job = await services.media_jobs.create(user_id, link, options, storage=storage, priority=priority)
            return go(f"{_PATH}/{job.id}", "added")
    batch, _ = await services.media_jobs.create_batch(
        user_id, drafts, source_url=source, storage=storage, paused=paused
    )
    return go(f"{_PATH}/batches/{batch.id}", "paused" if paused else "added")


async def _entries(
    request: _Request, services: DashboardServices, link: WebLink, options: MediaOptions
) -> tuple[list[Draft], str | None]:
    """What a link holds: itself, or the items of a collection and its address."""
    entries = await services.media_pages.entries(session_of(request).user_id, link.url)
    if not entries:
        return [Draft(link, options)], None
    return [Draft(WebLink(entry.url), options, entry.title) for entry in entries], link.url


async def _storage(request: _Request, services: DashboardServices, form: Form) -> str | None:
    """The storage that was chosen, or None for the usual one. Raises InvalidInput."""
    name = form.text("storage", most=60)
    if not name:
        return None
    try:
        return storage_name((await services.destinations.by_name(session_of(request).user_id, name)).id)
    except NotFound:
        raise InvalidInput("There is no such storage target; choose one of the list.", field="storage") from None


def _picture(request: _Request, facts: MediaFacts) -> str | None:
    """Where this server hands out the picture of a page: browsers are not sent to strangers."""
    url = facts.thumbnail
    if not url or len(url) > 4096:
        return None
    return f"{_PATH}/preview/{_mark(request, url)}?{urlencode({'url': url})}"


def _mark(request: _Request, url: str) -> str:
    """Proves to ourselves that this session was shown the address."""
    return hmac.new(form_token_of(request).encode(), b"picture " + url.encode(), hashlib.sha256).hexdigest()


def _state(text: str) -> MediaState | None:
    return next((state for state in MediaState if state.value == text), None)


async def _page(
    request: _Request,
    services: DashboardServices,
    form: Form,
    *,
    place: ListPlace | None = None,
    state: MediaState | None = None,
    look: _Look | None = None,
) -> Response[str]:
    user_id = session_of(request).user_id
    jobs: list[MediaJob] = await services.media_jobs.newest(user_id, limit=_PAGE + 1, state=state, place=place)
    shown = turned(jobs, _PAGE, place)
    targets = await services.destinations.page(user_id, limit=_TARGETS, offset=0)
    return _FRAME.page(
        request,
        "media.html",
        form=form,
        jobs=shown.rows,
        look=look,
        state=state,
        states=tuple(MediaState),
        tones=media_job.TONES,
        choices=media_form.CHOICES,
        targets=[("", "Where my files usually go"), *((one.name, one.name) for one in targets)],
        advanced_open=bool(media_form.ADVANCED & form.errors.keys()),
        turned=shown,
        first=not place,
    )


# The longer paths first: a batch is no job.
HANDLERS: Final = (page, submit, picture, *media_batches.HANDLERS, *media_job.HANDLERS)
