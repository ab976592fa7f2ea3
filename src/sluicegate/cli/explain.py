"""``sluicegate jobs trace`` and ``jobs simulate``: why a job is where it is, and what a submit would do."""

from collections.abc import Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated, Any
from uuid import UUID

import typer

from sluicegate.cli.context import DatabaseUrl, DataDir, Json, UserName, load, owner, with_installation
from sluicegate.cli.output import notes, print_json, print_table
from sluicegate.core.source_reading import read_source
from sluicegate.core.trace import TraceEntry

if TYPE_CHECKING:
    from sluicegate.services.simulate import Simulation
    from sluicegate.wiring.installation import Installation

__all__ = ["print_trace", "simulate", "trace", "trace_rows"]

_PAGE = 500


def trace(
    job: Annotated[UUID, typer.Argument(help="Id of the job, from 'jobs list'.")],
    user: UserName = "home",
    data_dir: DataDir = None,
    database_url: DatabaseUrl = None,
    json: Json = False,
) -> None:
    """Tells every decision about a job: who was asked, what was said, how long it took, by which rule."""

    async def work(installation: "Installation") -> list[TraceEntry]:
        person = await owner(installation, user)
        entries: list[TraceEntry] = []
        while page := await installation.library.trace(person.id, job, limit=_PAGE, offset=len(entries)):
            entries += page
        return entries

    entries = with_installation(load(data_dir, database_url), work)
    if json:
        print_json(trace_rows(entries))
    else:
        print_trace(entries)


def simulate(
    source: Annotated[str, typer.Argument(help="A magnet, an info hash or a link.")],
    user: UserName = "home",
    data_dir: DataDir = None,
    database_url: DatabaseUrl = None,
    json: Json = False,
) -> None:
    """Tells what a submit would do, without making a job or a transfer."""

    async def work(installation: "Installation") -> "Simulation":
        person = await owner(installation, user)
        return await installation.simulate.simulate(person.id, read_source(source))

    told = with_installation(load(data_dir, database_url), work)
    if json:
        steps = [asdict(step) for step in told.steps]
        print_json(
            {"info_hash": told.info_hash, "outcome": told.outcome, "rung": told.rung or None, "words": told.words}
            | {"size_bytes": told.size, "steps": steps, "job": str(told.job.id) if told.job else None}
        )
        return
    rows = [(step.rung, step.verdict, step.rule, _milliseconds(step.latency_ms), step.words) for step in told.steps]
    if rows:
        print_table(("RUNG", "VERDICT", "RULE", "MS", "WHY"), rows, empty="")
    notes.print(f"{told.outcome}: {told.words}", markup=False)


def trace_rows(entries: Sequence[TraceEntry]) -> list[dict[str, Any]]:
    """A trace as data."""
    return [asdict(entry) | {"at": entry.at.isoformat()} for entry in entries]


def print_trace(entries: Sequence[TraceEntry]) -> None:
    """A trace as a table."""
    rows = [
        (entry.at.isoformat()[:19], entry.rung, entry.verdict, entry.rule, _milliseconds(entry.latency_ms), entry.words)
        for entry in entries
    ]
    print_table(("WHEN", "RUNG", "VERDICT", "RULE", "MS", "WHY"), rows, empty="Nothing was decided yet.")


def _milliseconds(latency: int | None) -> str:
    return "" if latency is None else str(latency)
