"""``/metadata``, ``/usage`` and the dashboard's feed (sheet, sections 8, 10 and 13)."""

from typing import Annotated, Any, Final

from litestar import Response, Router, get, post
from litestar.params import QueryParameter

from sluicegate.core.media import MediaFacts
from sluicegate.core.media_jobs import MediaState
from sluicegate.core.media_usage import GIB
from sluicegate.core.web_links import parse_link
from sluicegate.services.media_usage import UsageReport
from sluicegate.surfaces.media_jobs.calls import (
    AnyRequest,
    Caller,
    MediaServices,
    Services,
    decoded,
    refusals,
    routed,
)
from sluicegate.surfaces.media_jobs.operations import MetadataOperation
from sluicegate.surfaces.media_jobs.schemas import Metadata, PageAddress, job_row, read_state

__all__ = ["routers"]

_LIMIT_DEFAULT: Final = 50
_LIMIT_MAX: Final = 100
_OFFSET_MAX: Final = 2**31 - 1
_MIB: Final = 1 << 20
_OUR_WORD: Final = "downloader"
_THEIR_WORDS: Final = ("yt-dlp", "YT-DLP", "yt_dlp")
"""Words that the contract's dashboard does not show to users (section 13)."""


def routers(services: MediaServices) -> list[Router]:
    """The APIs at ``/metadata``, ``/usage`` and ``/dashboard``, for media keys."""
    return [
        routed("/metadata", services, [metadata]),
        routed("/usage", services, [usage]),
        routed("/dashboard", services, [stats, jobs, batches, daily]),
    ]


@post(
    "/",
    summary="What a page says about its media",
    responses=refusals(400, 401, 413, 504),
    operation_class=MetadataOperation,
    status_code=200,
)
async def metadata(request: AnyRequest, caller: Caller, services: Services) -> Metadata:
    """Reads a page without making a job."""
    body = decoded(await request.body(), PageAddress)
    return _metadata(await services.pages.facts(caller.user_id, parse_link(body.url).url))


@get("/", summary="Counters and limits of the key", responses=refusals(401))
async def usage(caller: Caller, services: Services) -> Response[dict[str, Any]]:
    """What was used so far; limits appear when the operator has set them."""
    report = await services.usage.report(caller.user_id)
    counted = report.usage
    body = {
        "client_name": report.client_name,
        "usage_count": counted.jobs_created,
        "storage_usage_gb": _gb(counted.stored_bytes),
        "storage_reserved_gb": _gb(counted.reserved_bytes),
        "storage_effective_usage_gb": _gb(counted.effective_bytes),
    }
    return Response(body | {name: value for name, value in _limits(report).items() if value is not None})


@get("/stats", summary="Dashboard: figures", responses=refusals(401))
async def stats(caller: Caller, services: Services) -> Response[dict[str, Any]]:
    """Jobs by state and stored bytes; Warning and Skipped count as failed."""
    report, figures = await services.usage.figures(caller.user_id)
    by_state = figures.by_state
    without = (MediaState.FAILED, MediaState.WARNING, MediaState.SKIPPED)
    return Response(
        {
            "total_jobs": sum(by_state.values()),
            "pending_jobs": by_state.get(MediaState.PENDING, 0),
            "processing_jobs": by_state.get(MediaState.PROCESSING, 0),
            "completed_jobs": by_state.get(MediaState.COMPLETED, 0),
            "failed_jobs": sum(by_state.get(state, 0) for state in without),
            "storage_used_bytes": report.usage.stored_bytes,
            "storage_used_gb": _gb(report.usage.stored_bytes),
            "client_name": report.client_name,
            "avg_processing_time_seconds": figures.mean_seconds,
            "today_throughput_bytes": figures.bytes_today,
        }
    )


@get("/jobs", summary="Dashboard: jobs", responses=refusals(400, 401))
async def jobs(
    caller: Caller,
    services: Services,
    limit: Annotated[
        int, QueryParameter(description="Items of a page; 1 to 100, others are clamped.")
    ] = _LIMIT_DEFAULT,
    offset: Annotated[int, QueryParameter(ge=0, le=_OFFSET_MAX, description="Items to skip.")] = 0,
    status: Annotated[str | None, QueryParameter(description="Only jobs in this state.")] = None,
) -> Response[dict[str, Any]]:
    """One page of the caller's jobs; ``total`` honours the filter."""
    limit = max(1, min(limit, _LIMIT_MAX))
    found, total = await services.jobs.page(
        caller.user_id, limit=limit, offset=offset, state=read_state(status or None), filtered=True
    )
    rows = []
    for row in map(job_row, found):
        words = row.error
        for word in _THEIR_WORDS if words else ():
            words = (words or "").replace(word, _OUR_WORD)
        shown: dict[str, Any] = {"id": row.id, "url": row.url, "status": row.status, "error": words}
        rows.append(shown | {"s3_key": row.s3_key, "created_at": row.created_at})
    return Response({"jobs": rows, "total": total, "limit": limit, "offset": offset})


@get("/batches", summary="Dashboard: batches", responses=refusals(401))
async def batches(caller: Caller, services: Services) -> Response[dict[str, Any]]:
    """Own batches, newest first."""
    rows = [
        {
            "id": str(view.batch.id),
            "show_url": view.batch.source_url,
            "folder": view.batch.folder,
            "total_episodes": view.batch.total,
            "completed_episodes": view.counts.completed,
            "failed_episodes": view.counts.failed,
            "status": view.batch.state.value,
        }
        for view in await services.batches.page(caller.user_id)
    ]
    return Response({"batches": rows})


@get("/daily", summary="Dashboard: the last seven days", responses=refusals(401))
async def daily(caller: Caller, services: Services) -> Response[dict[str, Any]]:
    """Jobs that ended on each day (UTC), oldest day first."""
    days = await services.usage.days(caller.user_id)
    rows = [{"date": day.day.isoformat(), "completed": day.completed, "failed": day.failed} for day in days]
    return Response({"daily_stats": rows})


def _metadata(facts: MediaFacts) -> Metadata:
    return Metadata(
        title=facts.title,
        duration=facts.duration,
        width=facts.width,
        height=facts.height,
        extractor=facts.extractor,
        uploader=facts.uploader,
        thumbnail=facts.thumbnail,
        description=facts.description,
        view_count=facts.view_count,
        like_count=facts.like_count,
        upload_date=facts.upload_date,
        filesize_approx=facts.filesize_approx,
    )


def _limits(report: UsageReport) -> dict[str, Any]:
    """Only those that are set (section 10.1)."""
    limits = report.limits
    room = limits.storage_bytes
    return {
        "storage_limit_gb": None if room is None else _gb(room),
        "storage_limit_bytes": room,
        "storage_remaining_gb": None if room is None else _gb(max(0, room - report.usage.effective_bytes)),
        "max_resolution_limit": limits.max_resolution,
        "max_duration_limit_seconds": limits.max_duration,
        "max_filesize_limit_bytes": limits.max_bytes,
        "max_filesize_limit_mb": None if limits.max_bytes is None else round(limits.max_bytes / _MIB, 2),
    }


def _gb(size: int) -> float:
    return round(size / GIB, 4)
