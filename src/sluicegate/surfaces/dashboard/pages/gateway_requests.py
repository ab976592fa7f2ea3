"""Requests: what add-ons did with one's keys, page by page, and charts by add-on and by provider."""

import asyncio
from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Annotated, Any, Final
from uuid import UUID

from litestar import Request, Response, get
from litestar.di import NamedDependency
from litestar.params import QueryParameter, SkipValidation
from markupsafe import Markup

from sluicegate.core.audit import AddonPoint, ProviderPoint
from sluicegate.surfaces.dashboard.charts import Series, bars, lines
from sluicegate.surfaces.dashboard.forms import Form
from sluicegate.surfaces.dashboard.frame import Frame
from sluicegate.surfaces.dashboard.services import DashboardServices
from sluicegate.surfaces.dashboard.sessions import session_of

__all__ = ["HANDLERS"]

_Request = Request[Any, Any, Any]
_Services = NamedDependency[SkipValidation[DashboardServices]]
_PAGE: Final = 25
_DAYS: Final = 30
_NAMED: Final = 2
"""Add-ons with a line of their own; the others share one."""
_PROVIDERS_MAX: Final = 12
_NOBODY: Final = "(no add-on)"
_OTHERS: Final = "others"
_FRAME: Final = Frame("gateway", {})


@dataclass(frozen=True, slots=True)
class _Row:
    """Sums of one add-on or provider."""

    name: str
    calls: int
    refused: int
    mean_ms: float


@dataclass(frozen=True, slots=True)
class _Charts:
    """Pictures, and the figures that they are made of."""

    by_addon: Markup
    by_provider: Markup
    addons: list[_Row]
    providers: list[_Row]
    lines: list[Series]
    days: list[str]


@get("/gateway/requests")
async def page(
    request: _Request,
    services: _Services,
    before: Annotated[datetime | None, QueryParameter()] = None,
    before_id: Annotated[UUID | None, QueryParameter()] = None,
    addon: Annotated[str, QueryParameter(max_length=64)] = "",
) -> Response[str]:
    """Calls, newest first; the charts stand on the first page."""
    user_id = session_of(request).user_id
    if before is not None and before.tzinfo is None:
        before = before.replace(tzinfo=UTC)
    calls = await services.gateway.audit.history(
        user_id, limit=_PAGE + 1, before=before, before_id=before_id, addon=addon or None
    )
    charts = None
    if before is None and not addon:
        points, answers = await asyncio.gather(
            services.gateway.audit.addon_usage(user_id, days=_DAYS - 1),
            services.gateway.audit.provider_usage(user_id, days=_DAYS - 1),
        )
        charts = _charts(points, answers, datetime.now(UTC).date())
    keys = {key.id: key.label or f"pk_{key.prefix}…" for key in await services.gateway.keys.page(user_id)}
    return _FRAME.page(
        request,
        "gateway_requests.html",
        form=Form(values={"addon": addon}),
        calls=calls[:_PAGE],
        charts=charts,
        keys=keys,
        addon=addon,
        paged=before is not None,
        last=calls[_PAGE - 1] if len(calls) > _PAGE else None,
    )


def _charts(points: Sequence[AddonPoint], answers: Sequence[ProviderPoint], today: date) -> _Charts:
    addons = _summed([(point.addon or _NOBODY, point.calls, point.refused, point.mean_ms) for point in points])
    providers = _summed([(point.provider, point.calls, point.failed, point.mean_ms) for point in answers])
    days = [today - timedelta(days=back) for back in reversed(range(_DAYS))]
    drawn = _lines(points, [row.name for row in addons], days)
    labels = [f"{day:%m-%d}" for day in days]
    shown = providers[:_PROVIDERS_MAX]
    return _Charts(
        by_addon=lines("by-addon", "Calls a day, by add-on", labels, drawn, unit="calls"),
        by_provider=bars(
            "by-provider",
            "Calls by provider",
            [row.name for row in shown],
            [
                Series("answered", [row.calls - row.refused for row in shown]),
                Series("with an error", [row.refused for row in shown]),
            ],
            unit="calls",
        ),
        addons=addons,
        providers=providers,
        lines=drawn,
        days=labels,
    )


def _lines(points: Sequence[AddonPoint], names: Sequence[str], days: Sequence[date]) -> list[Series]:
    """One line for each of the busiest add-ons, one for all others together."""
    by_name: dict[str, Counter[date]] = defaultdict(Counter)
    for point in points:
        name = point.addon or _NOBODY
        by_name[name if name in names[:_NAMED] else _OTHERS][point.day] += point.calls
    shown = [*names[:_NAMED], *([_OTHERS] if len(names) > _NAMED else [])]
    return [Series(name, [by_name[name][day] for day in days]) for name in shown]


def _summed(figures: Sequence[tuple[str, int, int, float]]) -> list[_Row]:
    """One row for each name, the busiest first."""
    calls, refused, spent = Counter[str](), Counter[str](), Counter[str]()
    for name, count, bad, mean in figures:
        calls[name] += count
        refused[name] += bad
        spent[name] += round(count * mean)
    return [_Row(name, count, refused[name], spent[name] / count) for name, count in calls.most_common()]


HANDLERS: Final = (page,)
