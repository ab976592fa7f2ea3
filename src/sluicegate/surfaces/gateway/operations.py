"""The nine canonical operations as a table: method, path, where the arguments come from, and what is done with them."""

import ipaddress
import re
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Final
from urllib.parse import unquote, urlsplit

import msgspec

from sluicegate.core.errors import NotSupported
from sluicegate.core.gateway import NOT_MAPPED, GatewayOperation, JobKind
from sluicegate.core.provider import Capability, Control, Provider
from sluicegate.services.gateway_fanout import Target
from sluicegate.services.gateway_jobs import GatewayJobs
from sluicegate.surfaces.gateway import payloads
from sluicegate.surfaces.gateway.bodies import (
    CacheCheckRequest,
    CancelRequest,
    CreateRequest,
    PlaybackRequest,
    Query,
    UnlockRequest,
    read_body,
)
from sluicegate.surfaces.gateway.payloads import CanceledBody
from sluicegate.web.asgi import Receive, Scope

__all__ = ["OPERATIONS", "Arguments", "Plan", "Route", "Work", "match", "says_nothing"]

Work = Callable[[Target, Provider], Awaitable[msgspec.Struct]]


@dataclass(frozen=True, slots=True)
class Plan:
    """What can be told without asking a provider, and what is done with each when it does not suffice.

    Attributes:
        prepare: checks what is left to check, and gives the work. Raises as reading the arguments does.
        known: the answer of a provider that need not be asked, or None.
    """

    prepare: Callable[[], Work]
    known: Callable[[Target], msgspec.Raw | None]


@dataclass(frozen=True, slots=True)
class Arguments:
    """What an operation reads its arguments from."""

    scope: Scope
    receive: Receive
    query: Query
    ids: tuple[str, ...]


Prepare = Callable[[GatewayJobs, Arguments], Awaitable[Work | Plan]]
"""Reads the arguments once, before anything is asked; gives what is then done with each provider."""


_HANDED_IN: Final = {
    JobKind.TORRENT: Capability.MAGNET,
    JobKind.USENET: Capability.NZB,
    JobKind.WEB_FETCH: Capability.WEB,
}


async def _account(jobs: GatewayJobs, _: Arguments) -> Work:
    async def work(target: Target, provider: Provider) -> msgspec.Struct:
        return payloads.account_body(target.slug, await jobs.account(provider))

    return work


async def _unlock(jobs: GatewayJobs, arguments: Arguments) -> Work:
    link = (await read_body(arguments.scope, arguments.receive, UnlockRequest)).link()
    await jobs.admit(link)

    async def work(target: Target, provider: Provider) -> msgspec.Struct:
        if (target.slug, GatewayOperation.UNLOCK) in NOT_MAPPED or not provider.can(Capability.UNLOCK):
            way = "Create a job of the kind web_fetch instead." if provider.can(Capability.WEB) else ""
            raise NotSupported(f"{GatewayOperation.UNLOCK} is not available for {target.slug}.", action=way)
        return payloads.unlock_body(await jobs.unlock(provider, link), urlsplit(link.url).hostname)

    return work


async def _list(jobs: GatewayJobs, arguments: Arguments) -> Work:
    kind = arguments.query.kind()
    limit, offset = arguments.query.page()

    async def work(_: Target, provider: Provider) -> msgspec.Struct:
        found = await jobs.page(provider, kind.source_kind, limit=limit, offset=offset)
        return payloads.JobsBody([payloads.job_body(transfer, kind) for transfer in found])

    return work


async def _create(jobs: GatewayJobs, arguments: Arguments) -> Work:
    request = await read_body(arguments.scope, arguments.receive, CreateRequest)
    source = request.source()
    await jobs.admit(source)

    async def work(target: Target, provider: Provider) -> msgspec.Struct:
        if not provider.can(_HANDED_IN[request.kind]):
            raise NotSupported(f"{target.slug} takes no jobs of the kind {request.kind}.", action="")
        return payloads.job_body(await jobs.create(provider, source), request.kind)

    return work


async def _get(jobs: GatewayJobs, arguments: Arguments) -> Work:
    kind = arguments.query.kind()
    (job_id,) = arguments.ids

    async def work(_: Target, provider: Provider) -> msgspec.Struct:
        return payloads.job_body(await jobs.get(provider, job_id), kind)

    return work


async def _cancel(jobs: GatewayJobs, arguments: Arguments) -> Work:
    kind = arguments.query.kind()
    (job_id,) = arguments.ids
    request = await read_body(arguments.scope, arguments.receive, CancelRequest, optional=True)

    async def work(target: Target, provider: Provider) -> msgspec.Struct:
        if request.operation == "delete":
            await jobs.remove(provider, job_id)
            return CanceledBody(job_id, kind, "canceled", "delete")
        if request.operation not in set(Control) or not provider.can(Capability.CONTROL):
            raise NotSupported(f"{target.slug} has no operation '{request.operation}'.", action="")
        await jobs.control(provider, job_id, Control(request.operation))
        paused = request.operation == Control.PAUSE
        return CanceledBody(job_id, kind, "paused" if paused else None, request.operation)

    return work


async def _files(jobs: GatewayJobs, arguments: Arguments) -> Work:
    arguments.query.kind()
    (job_id,) = arguments.ids

    async def work(_: Target, provider: Provider) -> msgspec.Struct:
        return payloads.files_body(job_id, await jobs.files(provider, job_id))

    return work


async def _playback(jobs: GatewayJobs, arguments: Arguments) -> Work:
    arguments.query.kind()
    job_id, file_id = arguments.ids
    request = await read_body(arguments.scope, arguments.receive, PlaybackRequest, optional=True)
    viewer = _public(request.client_ip)

    async def work(_: Target, provider: Provider) -> msgspec.Struct:
        view, link = await jobs.playback(provider, job_id, file_id, viewer)
        return payloads.playback_body(job_id, view, link)

    return work


async def _cache_check(jobs: GatewayJobs, arguments: Arguments) -> Work | Plan:
    request = await read_body(arguments.scope, arguments.receive, CacheCheckRequest)
    sent = request.counted()

    def prepare() -> Work:
        hashes = request.normalised()

        async def work(_: Target, provider: Provider) -> msgspec.Struct:
            answers = await jobs.cache_check(provider, hashes, list_files=request.list_files)
            return payloads.cache_body(answers, list_files=request.list_files)

        return work

    def known(target: Target) -> msgspec.Raw | None:
        # As they were sent: what is known is known under its normal spelling only, so these need not be read at all.
        found = jobs.known(target.provider, sent, payloads.worded_cache_item)
        return payloads.worded_cache_body(found) if found is not None else None

    return prepare() if request.list_files else Plan(prepare, known)


@dataclass(frozen=True, slots=True)
class Route:
    """One operation on the wire.

    Attributes:
        path: below the API's base, with ids in braces.
        query: names of its query parameters beside ``deadline_ms``.
        body: shape of its JSON body, or None.
        answer: shape of ``data.<slug>.data``.
    """

    operation: GatewayOperation
    method: str
    path: str
    summary: str
    prepare: Prepare
    answer: type[msgspec.Struct]
    query: tuple[str, ...] = ()
    body: type[msgspec.Struct] | None = None
    body_optional: bool = False


_KIND: Final = ("kind",)
_JOB: Final = "/canonical/jobs/{job_id}"

OPERATIONS: Final = (
    Route(
        GatewayOperation.ACCOUNT,
        "GET",
        "/canonical/account",
        "The account at each provider",
        _account,
        payloads.AccountBody,
    ),
    Route(
        GatewayOperation.UNLOCK,
        "POST",
        "/canonical/hoster/links/unlock",
        "A direct link for a file hoster's link",
        _unlock,
        payloads.UnlockBody,
        body=UnlockRequest,
    ),
    Route(
        GatewayOperation.JOBS_LIST,
        "GET",
        "/canonical/jobs",
        "Jobs of one kind",
        _list,
        payloads.JobsBody,
        query=("kind", "limit", "offset"),
    ),
    Route(
        GatewayOperation.JOBS_CREATE,
        "POST",
        "/canonical/jobs",
        "Hand in a magnet or an address",
        _create,
        payloads.JobBody,
        body=CreateRequest,
    ),
    Route(GatewayOperation.JOBS_GET, "GET", _JOB, "One job", _get, payloads.JobBody, query=_KIND),
    Route(
        GatewayOperation.JOBS_CANCEL,
        "POST",
        _JOB + "/cancel",
        "Remove a job from the provider",
        _cancel,
        payloads.CanceledBody,
        query=_KIND,
        body=CancelRequest,
        body_optional=True,
    ),
    Route(
        GatewayOperation.FILES_LIST, "GET", _JOB + "/files", "Files of a job", _files, payloads.FilesBody, query=_KIND
    ),
    Route(
        GatewayOperation.PLAYBACK,
        "POST",
        _JOB + "/files/{file_id}/playback",
        "A direct link to a file of a job",
        _playback,
        payloads.PlaybackBody,
        query=_KIND,
        body=PlaybackRequest,
        body_optional=True,
    ),
    Route(
        GatewayOperation.CACHE_CHECK,
        "POST",
        "/canonical/torrents/cache-check",
        "Which torrents could be delivered at once",
        _cache_check,
        payloads.CacheBody,
        body=CacheCheckRequest,
    ),
)


def _pattern(path: str) -> re.Pattern[str]:
    return re.compile(re.sub(r"\{\w+\}", "([^/]+)", path))


_PATTERNS: Final = tuple((_pattern(route.path), route) for route in OPERATIONS)


def match(path: str) -> Sequence[tuple[Route, tuple[str, ...]]]:
    """The routes of a path, still percent-encoded, with the ids in it decoded: an id may hold an encoded slash."""
    return _LITERAL.get(path) or _by_pattern(path)


def says_nothing(path: str) -> bool:
    """Whether a path consists of our own words alone."""
    return path in _LITERAL


def _by_pattern(path: str) -> list[tuple[Route, tuple[str, ...]]]:
    found = []
    for pattern, route in _PATTERNS:
        hit = pattern.fullmatch(path)
        if hit:
            found.append((route, tuple(unquote(text, errors="replace") for text in hit.groups())))
    return found


_LITERAL: Final = {route.path: _by_pattern(route.path) for route in OPERATIONS if "{" not in route.path}


def _public(address: str | None) -> str | None:
    """A viewer's address where it means something to a provider."""
    try:
        return address if address and ipaddress.ip_address(address).is_global else None
    except ValueError:
        return None
