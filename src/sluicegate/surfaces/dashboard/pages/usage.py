"""Usage: this month's figures, what plan and limits allow, and charts over days and months with their tables."""

import asyncio
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date
from typing import Annotated, Any, Final

from litestar import Request, Response, get
from litestar.di import NamedDependency
from litestar.params import QueryParameter, SkipValidation
from markupsafe import Markup

from sluicegate.core.audit import ProviderPoint
from sluicegate.core.entitlements import Entitlement
from sluicegate.services.accounts import AccountOutlook
from sluicegate.services.media_usage import UsageReport
from sluicegate.services.usage_history import UsageOverTime
from sluicegate.surfaces.dashboard.charts import Series, bars, lines
from sluicegate.surfaces.dashboard.frame import Frame
from sluicegate.surfaces.dashboard.services import DashboardServices
from sluicegate.surfaces.dashboard.sessions import session_of

__all__ = ["HANDLERS"]

_Request = Request[Any, Any, Any]
_Services = NamedDependency[SkipValidation[DashboardServices]]
_SPANS: Final = (7, 30, 90)
_GIB: Final = 1 << 30
_ACCOUNTS_MAX: Final = 50
_FRAME: Final = Frame("usage", {})


@dataclass(frozen=True, slots=True)
class _Chart:
    """A picture and the table of its figures."""

    name: str
    title: str
    picture: Markup
    first: str
    columns: Sequence[str]
    rows: Sequence[tuple[str, Sequence[str]]]


@dataclass(frozen=True, slots=True)
class _Account:
    """What is left of one account's limits."""

    title: str
    outlook: AccountOutlook


@get("/usage")
async def page(
    request: _Request, services: _Services, days: Annotated[int, QueryParameter(ge=1, le=90)] = 30
) -> Response[str]:
    """The page."""
    user_id = session_of(request).user_id
    span = min(_SPANS, key=lambda one: abs(one - days))
    plan = await services.plans.of(user_id)
    month = await services.usage.of(user_id)
    report = await services.media_usage.report(user_id)
    asked = await services.gateway.audit.provider_usage(user_id, days=span - 1)
    return _FRAME.page(
        request,
        "usage.html",
        span=span,
        spans=_SPANS,
        month=month,
        plan=plan,
        media=report.usage,
        allowed=_allowed(plan, report),
        quota=report.limits.storage_bytes,
        charts=_charts(await services.usage_history.of(user_id, days=span), asked),
        accounts=await _accounts(services, request),
    )


async def _accounts(services: DashboardServices, request: _Request) -> list[_Account]:
    accounts = (await services.accounts.page(session_of(request).user_id))[:_ACCOUNTS_MAX]
    outlooks = await asyncio.gather(*(services.accounts.outlook(account.id) for account in accounts))
    return [
        _Account(f"{services.providers.manifest(account.provider).title} ({account.label})", outlook)
        for account, outlook in zip(accounts, outlooks, strict=True)
    ]


def _allowed(plan: Entitlement, report: UsageReport) -> list[tuple[str, str]]:
    """What may be used up, in words; a figure that is not set is no limit."""
    limits, most = report.limits, plan.limits
    found = [
        ("Library jobs at the same time", most.max_concurrent_jobs, ""),
        ("Largest torrent", round(most.max_torrent_bytes / _GIB, 1), " GiB"),
        ("Feeds", most.max_rss_feeds, ""),
        ("Media jobs at the same time", limits.concurrent, ""),
        ("Largest picture of videos", limits.max_resolution, " lines"),
        ("Longest media", limits.max_duration, " seconds"),
        ("Largest media file", round(limits.max_bytes / _GIB, 1) if limits.max_bytes else None, " GiB"),
    ]
    return [(name, f"{figure}{unit}" if figure else "no limit") for name, figure, unit in found]


def _charts(past: UsageOverTime, asked: Sequence[ProviderPoint]) -> list[_Chart]:
    days = [row.day for row in past.jobs]
    calls, failed = Counter[date](), Counter[date]()
    for point in asked:
        calls[point.day.astimezone(UTC).date()] += point.calls
        failed[point.day.astimezone(UTC).date()] += point.failed
    by_day = [
        ("jobs", "Library jobs handed in", "jobs", [
            Series("handed in", [row.submitted for row in past.jobs]),
            Series("ready", [row.ready for row in past.jobs]),
            Series("failed", [row.failed for row in past.jobs]),
        ]),
        ("media", "Media jobs that ended", "jobs", [
            Series("completed", [row.completed for row in past.media]),
            Series("failed", [row.failed for row in past.media]),
        ]),
        ("stored", "Media stored, in GiB", "GiB", [Series("stored", [_gib(row.stored_bytes) for row in past.media])]),
        ("minutes", "Minutes of work on media", "minutes", [
            Series("minutes", [round(max(0.0, row.seconds) / 60, 1) for row in past.media])
        ]),
        ("asked", "Gateway calls to providers", "calls", [
            Series("calls", [calls[day] for day in days]),
            Series("with an error", [failed[day] for day in days]),
        ]),
    ]  # fmt: skip
    charts = [_by_day(name, title, unit, days, series) for name, title, unit, series in by_day]
    return [*charts, *_by_month(past)]


def _by_day(name: str, title: str, unit: str, days: Sequence[date], series: Sequence[Series]) -> _Chart:
    labels = [f"{day:%m-%d}" for day in days]
    picture = lines(name, title, labels, series, unit=unit)
    return _Chart(name, title, picture, "Day", [one.name for one in series], _rows([str(day) for day in days], series))


def _by_month(past: UsageOverTime) -> list[_Chart]:
    labels = [f"{row.month:%Y-%m}" for row in past.streams]
    streamed = [Series("streamed", [_gib(row.bytes_streamed) for row in past.streams])]
    links = [Series("links", [row.stream_urls_minted for row in past.streams])]
    return [
        _Chart(
            name, title, bars(name, title, labels, series, unit=unit), "Month", [series[0].name], _rows(labels, series)
        )
        for name, title, unit, series in (
            ("streamed", "Streamed through this server, in GiB", "GiB", streamed),
            ("links", "Links for playing that were made", "links", links),
        )
    ]


def _rows(labels: Sequence[str], series: Sequence[Series]) -> Sequence[tuple[str, Sequence[str]]]:
    """The newest first."""
    rows = [(label, [f"{one.values[place]:,}" for one in series]) for place, label in enumerate(labels)]
    return rows[::-1]


def _gib(count: int) -> float:
    return round(max(0, count) / _GIB, 2)


HANDLERS: Final = (page,)
