"""``sluicegate sync``: how the last look at each account went, looking now, and letting the brake go."""

from typing import TYPE_CHECKING, Annotated, Any
from uuid import UUID

import typer

from sluicegate.cli.context import DEFAULT_USER, DatabaseUrl, DataDir, Json, UserName, load, owner, with_installation
from sluicegate.cli.output import notes, print_json, print_table
from sluicegate.services.account_looks import AccountLook

if TYPE_CHECKING:
    from sluicegate.wiring.installation import Installation

__all__ = ["app"]

app = typer.Typer(no_args_is_help=True, help="How accounts and library are kept in step.")

AccountId = Annotated[UUID, typer.Argument(help="Id of the account, from 'sync show'.")]


@app.command()
def show(
    user: UserName = DEFAULT_USER,
    data_dir: DataDir = None,
    database_url: DatabaseUrl = None,
    json: Json = False,
) -> None:
    """Shows how the last look at each account went, what is missing there, and what the brake holds."""

    async def work(installation: "Installation") -> list[AccountLook]:
        return await installation.looks.page((await owner(installation, user)).id)

    _print(with_installation(load(data_dir, database_url), work), as_json=json)


@app.command()
def now(
    user: UserName = DEFAULT_USER,
    data_dir: DataDir = None,
    database_url: DatabaseUrl = None,
    json: Json = False,
) -> None:
    """Asks all accounts now, and shows what came of it."""

    async def work(installation: "Installation") -> list[AccountLook]:
        return await installation.looks.look_now((await owner(installation, user)).id)

    _print(with_installation(load(data_dir, database_url), work), as_json=json)


@app.command()
def confirm(
    account: AccountId, user: UserName = DEFAULT_USER, data_dir: DataDir = None, database_url: DatabaseUrl = None
) -> None:
    """Confirms that what vanished from an account at once is really gone: it is marked as missing."""

    async def work(installation: "Installation") -> AccountLook:
        return await installation.looks.confirm((await owner(installation, user)).id, account)

    found = with_installation(load(data_dir, database_url), work)
    notes.print(f"{found.look.missing if found.look else 0} items of this account are marked as missing", markup=False)


def _print(found: list[AccountLook], *, as_json: bool) -> None:
    rows = [_row(one) for one in found]
    if as_json:
        print_json(rows)
        return
    columns = ("id", "provider", "label", "looked_at", "outcome", "listed", "missing", "held", "words")
    table = [tuple(row[column] for column in columns) for row in rows]
    print_table([column.replace("_", " ").upper() for column in columns], table, empty="There are no accounts.")


def _row(found: AccountLook) -> dict[str, Any]:
    look = found.look
    return {
        "id": str(found.account.id),
        "provider": found.account.provider,
        "label": found.account.label,
        "looked_at": look.looked_at.isoformat(timespec="seconds") if look else None,
        "outcome": "under way" if found.under_way else look.outcome.value if look else "never",
        "listed": look.listed if look else 0,
        "missing": look.missing if look else 0,
        "held": f"{look.held} of {look.held_of}" if look and look.held else "",
        "words": found.account.reason or (look.words if look else ""),
    }
