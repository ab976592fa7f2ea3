"""The commands of ``sluicegate``, put together: all of them, or the one that is asked for."""

from collections.abc import Iterable
from importlib import import_module
from typing import Annotated, Final

import typer

from sluicegate import __version__
from sluicegate.cli.output import EXIT_CODES

__all__ = ["program"]

_COMMANDS: Final = {
    "serve": "serve",
    "get": "get",
    "doctor": "doctor",
    "sandbox": "sandbox",
    "rotate-master-key": "rotate",
    "backup": "backup",
    "restore": "backup",
}
"""Single commands, and the module of each; its function is named like the command."""
_GROUPS: Final = (
    "jobs", "sync", "targets", "users", "keys", "accounts", "addons", "policies", "audit", "feeds", "blocklist",
    "webhooks", "mail",
)  # fmt: skip
"""Commands with commands of their own; the module is named like the group and holds ``app``."""
_ALL: Final = (*_COMMANDS, *_GROUPS)

_EXIT_CODES: Final = " · ".join(f"{code} {meaning}" for code, meaning in EXIT_CODES.items())


def program(name: str | None = None) -> typer.Typer:
    """What runs ``sluicegate``.

    Args:
        name: the command that is wanted; the others are left out then, whose code takes a server megabytes and every
            command time. A name that no command has, or none, gets the whole program, which knows what to say.
    """
    root = typer.Typer(
        name="sluicegate",
        no_args_is_help=True,
        add_completion=False,
        pretty_exceptions_enable=False,
        epilog=f"Exit codes: {_EXIT_CODES}. Every setting is a SLUICEGATE_… variable; 'sluicegate doctor' lists them.",
    )
    root.callback(invoke_without_command=True)(_options)
    _add(root, [name] if name in _ALL else _ALL)
    return root


def _add(root: typer.Typer, names: Iterable[str]) -> None:
    for name in names:
        module = import_module(f"sluicegate.cli.{_COMMANDS.get(name, name)}")
        if name in _GROUPS:
            root.add_typer(module.app, name=name)
        else:
            root.command()(getattr(module, name.replace("-", "_")))


def _options(
    version: Annotated[bool, typer.Option("--version", help="Print the version and leave.")] = False,
) -> None:
    """Turns magnets, torrents, links and media pages into files you can stream or keep."""
    if version:
        typer.echo(__version__)
        raise typer.Exit
