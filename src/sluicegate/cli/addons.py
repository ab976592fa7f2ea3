"""``sluicegate addons``: the programs that may call the gateway."""

from datetime import timedelta
from typing import TYPE_CHECKING, Annotated

import typer

from sluicegate.cli.context import DatabaseUrl, DataDir, Json, load, with_installation
from sluicegate.cli.output import notes, print_json, print_table
from sluicegate.core.addons import AddonState

if TYPE_CHECKING:
    from sluicegate.wiring.installation import Installation

__all__ = ["app"]

app = typer.Typer(no_args_is_help=True, help="The programs that may call the gateway.")

Slug = Annotated[str, typer.Argument(help="The add-on's identifier.")]
Reason = Annotated[str, typer.Option(help="Why, for operators.")]


@app.command()
def create(
    slug: Slug,
    name: Annotated[str, typer.Option(help="As people call it.")] = "",
    contact: Annotated[str, typer.Option(help="Where its developer is reached.")] = "",
    proof: Annotated[str, typer.Option(help="What shows who its developer is.")] = "",
    data_dir: DataDir = None,
    database_url: DatabaseUrl = None,
) -> None:
    """Registers an add-on and prints its developer secret, alone and once; it works once the add-on is approved."""

    async def work(installation: "Installation") -> str:
        _, secret = await installation.gateway.addons.apply(slug, name=name, contact=contact, proof=proof)
        return secret.reveal()

    typer.echo(with_installation(load(data_dir, database_url), work))


@app.command("list")
def list_(data_dir: DataDir = None, database_url: DatabaseUrl = None, json: Json = False) -> None:
    """Lists all add-ons."""

    async def work(installation: "Installation") -> list[dict[str, str]]:
        return [
            {
                "slug": addon.slug,
                "state": addon.state.value,
                "name": addon.name,
                "contact": addon.contact,
                "proof": addon.proof,
                "reason": addon.reason,
                "created_at": addon.created_at.isoformat(),
            }
            for addon in await installation.gateway.addons.page(limit=1000)
        ]

    addons = with_installation(load(data_dir, database_url), work)
    if json:
        print_json(addons)
    else:
        columns = ("SLUG", "STATE", "NAME", "CONTACT", "PROOF", "REASON", "CREATED")
        print_table(columns, [tuple(addon.values()) for addon in addons], empty="There are no add-ons.")


@app.command()
def review(slug: Slug, data_dir: DataDir = None, database_url: DatabaseUrl = None) -> None:
    """Takes an application up for review."""
    _decide(slug, AddonState.UNDER_REVIEW, "", load_from=(data_dir, database_url))


@app.command()
def approve(slug: Slug, data_dir: DataDir = None, database_url: DatabaseUrl = None) -> None:
    """Lets an add-on call from now on."""
    _decide(slug, AddonState.APPROVED, "", load_from=(data_dir, database_url))


@app.command()
def reject(slug: Slug, reason: Reason = "", data_dir: DataDir = None, database_url: DatabaseUrl = None) -> None:
    """Turns an application down."""
    _decide(slug, AddonState.REJECTED, reason, load_from=(data_dir, database_url))


@app.command()
def revoke(slug: Slug, reason: Reason = "", data_dir: DataDir = None, database_url: DatabaseUrl = None) -> None:
    """Shuts an add-on out at once."""
    _decide(slug, AddonState.REVOKED, reason, load_from=(data_dir, database_url))


@app.command()
def rotate(
    slug: Slug,
    overlap_hours: Annotated[float, typer.Option(min=0, max=720, help="How long the old secret works on.")] = 0.0,
    data_dir: DataDir = None,
    database_url: DatabaseUrl = None,
) -> None:
    """Makes a new developer secret and prints it, alone and once."""

    async def work(installation: "Installation") -> str:
        secret = await installation.gateway.addons.rotate(slug, overlap=timedelta(hours=overlap_hours))
        return secret.reveal()

    typer.echo(with_installation(load(data_dir, database_url), work))


def _decide(slug: str, state: AddonState, reason: str, *, load_from: tuple[DataDir, DatabaseUrl]) -> None:
    async def work(installation: "Installation") -> None:
        await installation.gateway.addons.decide(slug, state, reason)

    with_installation(load(*load_from), work)
    notes.print(state.value)
