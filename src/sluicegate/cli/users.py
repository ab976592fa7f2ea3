"""``sluicegate users``: the people of this installation."""

from typing import TYPE_CHECKING, Annotated

import typer

from sluicegate.cli.context import DatabaseUrl, DataDir, Json, load, with_installation
from sluicegate.cli.output import fail, notes, print_json, print_table
from sluicegate.core.users import UserLimits

_GIB = 1 << 30

if TYPE_CHECKING:
    from sluicegate.wiring.installation import Installation

__all__ = ["app"]

app = typer.Typer(no_args_is_help=True, help="The people of this installation.")


@app.command()
def create(
    name: Annotated[str, typer.Argument(help="Unique name.")],
    data_dir: DataDir = None,
    database_url: DatabaseUrl = None,
) -> None:
    """Makes a user and prints the id."""

    async def work(installation: "Installation") -> str:
        return str((await installation.users.create(name)).id)

    typer.echo(with_installation(load(data_dir, database_url), work))


@app.command("list")
def list_(data_dir: DataDir = None, database_url: DatabaseUrl = None, json: Json = False) -> None:
    """Lists the users."""

    async def work(installation: "Installation") -> list[dict[str, str]]:
        users = await installation.users.page(limit=1000)
        return [{"id": str(u.id), "name": u.name, "created_at": u.created_at.isoformat()} for u in users]

    users = with_installation(load(data_dir, database_url), work)
    if json:
        print_json(users)
    else:
        print_table(("ID", "NAME", "CREATED"), [tuple(user.values()) for user in users], empty="There are no users.")


Name = Annotated[str, typer.Argument(help="Name of the user.")]
Issuer = Annotated[str, typer.Option(help="The issuer, letter by letter as in its tokens (iss).")]
Subject = Annotated[str, typer.Option(help="Who it is there (sub).")]


@app.command()
def remove(
    name: Name,
    keep_files: Annotated[bool, typer.Option("--keep-files", help="Leave stored files where they are.")] = False,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
    data_dir: DataDir = None,
    database_url: DatabaseUrl = None,
) -> None:
    """Removes a user with all secrets, keys, links, hooks, feeds and jobs; other users notice nothing."""
    if not yes and not typer.confirm(f"Remove {name} and everything that is theirs?", err=True):
        fail("nothing was removed", 1)

    async def work(installation: "Installation") -> int:
        person = await installation.users.by_name(name)
        return await installation.users.remove(person.id, None if keep_files else installation.storages)

    deleted = with_installation(load(data_dir, database_url), work)
    notes.print(f"removed, with {deleted} stored files")


@app.command()
def limit(
    name: Name,
    storage_gb: Annotated[float | None, typer.Option(help="GiB kept here; 0 for no limit.")] = None,
    concurrent: Annotated[int | None, typer.Option(help="Media jobs at the same time; 0 for no limit.")] = None,
    max_resolution: Annotated[str | None, typer.Option(help="Largest height of videos, as in 1080; 'none'.")] = None,
    max_duration: Annotated[int | None, typer.Option(help="Longest media in seconds; 0 for no limit.")] = None,
    max_size_gb: Annotated[float | None, typer.Option(help="Largest single file in GiB; 0 for no limit.")] = None,
    data_dir: DataDir = None,
    database_url: DatabaseUrl = None,
    json: Json = False,
) -> None:
    """Sets what a user may use up, and shows it; what is not named stays as it is."""

    async def work(installation: "Installation") -> UserLimits:
        person = await installation.users.by_name(name)
        old = await installation.users.limits(person.id)
        new = UserLimits(
            storage_bytes=_changed(storage_gb, old.storage_bytes, _GIB),
            concurrent=_changed(concurrent, old.concurrent),
            max_resolution=_height(max_resolution, old.max_resolution),
            max_duration=_changed(max_duration, old.max_duration),
            max_bytes=_changed(max_size_gb, old.max_bytes, _GIB),
        )
        if new != old:
            await installation.users.limit(person.id, new)
        return new

    limits = with_installation(load(data_dir, database_url), work)
    rows = {field: getattr(limits, field) for field in UserLimits.__slots__}
    if json:
        print_json(rows)
    else:
        print_table(("LIMIT", "VALUE"), [(k, "none" if v is None else v) for k, v in rows.items()], empty="")


@app.command()
def link(
    name: Name, issuer: Issuer, subject: Subject, data_dir: DataDir = None, database_url: DatabaseUrl = None
) -> None:
    """Lets somebody who signs in at an issuer of tokens act as a user."""

    async def work(installation: "Installation") -> None:
        person = await installation.users.by_name(name)
        await installation.people.identities.link(person.id, issuer, subject)

    with_installation(load(data_dir, database_url), work)
    notes.print("linked")


@app.command()
def unlink(issuer: Issuer, subject: Subject, data_dir: DataDir = None, database_url: DatabaseUrl = None) -> None:
    """Ends that."""

    async def work(installation: "Installation") -> None:
        await installation.people.identities.unlink(issuer, subject)

    with_installation(load(data_dir, database_url), work)
    notes.print("unlinked")


def _changed(value: float | None, old: int | None, unit: int = 1) -> int | None:
    """None keeps the old figure, 0 takes the limit away."""
    return old if value is None else (round(value * unit) or None)


def _height(value: str | None, old: str | None) -> str | None:
    """``1080p`` is read as ``1080``."""
    if value is None:
        return old
    return None if value in {"none", "0"} else value.removesuffix("p")


@app.command()
def invite(
    name: Annotated[str | None, typer.Argument(help="A user who is there; none for somebody new.")] = None,
    admin: Annotated[bool, typer.Option("--admin", help="May use the operator's pages.")] = False,
    data_dir: DataDir = None,
    database_url: DatabaseUrl = None,
) -> None:
    """Prints a link that sets a dashboard password, once, within a day. It also lets in who has lost a password."""

    async def work(installation: "Installation") -> str:
        from sluicegate.wiring.dashboard import invitation_link

        user_id = (await installation.users.by_name(name)).id if name else None
        return await invitation_link(installation, user_id, admin=admin)

    typer.echo(with_installation(load(data_dir, database_url), work))
