"""``sluicegate keys``: the credentials that clients send."""

from typing import TYPE_CHECKING, Annotated
from uuid import UUID

import typer

from sluicegate.cli.context import DatabaseUrl, DataDir, Json, UserName, load, owner, with_installation
from sluicegate.cli.output import notes, print_json, print_table
from sluicegate.core.keys import KeyKind

if TYPE_CHECKING:
    from sluicegate.wiring.installation import Installation

__all__ = ["app"]

app = typer.Typer(no_args_is_help=True, help="The credentials that clients send.")


@app.command()
def create(
    user: UserName,
    kind: Annotated[
        KeyKind, typer.Option(help="library (tu_…), media (sk_…), proxy (pk_…), feed (tf_…), stremio (ts_…).")
    ] = KeyKind.LIBRARY,
    label: Annotated[str, typer.Option(help="What it is for.")] = "",
    data_dir: DataDir = None,
    database_url: DatabaseUrl = None,
) -> None:
    """Makes a key and prints it, alone and once."""

    async def work(installation: "Installation") -> str:
        person = await owner(installation, user)
        _, secret = await installation.keys.create(person.id, kind, label)
        return secret.reveal()

    typer.echo(with_installation(load(data_dir, database_url), work))


@app.command()
def token(
    user: UserName,
    minutes: Annotated[int, typer.Option(min=1, max=60, help="How long it works.")] = 15,
    data_dir: DataDir = None,
    database_url: DatabaseUrl = None,
) -> None:
    """Prints a JSON web token that opens the library API for a while, for a script or a first 'GET /v1/api-key'."""

    async def work(installation: "Installation") -> str:
        person = await installation.users.by_name(user)
        return installation.people.tokens.issue(person.id, seconds=minutes * 60).reveal()

    typer.echo(with_installation(load(data_dir, database_url), work))


@app.command("list")
def list_(user: UserName, data_dir: DataDir = None, database_url: DatabaseUrl = None, json: Json = False) -> None:
    """Lists a user's keys, without their secrets."""

    async def work(installation: "Installation") -> list[dict[str, str | None]]:
        person = await installation.users.by_name(user)
        return [
            {
                "id": str(key.id),
                "kind": key.kind.value,
                "prefix": f"{key.kind.prefix}{key.prefix}…",
                "label": key.label,
                "created_at": key.created_at.isoformat(),
                "last_used_at": key.last_used_at.isoformat() if key.last_used_at else None,
                "revoked_at": key.revoked_at.isoformat() if key.revoked_at else None,
            }
            for key in await installation.keys.page(person.id, limit=1000)
        ]

    keys = with_installation(load(data_dir, database_url), work)
    if json:
        print_json(keys)
    else:
        columns = ("ID", "KIND", "KEY", "LABEL", "CREATED", "LAST USED", "REVOKED")
        print_table(columns, [tuple(key.values()) for key in keys], empty="This user has no keys.")


@app.command()
def revoke(
    key: Annotated[UUID, typer.Argument(help="Id of the key, from 'keys list'.")],
    data_dir: DataDir = None,
    database_url: DatabaseUrl = None,
) -> None:
    """Makes a key invalid at once."""

    async def work(installation: "Installation") -> None:
        await installation.keys.revoke(key)

    with_installation(load(data_dir, database_url), work)
    notes.print("revoked")
