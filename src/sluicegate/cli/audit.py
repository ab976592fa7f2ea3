"""``sluicegate audit``: every call of the gateway, refused ones included, for whoever runs the installation."""

import sys
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Annotated, Any

import msgspec
import typer

from sluicegate.cli.context import DatabaseUrl, DataDir, Json, load, with_installation
from sluicegate.cli.output import print_json, print_table
from sluicegate.services.gateway_audit import audit_record

if TYPE_CHECKING:
    from sluicegate.wiring.installation import Installation

__all__ = ["app"]

app = typer.Typer(no_args_is_help=True, help="Every call of the gateway, refused ones included.")

_PAGE = 500

Person = Annotated[str | None, typer.Option("--user", help="Only calls with this user's keys.")]
AddonSlug = Annotated[str | None, typer.Option("--addon", help="Only calls in this add-on's name, proven or not.")]
Refused = Annotated[bool, typer.Option("--refused", help="Only calls that were refused as a whole.")]


@app.command("list")
def list_(
    user: Person = None,
    addon: AddonSlug = None,
    refused: Refused = False,
    limit: Annotated[int, typer.Option(min=1, max=_PAGE, help="How many.")] = 50,
    data_dir: DataDir = None,
    database_url: DatabaseUrl = None,
    json: Json = False,
) -> None:
    """Lists calls, newest first."""

    async def work(installation: "Installation") -> list[Mapping[str, Any]]:
        person = (await installation.users.by_name(user)).id if user else None
        calls = await installation.gateway.audit.log(limit=limit, user_id=person, addon=addon, refused=refused)
        return [audit_record(call) for call in calls]

    calls = with_installation(load(data_dir, database_url), work)
    if json:
        print_json(calls)
        return
    columns = ("REQUEST", "AT", "ADD-ON", "ADDRESS", "OPERATION", "STATUS", "CODE", "MS")
    names = ("request_id", "created_at", "addon", "caller_ip", "operation", "http_status", "error_code", "duration_ms")
    print_table(columns, [[call[name] for name in names] for call in calls], empty="There are no such calls.")


@app.command()
def export(
    user: Person = None,
    addon: AddonSlug = None,
    refused: Refused = False,
    days: Annotated[int, typer.Option(min=1, max=3_660, help="How far back.")] = 90,
    data_dir: DataDir = None,
    database_url: DatabaseUrl = None,
) -> None:
    """Writes calls as JSON lines, newest first, each with what every provider contributed."""

    async def work(installation: "Installation") -> None:
        person = (await installation.users.by_name(user)).id if user else None
        since = datetime.now(UTC) - timedelta(days=days)
        async for call in installation.gateway.audit.every(since, user_id=person, addon=addon, refused=refused):
            sys.stdout.write(msgspec.json.encode(audit_record(call)).decode() + "\n")

    with_installation(load(data_dir, database_url), work)
