"""The commands of ``sluicegate``, put together."""

from typing import Annotated

import typer

from sluicegate import __version__
from sluicegate.cli import (
    accounts,
    addons,
    audit,
    blocklist,
    feeds,
    jobs,
    keys,
    policies,
    sync,
    targets,
    users,
    webhooks,
)
from sluicegate.cli.backup import backup, restore
from sluicegate.cli.doctor import doctor
from sluicegate.cli.get import get
from sluicegate.cli.output import EXIT_CODES
from sluicegate.cli.rotate import rotate_master_key
from sluicegate.cli.sandbox import sandbox
from sluicegate.cli.serve import serve

__all__ = ["app"]

_EXIT_CODES = " · ".join(f"{code} {meaning}" for code, meaning in EXIT_CODES.items())

app = typer.Typer(
    name="sluicegate",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    epilog=f"Exit codes: {_EXIT_CODES}. Every setting is a SLUICEGATE_… variable; 'sluicegate doctor' lists them.",
)
app.command()(serve)
app.command()(get)
app.command()(doctor)
app.command()(sandbox)
app.command()(rotate_master_key)
app.command()(backup)
app.command()(restore)
app.add_typer(jobs.app, name="jobs")
app.add_typer(sync.app, name="sync")
app.add_typer(targets.app, name="targets")
app.add_typer(users.app, name="users")
app.add_typer(keys.app, name="keys")
app.add_typer(accounts.app, name="accounts")
app.add_typer(addons.app, name="addons")
app.add_typer(policies.app, name="policies")
app.add_typer(audit.app, name="audit")
app.add_typer(feeds.app, name="feeds")
app.add_typer(blocklist.app, name="blocklist")
app.add_typer(webhooks.app, name="webhooks")


@app.callback(invoke_without_command=True)
def options(
    version: Annotated[bool, typer.Option("--version", help="Print the version and leave.")] = False,
) -> None:
    """Turns magnets, torrents, links and media pages into files you can stream or keep."""
    if version:
        typer.echo(__version__)
        raise typer.Exit
