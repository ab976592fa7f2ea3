"""Usage: this month's figures, what plan and limits allow, and charts over days and months with their tables."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date
from typing import Annotated, Any, Final
from uuid import UUID

from litestar import Request, Response, get
from litestar.di import NamedDependency
from litestar.params import QueryParameter, SkipValidation

from sluicegate.core.account_calls import CallDay
from sluicegate.core.accounts import Account
from sluicegate.core.audit import ProviderPoint
from sluicegate.core.entitlements import Entitlement
from sluicegate.core.pacing import Outlook
from sluicegate.services.media_usage import UsageReport
from sluicegate.services.usage_history import UsageOverTime
from sluicegate.surfaces.dashboard.chart_tables import ChartTable, calls_by_day, over_days, over_months
from sluicegate.surfaces.dashboard.charts import Series
from sluicegate.surfaces.dashboard.frame import Frame
from sluicegate.surfaces.dashboard.services import DashboardServices
from sluicegate.surfaces.dashboard.sessions import session_of

__all__ = ["HANDLERS"]

_Request = Request[Any, Any, Any]
_Services = NamedDependency[SkipValidation[DashboardServices]]
_SPANS: Final = (7, 30, 90)
_GIB: Final = 1 << 30
_ACCOUNTS_MAX: Final = 15
_FRAME: Final = Frame("usage", {})


@dataclass(frozen=True, slots=True)
class _Account:
    """What is left of one account's limits."""

    id: UUID
    title: str
    outlook: Outlook


@get("/usage")
async def page(
    request: _Request, services: _Services, days: Annotated[int, QueryParameter(ge=1, le=90)] = 30
) -> Response[str]:
    """The page."""
    user_id = session_of(request).user_id
    span = min(_SPANS, key=lambda one: abs(one - days))
    # One after the other: side by side they would take more connections than are kept open.
    plan = await services.plans.of(user_id)
    month = await services.usage.of(user_id)
    report = await services.media_usage.report(user_id)
    past = await services.usage_history.of(user_id, days=span)
    calls = await services.account_calls.together(user_id, days=span)
    asked = await services.gateway.audit.provider_usage(user_id, days=span - 1)
    accounts = await services.accounts.page(user_id)
    outlooks = await services.accounts.outlooks(accounts[:_ACCOUNTS_MAX])
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
        charted=_charts(past, asked, calls),
        accounts=_accounts(services, accounts[:_ACCOUNTS_MAX], outlooks),
        more_accounts=max(0, len(accounts) - _ACCOUNTS_MAX),
    )


def _accounts(services: DashboardServices, accounts: Sequence[Account], outlooks: Sequence[Outlook]) -> list[_Account]:
    return [
        _Account(account.id, f"{services.providers.manifest(account.provider).title} ({account.label})", outlook)
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


def _charts(past: UsageOverTime, asked: Sequence[ProviderPoint], calls: Sequence[CallDay]) -> list[ChartTable]:
    days = [row.day for row in past.jobs]
    return [
        over_days("jobs", "Library jobs handed in", "jobs", days, [
            Series("handed in", [row.submitted for row in past.jobs]),
            Series("ready", [row.ready for row in past.jobs]),
            Series("failed", [row.failed for row in past.jobs]),
        ]),
        over_days("media", "Media jobs that ended", "jobs", days, [
            Series("completed", [row.completed for row in past.media]),
            Series("failed", [row.failed for row in past.media]),
        ]),
        over_days("stored", "Media stored, in GiB", "GiB", days, [
            Series("stored", [_gib(row.stored_bytes) for row in past.media])
        ]),
        over_days("minutes", "Minutes of work on media", "minutes", days, [
            Series("minutes", [round(max(0.0, row.seconds) / 60, 1) for row in past.media])
        ]),
        calls_by_day("calls", "Calls of your accounts", calls),
        over_days("asked", "Gateway calls to providers", "calls", days, _asked(days, asked)),
        *_by_month(past),
    ]  # fmt: skip


def _asked(days: Sequence[date], points: Sequence[ProviderPoint]) -> list[Series]:
    calls, failed = Counter[date](), Counter[date]()
    for point in points:
        calls[point.day.astimezone(UTC).date()] += point.calls
        failed[point.day.astimezone(UTC).date()] += point.failed
    return [Series("calls", [calls[day] for day in days]), Series("with an error", [failed[day] for day in days])]


def _by_month(past: UsageOverTime) -> list[ChartTable]:
    labels = [f"{row.month:%Y-%m}" for row in past.streams]
    streamed = [Series("streamed", [_gib(row.bytes_streamed) for row in past.streams])]
    links = [Series("links", [row.stream_urls_minted for row in past.streams])]
    return [
        over_months("streamed", "Streamed through this server, in GiB", "GiB", labels, streamed),
        over_months("links", "Links for playing that were made", "links", labels, links),
    ]


def _gib(count: int) -> float:
    return round(max(0, count) / _GIB, 2)


HANDLERS: Final = (page,)
