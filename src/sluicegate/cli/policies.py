"""``sluicegate policies``: which add-ons and addresses may use a user's proxy keys."""

from typing import TYPE_CHECKING, Annotated
from uuid import UUID

import typer

from sluicegate.cli.context import DatabaseUrl, DataDir, Json, UserName, load, with_installation
from sluicegate.cli.output import fail, notes, print_json, print_table
from sluicegate.core.policies import Subject, Verdict

if TYPE_CHECKING:
    from sluicegate.wiring.installation import Installation

__all__ = ["app"]

app = typer.Typer(no_args_is_help=True, help="Which add-ons and addresses may use a user's proxy keys.")

KeyId = Annotated[UUID | None, typer.Option("--key", help="Only this key; all of the user's without.")]
AddonSlug = Annotated[str | None, typer.Option("--addon", help="An add-on's identifier.")]
Network = Annotated[str | None, typer.Option("--address", help="An address or a network in CIDR form.")]


@app.command()
def allow(
    user: UserName,
    key: KeyId = None,
    addon: AddonSlug = None,
    address: Network = None,
    data_dir: DataDir = None,
    database_url: DatabaseUrl = None,
) -> None:
    """Puts an add-on or network on the allow list; others are then shut out. Prints the rule's id."""
    _add(user, Verdict.ALLOW, key, (addon, address), load_from=(data_dir, database_url))


@app.command()
def deny(
    user: UserName,
    key: KeyId = None,
    addon: AddonSlug = None,
    address: Network = None,
    data_dir: DataDir = None,
    database_url: DatabaseUrl = None,
) -> None:
    """Shuts an add-on or network out, whatever is allowed besides. Prints the rule's id."""
    _add(user, Verdict.DENY, key, (addon, address), load_from=(data_dir, database_url))


@app.command("list")
def list_(user: UserName, data_dir: DataDir = None, database_url: DatabaseUrl = None, json: Json = False) -> None:
    """Lists a user's rules."""

    async def work(installation: "Installation") -> list[dict[str, str | None]]:
        person = await installation.users.by_name(user)
        return [
            {
                "id": str(rule.id),
                "verdict": rule.verdict.value,
                "subject": rule.subject.value,
                "value": rule.value,
                "key_id": str(rule.key_id) if rule.key_id else None,
                "created_at": rule.created_at.isoformat(),
            }
            for rule in await installation.gateway.policies.of_user(person.id)
        ]

    rules = with_installation(load(data_dir, database_url), work)
    if json:
        print_json(rules)
    else:
        columns = ("ID", "VERDICT", "SUBJECT", "VALUE", "KEY", "CREATED")
        print_table(columns, [tuple(rule.values()) for rule in rules], empty="This user has no rules.")


@app.command()
def remove(
    rule: Annotated[UUID, typer.Argument(help="Id of the rule, from 'policies list'.")],
    data_dir: DataDir = None,
    database_url: DatabaseUrl = None,
) -> None:
    """Removes a rule."""

    async def work(installation: "Installation") -> None:
        await installation.gateway.policies.remove(None, rule)

    with_installation(load(data_dir, database_url), work)
    notes.print("removed")


@app.command()
def check(
    user: UserName,
    addon: Annotated[str, typer.Option(help="The add-on that would call.")],
    address: Annotated[str, typer.Option(help="The address it would call from.")],
    key: KeyId = None,
    data_dir: DataDir = None,
    database_url: DatabaseUrl = None,
) -> None:
    """Says whether a call would get in, and which rule decides."""

    async def work(installation: "Installation") -> dict[str, str | bool | None]:
        person = await installation.users.by_name(user)
        verdict = await installation.gateway.policies.dry_run(person.id, key_id=key, addon=addon, address=address)
        return {
            "allowed": verdict.allowed,
            "code": str(verdict.problem) if verdict.problem else None,
            "rule": str(verdict.rule.id) if verdict.rule else None,
            "words": verdict.words,
        }

    print_json(with_installation(load(data_dir, database_url), work))


def _add(
    user: str,
    verdict: Verdict,
    key: UUID | None,
    about: tuple[str | None, str | None],
    *,
    load_from: tuple[DataDir, DatabaseUrl],
) -> None:
    addon, address = about
    if (addon is None) == (address is None):
        fail("name exactly one of --addon and --address", 2)
    subject = Subject.ADDON if addon is not None else Subject.ADDRESS

    async def work(installation: "Installation") -> str:
        person = await installation.users.by_name(user)
        rule = await installation.gateway.policies.add(person.id, verdict, subject, addon or address or "", key_id=key)
        return str(rule.id)

    typer.echo(with_installation(load(*load_from), work))
