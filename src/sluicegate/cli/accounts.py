"""``sluicegate accounts``: a user's credentials at providers."""

import sys
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Annotated, Any
from uuid import UUID

import typer

from sluicegate.cli.context import DEFAULT_USER, DatabaseUrl, DataDir, Json, UserName, load, owner, with_installation
from sluicegate.cli.output import notes, print_json, print_table
from sluicegate.core.account_calls import CallDay
from sluicegate.core.accounts import Account, AccountState
from sluicegate.core.pacing import Outlook
from sluicegate.core.secrets import Secret
from sluicegate.services.accounts import AccountService, NewAccount

if TYPE_CHECKING:
    from sluicegate.wiring.installation import Installation

__all__ = ["app"]

app = typer.Typer(no_args_is_help=True, help="A user's credentials at providers.")

AccountId = Annotated[UUID, typer.Argument(help="Id of the account, from 'accounts list'.")]
Token = Annotated[str, typer.Option(help="API key or access token; '-' reads it from stdin.")]
NoCheck = Annotated[bool, typer.Option("--no-check", help="Keep the token without trying it.")]
Whose = Annotated[str | None, typer.Option("--user", help="Only this user's.", show_default="everybody's")]


@app.command()
def add(
    provider: Annotated[str, typer.Option(help="realdebrid, alldebrid, premiumize, torbox, debridlink, …")],
    token: Token,
    user: UserName = DEFAULT_USER,
    label: Annotated[str, typer.Option(help="Tells several accounts at one provider apart.")] = "main",
    base_url: Annotated[str | None, typer.Option(help="Address of a provider that you host yourself.")] = None,
    proxy: Annotated[str | None, typer.Option(help="Egress proxy for it: http://user:password@host:port.")] = None,
    no_check: NoCheck = False,
    data_dir: DataDir = None,
    database_url: DatabaseUrl = None,
) -> None:
    """Adds an account after trying its token, and prints its id."""
    new = NewAccount(provider, _secret(token), label, base_url, Secret(proxy) if proxy else None)

    async def work(installation: "Installation") -> Account:
        person = await owner(installation, user)
        return await installation.accounts.add(person.id, new, check=not no_check)

    account = with_installation(load(data_dir, database_url), work)
    typer.echo(str(account.id))
    _say(account)


@app.command("list")
def list_(user: Whose = None, data_dir: DataDir = None, database_url: DatabaseUrl = None, json: Json = False) -> None:
    """Lists accounts with what is left of their calls, without their tokens."""

    async def work(installation: "Installation") -> list[dict[str, Any]]:
        found = await _accounts(installation, user)
        return [
            _row(name, account, outlook)
            for (name, account), outlook in zip(
                found, await installation.accounts.outlooks([account for _, account in found]), strict=True
            )
        ]

    rows = with_installation(load(data_dir, database_url), work)
    if json:
        print_json(rows)
    else:
        columns = ("id", "user", "provider", "label", "token", "state", "plan", "expires_at", "calls_left", "reason")
        table = [tuple(row[column] for column in columns) for row in rows]
        print_table([column.replace("_", " ").upper() for column in columns], table, empty="There are no accounts.")


@app.command()
def history(
    account: AccountId,
    days: Annotated[int, typer.Option(min=1, max=366, help="How many days, today included.")] = 30,
    data_dir: DataDir = None,
    database_url: DatabaseUrl = None,
    json: Json = False,
) -> None:
    """Shows what became of an account's calls, day by day: how well it has been."""

    async def work(installation: "Installation") -> list[CallDay]:
        owner_id = (await installation.accounts.get(account)).user_id
        return (await installation.account_calls.of_account(owner_id, account, days=days))[0]

    columns = ("day", "answered", "limited", "refused", "failed", "held")
    rows = [
        {name: str(day.day) if name == "day" else getattr(day, name) for name in columns}
        for day in with_installation(load(data_dir, database_url), work)
        if day.made or day.held
    ]
    if json:
        print_json(rows)
    else:
        table = [tuple(row.values()) for row in rows]
        print_table([name.upper() for name in columns], table, empty="Nothing was asked in this time.")


@app.command()
def check(
    account: Annotated[UUID | None, typer.Argument(help="Id of the account; without one, all of them.")] = None,
    user: Whose = None,
    data_dir: DataDir = None,
    database_url: DatabaseUrl = None,
) -> None:
    """Asks the providers about accounts; says what is wrong and what to do, and leaves with 1 then."""

    async def work(installation: "Installation") -> list[Account]:
        ids = [account] if account else [one.id for _, one in await _accounts(installation, user)]
        return [await installation.accounts.check(one) for one in ids]

    checked = with_installation(load(data_dir, database_url), work)
    for one in checked:
        _say(one)
    if any(one.state is AccountState.PAUSED for one in checked):
        raise typer.Exit(1)


@app.command()
def rotate(
    account: AccountId,
    token: Token,
    no_check: NoCheck = False,
    data_dir: DataDir = None,
    database_url: DatabaseUrl = None,
) -> None:
    """Replaces an account's token; jobs that waited for it go on."""
    secret = _secret(token)
    _change(lambda accounts: accounts.rotate(account, secret, check=not no_check), data_dir, database_url)


@app.command()
def disable(account: AccountId, data_dir: DataDir = None, database_url: DatabaseUrl = None) -> None:
    """Switches an account off; its jobs wait."""
    _change(lambda accounts: accounts.disable(account), data_dir, database_url)


@app.command()
def enable(account: AccountId, data_dir: DataDir = None, database_url: DatabaseUrl = None) -> None:
    """Switches an account on, also one that is paused."""
    _change(lambda accounts: accounts.enable(account), data_dir, database_url)


@app.command()
def remove(account: AccountId, data_dir: DataDir = None, database_url: DatabaseUrl = None) -> None:
    """Deletes an account and its token; jobs stay, and so does everything at the provider."""

    async def work(installation: "Installation") -> None:
        await installation.accounts.remove(account)

    with_installation(load(data_dir, database_url), work)
    notes.print("removed")


def _change(work: Callable[[AccountService], Awaitable[Account]], data_dir: DataDir, database_url: DatabaseUrl) -> None:
    async def on(installation: "Installation") -> Account:
        return await work(installation.accounts)

    _say(with_installation(load(data_dir, database_url), on))


async def _accounts(installation: "Installation", user: str | None) -> list[tuple[str, Account]]:
    people = [await installation.users.by_name(user)] if user else await installation.users.page(limit=1000)
    return [(person.name, one) for person in people for one in await installation.accounts.page(person.id)]


def _row(user: str, account: Account, outlook: Outlook) -> dict[str, Any]:
    facts = account.facts
    limits = [f"{x.left}/{x.limit.count} {x.limit.calls} in {x.limit.seconds:g} s" for x in outlook.limits]
    rests = [f"{x.calls} rests until {x.until:%H:%M:%S} UTC: {x.reason}" for x in outlook.rests]
    return {
        "id": str(account.id),
        "user": user,
        "provider": account.provider,
        "label": account.label,
        "token": account.token_hint,
        "state": account.state.value,
        "plan": facts.plan if facts else "",
        "expires_at": facts.expires_at.isoformat() if facts and facts.expires_at else None,
        "checked_at": account.checked_at.isoformat() if account.checked_at else None,
        "calls_left": "; ".join(limits + rests),
        "reason": account.reason,
    }


def _say(account: Account) -> None:
    reason = f": {account.reason}" if account.reason else ""
    notes.print(f"{account.provider} ({account.label}) is {account.state}{reason}", markup=False)


def _secret(token: str) -> Secret:
    return Secret(sys.stdin.readline().strip() if token == "-" else token.strip())  # noqa: S105 - a dash stands for the standard input
