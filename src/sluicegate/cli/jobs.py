"""``sluicegate jobs``: what was handed in and how far it is."""

from typing import TYPE_CHECKING, Annotated, Any
from uuid import UUID

import typer

from sluicegate.cli.context import DatabaseUrl, DataDir, Json, UserName, load, owner, with_installation
from sluicegate.cli.explain import print_trace, simulate, trace_rows
from sluicegate.cli.explain import trace as tell_trace
from sluicegate.cli.output import notes, print_json, print_table
from sluicegate.cli.progress import watch_job
from sluicegate.core.jobs import Job, JobState

if TYPE_CHECKING:
    from sluicegate.wiring.installation import Installation

__all__ = ["app"]

app = typer.Typer(no_args_is_help=True, help="What was handed in and how far it is.")

app.command("trace")(tell_trace)
app.command("simulate")(simulate)

JobId = Annotated[UUID, typer.Argument(help="Id of the job, from 'jobs list'.")]


@app.command("list")
def list_(
    user: UserName = "home",
    limit: Annotated[int, typer.Option(min=1, max=1000, help="How many, newest first.")] = 25,
    data_dir: DataDir = None,
    database_url: DatabaseUrl = None,
    json: Json = False,
) -> None:
    """Lists jobs, newest first."""

    async def work(installation: "Installation") -> list[Job]:
        person = await owner(installation, user)
        return await installation.library.page(person.id, limit=limit, offset=0)

    jobs = with_installation(load(data_dir, database_url), work)
    if json:
        print_json([_job(job) for job in jobs])
    else:
        rows = [(job.id, job.state.value, f"{job.progress:.0%}", job.name, job.waiting or job.error) for job in jobs]
        print_table(("ID", "STATE", "DONE", "NAME", "NOTE"), rows, empty="There are no jobs.")


@app.command()
def show(
    job: JobId,
    user: UserName = "home",
    data_dir: DataDir = None,
    database_url: DatabaseUrl = None,
    json: Json = False,
) -> None:
    """Shows one job: its files, and why it is where it is."""

    async def work(installation: "Installation") -> dict[str, Any]:
        person = await owner(installation, user)
        found, files = await installation.library.get(person.id, job)
        trace = await installation.library.trace(person.id, job)
        return _job(found) | {
            "files": [{"id": str(f.id), "path": f.path, "size_bytes": f.size, "stored": f.stored_key} for f in files],
            "trace": trace,
        }

    details = with_installation(load(data_dir, database_url), work)
    entries = details.pop("trace")
    if json:
        print_json(details | {"trace": trace_rows(entries)})
        return
    scalars = {name: value for name, value in details.items() if name != "files"}
    print_table(("FIELD", "VALUE"), list(scalars.items()), empty="")
    print_table(("FILE", "BYTES"), [(f["path"], f["size_bytes"]) for f in details["files"]], empty="No files yet.")
    print_trace(entries)


@app.command()
def remove(
    job: JobId,
    user: UserName = "home",
    at_provider: Annotated[
        bool, typer.Option("--at-provider", help="The provider's copy goes as well, when it cannot be brought back.")
    ] = False,
    data_dir: DataDir = None,
    database_url: DatabaseUrl = None,
) -> None:
    """Removes a job from the library; 'jobs restore' brings it back until the grace period is over."""

    async def work(installation: "Installation") -> str:
        person = await owner(installation, user)
        removed = await installation.tombstones.remove(person.id, job, at_provider=at_provider)
        ends = installation.tombstones.ends_at(removed)
        return f"removed; it can be brought back until {ends:%Y-%m-%d %H:%M} UTC"

    notes.print(with_installation(load(data_dir, database_url), work), markup=False)


@app.command()
def restore(job: JobId, user: UserName = "home", data_dir: DataDir = None, database_url: DatabaseUrl = None) -> None:
    """Brings a removed job back as it was."""

    async def work(installation: "Installation") -> Job:
        return await installation.tombstones.restore((await owner(installation, user)).id, job)

    found = with_installation(load(data_dir, database_url), work)
    notes.print(f"{found.state}: {found.name}", markup=False)


@app.command()
def watch(job: JobId, user: UserName = "home", data_dir: DataDir = None, database_url: DatabaseUrl = None) -> None:
    """Follows a job with a progress bar until it is over."""

    async def work(installation: "Installation") -> Job:
        person = await owner(installation, user)
        return await watch_job(installation, person.id, job)

    found = with_installation(load(data_dir, database_url), work)
    notes.print(f"{found.state}: {found.name}", markup=False)
    if found.state is not JobState.READY:
        raise typer.Exit(1)


@app.command()
def cancel(job: JobId, user: UserName = "home", data_dir: DataDir = None, database_url: DatabaseUrl = None) -> None:
    """Cancels a job in flight; one that is over stays as it is."""

    async def work(installation: "Installation") -> Job:
        person = await owner(installation, user)
        return await installation.library.cancel(person.id, job)

    found = with_installation(load(data_dir, database_url), work)
    notes.print(f"the job is {found.state}")


def _job(job: Job) -> dict[str, Any]:
    return {
        "id": str(job.id),
        "state": job.state.value,
        "progress_pct": round(job.progress * 100, 1),
        "name": job.name,
        "size_bytes": job.size,
        "info_hash": job.info_hash,
        "provider": job.provider,
        "waiting": job.waiting,
        "error": job.error,
        "created_at": job.created_at.isoformat(),
    }
