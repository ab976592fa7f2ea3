"""``sluicegate users``: the people of this installation."""

from typing import TYPE_CHECKING, Annotated

import typer

from sluicegate.cli.context import DatabaseUrl, DataDir, Json, load, with_installation
from sluicegate.cli.output import print_json, print_table

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
def list_(data_dir: DataDir = None, database_url: DatabaseUrl = None, json: Json = False) -> None:  # noqa: FBT002 - a flag of the command line
    """Lists the users."""

    async def work(installation: "Installation") -> list[dict[str, str]]:
        users = await installation.users.page(limit=1000)
        return [{"id": str(u.id), "name": u.name, "created_at": u.created_at.isoformat()} for u in users]

    users = with_installation(load(data_dir, database_url), work)
    if json:
        print_json(users)
    else:
        print_table(("ID", "NAME", "CREATED"), [tuple(user.values()) for user in users], empty="There are no users.")
