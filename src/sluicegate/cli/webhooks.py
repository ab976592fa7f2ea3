"""``sluicegate webhooks``: signing secrets, receivers and what became of messages."""

from typing import TYPE_CHECKING, Annotated, Any
from uuid import UUID

import typer

from sluicegate.cli.context import DatabaseUrl, DataDir, Json, UserName, load, owner, with_installation
from sluicegate.cli.output import notes, print_json, print_table
from sluicegate.core.webhooks import DeliveryState, message_id

if TYPE_CHECKING:
    from sluicegate.wiring.installation import Installation

__all__ = ["app"]

app = typer.Typer(no_args_is_help=True, help="Who is told about jobs, and what became of each message.")

_Endpoint = Annotated[UUID | None, typer.Option("--endpoint", help="An endpoint; without it, jobs' own webhook_url.")]


@app.command()
def secret(
    user: UserName,
    rotate: Annotated[bool, typer.Option("--rotate", help="Make a new one; the old one works for a day.")] = False,
    endpoint: _Endpoint = None,
    data_dir: DataDir = None,
    database_url: DatabaseUrl = None,
) -> None:
    """Prints the signing secret (whsec_…), alone."""

    async def work(installation: "Installation") -> str:
        person = await owner(installation, user)
        ask = installation.webhooks.rotate if rotate else installation.webhooks.secret
        return (await ask(person.id, endpoint)).reveal()

    typer.echo(with_installation(load(data_dir, database_url), work))


@app.command("list")
def list_(user: UserName, data_dir: DataDir = None, database_url: DatabaseUrl = None, json: Json = False) -> None:
    """Lists a user's endpoints."""

    async def work(installation: "Installation") -> list[dict[str, Any]]:
        person = await installation.users.by_name(user)
        return [
            {
                "id": str(one.id),
                "url": one.url,
                "events": ", ".join(one.events) or "all but progress",
                "state": "active" if one.active else f"off: {one.reason}",
                "description": one.description,
            }
            for one in await installation.webhooks.page(person.id)
        ]

    rows = with_installation(load(data_dir, database_url), work)
    if json:
        print_json(rows)
    else:
        columns = ("ID", "URL", "EVENTS", "STATE", "DESCRIPTION")
        print_table(columns, [tuple(row.values()) for row in rows], empty="This user has no webhook endpoints.")


@app.command()
def add(
    url: Annotated[str, typer.Argument(help="http(s) address that messages are posted to.")],
    user: UserName,
    event: Annotated[list[str] | None, typer.Option(help="Type to tell; repeat it. Default: all but progress.")] = None,
    description: Annotated[str, typer.Option(help="What it is for.")] = "",
    data_dir: DataDir = None,
    database_url: DatabaseUrl = None,
) -> None:
    """Registers an endpoint and prints its signing secret, alone."""

    async def work(installation: "Installation") -> tuple[str, str]:
        person = await owner(installation, user)
        endpoint, key = await installation.webhooks.add(person.id, url, events=event or (), description=description)
        return str(endpoint.id), key.reveal()

    endpoint_id, key = with_installation(load(data_dir, database_url), work)
    notes.print(f"endpoint {endpoint_id}")
    typer.echo(key)


@app.command()
def remove(
    endpoint: Annotated[UUID, typer.Argument(help="Id of the endpoint, from 'webhooks list'.")],
    user: UserName,
    data_dir: DataDir = None,
    database_url: DatabaseUrl = None,
) -> None:
    """Removes an endpoint with its log."""

    async def work(installation: "Installation") -> None:
        person = await installation.users.by_name(user)
        await installation.webhooks.remove(person.id, endpoint)

    with_installation(load(data_dir, database_url), work)
    notes.print("removed")


@app.command()
def log(
    user: UserName,
    state: Annotated[DeliveryState | None, typer.Option(help="Only deliveries in this state.")] = None,
    limit: Annotated[int, typer.Option(min=1, max=1000, help="Rows.")] = 50,
    data_dir: DataDir = None,
    database_url: DatabaseUrl = None,
    json: Json = False,
) -> None:
    """Lists deliveries, newest first."""

    async def work(installation: "Installation") -> list[dict[str, Any]]:
        person = await installation.users.by_name(user)
        rows = await installation.webhooks.log(person.id, limit=limit, offset=0, state=state)
        return [
            {
                "id": str(row.delivery.id),
                "message": message_id(row.delivery.event_id),
                "type": str(row.type),
                "state": str(row.delivery.state),
                "attempts": row.delivery.attempts,
                "last": row.delivery.words,
                "created_at": row.delivery.created_at.isoformat(timespec="seconds"),
            }
            for row in rows
        ]

    rows = with_installation(load(data_dir, database_url), work)
    if json:
        print_json(rows)
    else:
        columns = ("ID", "MESSAGE", "TYPE", "STATE", "ATTEMPTS", "LAST", "CREATED")
        print_table(columns, [tuple(row.values()) for row in rows], empty="Nothing was sent.")


@app.command()
def replay(
    delivery: Annotated[UUID, typer.Argument(help="Id of the delivery, from 'webhooks log'.")],
    user: UserName,
    data_dir: DataDir = None,
    database_url: DatabaseUrl = None,
) -> None:
    """Sends a message again, under the same webhook-id."""

    async def work(installation: "Installation") -> str:
        person = await installation.users.by_name(user)
        return str((await installation.webhooks.replay(person.id, delivery)).id)

    typer.echo(with_installation(load(data_dir, database_url), work))
