"""The audit for the operator: every call of the gateway, refused ones included, by page and as a file."""

from collections.abc import AsyncIterator, Iterable
from datetime import UTC, datetime, timedelta
from typing import Annotated, Any, Final
from uuid import UUID

import msgspec
from litestar import Request, Response, get
from litestar.di import NamedDependency
from litestar.params import QueryParameter, SkipValidation
from litestar.response import Stream

from sluicegate.core.audit import AuditedCall
from sluicegate.core.errors import NotFound
from sluicegate.services.gateway_audit import audit_record
from sluicegate.surfaces.dashboard.forms import Form
from sluicegate.surfaces.dashboard.frame import Frame
from sluicegate.surfaces.dashboard.rendering import page_headers
from sluicegate.surfaces.dashboard.services import DashboardServices

__all__ = ["HANDLERS"]

_Request = Request[Any, Any, Any]
_Services = NamedDependency[SkipValidation[DashboardServices]]
_Addon = Annotated[str, QueryParameter(max_length=64)]
_PAGE: Final = 50
_FRAME: Final = Frame("admin", {})


@get("/audit")
async def page(
    request: _Request,
    services: _Services,
    before: Annotated[datetime | None, QueryParameter()] = None,
    before_id: Annotated[UUID | None, QueryParameter()] = None,
    addon: _Addon = "",
    refused: Annotated[str, QueryParameter(max_length=5)] = "",
) -> Response[str]:
    """Calls, newest first."""
    calls = await services.gateway.audit.log(
        limit=_PAGE + 1, addon=addon or None, refused=bool(refused), before=before, before_id=before_id
    )
    shown = calls[:_PAGE]
    return _FRAME.page(
        request,
        "admin_audit.html",
        form=Form({"addon": addon}),
        calls=shown,
        last=shown[-1] if len(calls) > _PAGE else None,
        names=await _names(services, shown),
        addon=addon,
        refused=bool(refused),
        paged=before is not None,
    )


@get("/audit/export")
async def export(
    services: _Services,
    days: Annotated[int, QueryParameter(ge=1, le=3_660)] = 90,
    addon: _Addon = "",
    refused: Annotated[str, QueryParameter(max_length=5)] = "",
) -> Stream:
    """Calls as JSON lines, each with what every provider contributed."""
    calls = services.gateway.audit.every(
        datetime.now(UTC) - timedelta(days=days), addon=addon or None, refused=bool(refused)
    )
    headers = page_headers() | {"content-disposition": 'attachment; filename="sluicegate-audit.jsonl"'}
    return Stream(_lines(calls), media_type="application/x-ndjson", headers=headers)


async def _lines(calls: AsyncIterator[AuditedCall]) -> AsyncIterator[bytes]:
    async for call in calls:
        yield msgspec.json.encode(audit_record(call)) + b"\n"


async def _names(services: DashboardServices, calls: Iterable[AuditedCall]) -> dict[UUID, str]:
    names = {}
    for user_id in {call.user_id for call in calls if call.user_id is not None}:
        try:
            names[user_id] = (await services.users.get(user_id)).name
        except NotFound:
            names[user_id] = "(gone)"
    return names


HANDLERS: Final = (page, export)
