"""The dashboard, put together: its services, its change stream, and the link that lets the first person in."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Final
from uuid import UUID

from litestar import Router
from litestar.response.base import ASGIResponse

from sluicegate.core.findings import Finding
from sluicegate.core.media_jobs import MediaOptions
from sluicegate.services.passkey_ceremony import PasskeyCeremonies
from sluicegate.services.passkeys import PasskeyService
from sluicegate.services.preview_pictures import PreviewPictures
from sluicegate.services.task_overview import TaskOverviewService
from sluicegate.surfaces.dashboard import routes as dashboard
from sluicegate.surfaces.dashboard.services import DashboardServices, OperatorServices
from sluicegate.surfaces.events.stream import ChangeStream, Seats, Timing
from sluicegate.surfaces.media_jobs.options import read_options
from sluicegate.surfaces.media_jobs.schemas import CreateJob
from sluicegate.web.limits import FailedAttempts
from sluicegate.wiring.document_reader import HttpDocumentReader
from sluicegate.wiring.engines import engines_run_elsewhere
from sluicegate.wiring.findings import installation_findings, machine_findings
from sluicegate.wiring.installation import Installation

__all__ = ["dashboard_router", "invitation_link", "setup_link"]

_WRONG_PASSWORDS: Final = 30
"""Wrong attempts of one peer, over all names, before it has to wait."""
_REGISTRATIONS: Final = 10
"""Mails that one peer may ask for within an hour, over all addresses."""
_HOUR: Final = 3600.0


def dashboard_router(installation: Installation) -> Router:
    """Everything below ``/app``."""
    return dashboard.router(
        DashboardServices(
            sign_in=installation.sign_in,
            passkeys=_passkeys(installation),
            public_url=installation.settings.public_url,
            users=installation.users,
            attempts=FailedAttempts(allowed=_WRONG_PASSWORDS),
            registration=installation.registration.service,
            registering=FailedAttempts(allowed=_REGISTRATIONS, seconds=_HOUR),
            changes=_open_stream(installation),
            submit=installation.submit,
            library=installation.library,
            sync=installation.sync,
            tombstones=installation.tombstones,
            playback=installation.playback,
            store=installation.store,
            destinations=installation.destinations,
            accounts=installation.accounts,
            looks=installation.looks,
            providers=installation.providers,
            webhooks=installation.webhooks,
            media_jobs=installation.media.jobs,
            media_batches=installation.media.batches,
            media_pages=installation.media.pages,
            media_options=_media_options,
            previews=PreviewPictures(HttpDocumentReader(installation.http), installation.blocklist),
            gateway=installation.gateway,
            feeds=installation.feeds.feeds,
            poller=installation.feeds.poller,
            link_keys=installation.feeds.link_keys,
            keys=installation.keys,
            integrations=installation.people.integrations,
            preferences=installation.people.preferences,
            cascade_preferences=installation.cascade_preferences,
            usage=installation.people.usage,
            usage_history=installation.people.usage_history,
            account_calls=installation.account_calls,
            media_usage=installation.media.usage,
            plans=installation.people.plans,
            issue_token=lambda user_id, session: installation.people.tokens.issue(user_id, session=session),
            operator=_operator(installation),
        )
    )


def _passkeys(installation: Installation) -> PasskeyService:
    clock = installation.clock
    ceremonies = PasskeyCeremonies(installation.vault, clock)
    return PasskeyService(installation.database.transactions, installation.sign_in, ceremonies, clock)


def _operator(installation: Installation) -> OperatorServices:
    settings = installation.settings

    async def findings() -> list[Finding]:
        machine = await asyncio.to_thread(lambda: list(machine_findings(settings)))
        return [*machine, *await installation_findings(installation)]

    return OperatorServices(
        invite=lambda user_id, admin: invitation_link(installation, user_id, admin=admin),
        findings=findings,
        storages=installation.storages,
        engines=lambda: engines_run_elsewhere(settings),
        tasks=TaskOverviewService(installation.database.transactions),
        blocklist=installation.blocklist,
    )


async def setup_link(installation: Installation) -> str | None:
    """Where the first person sets a password, or None once that has happened. Earlier links end."""
    if not await installation.sign_in.needs_setup():
        return None
    return await invitation_link(installation, None, admin=True)


async def invitation_link(installation: Installation, user_id: UUID | None, *, admin: bool) -> str:
    """Where somebody sets a password, once."""
    token = await installation.sign_in.invite(user_id, admin=admin)
    return f"{installation.base_url()}{dashboard.PREFIX}/welcome?token={token.reveal()}"


def _media_options(fields: Mapping[str, Any]) -> MediaOptions:
    """The same reading as of the API's bodies."""
    return read_options(CreateJob(**{"url": "", **fields}), fields.get("filename"))


def _open_stream(installation: Installation) -> Callable[[UUID, Callable[[], Awaitable[object]]], ASGIResponse]:
    seats, timing = Seats(), Timing()

    def open_(user_id: UUID, check: Callable[[], Awaitable[object]]) -> ASGIResponse:
        # Sessions that end are told of like keys that are revoked: the stream asks at once.
        watch = installation.people.callers.watch
        return ChangeStream(installation.changes, user_id, seats=seats, check_key=check, timing=timing, watch=watch)

    return open_
