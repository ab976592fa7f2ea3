"""``sluicegate backup`` and ``restore``: the installation as one encrypted file."""

import os
from pathlib import Path
from typing import Annotated, Final

import typer

from sluicegate.cli.context import DatabaseUrl, DataDir, load, run
from sluicegate.cli.output import fail, notes
from sluicegate.core.crash_points import CrashPoint, arm
from sluicegate.core.secrets import Secret

__all__ = ["backup", "restore"]

_VARIABLE: Final = "SLUICEGATE_BACKUP_PASSPHRASE"
_PASSPHRASE_MAX: Final = 1024

PassphraseFile = Annotated[
    Path | None,
    typer.Option("--passphrase-file", help=f"File with the passphrase; else {_VARIABLE}, else it is asked for."),
]


def backup(
    file: Annotated[Path, typer.Argument(help="The file to write; it must not exist.")],
    files: Annotated[bool, typer.Option("--files", help="Put the stored files in as well.")] = False,
    passphrase_file: PassphraseFile = None,
    data_dir: DataDir = None,
    database_url: DatabaseUrl = None,
) -> None:
    """Writes database and master key into one encrypted file; servers may run meanwhile."""
    from sluicegate.wiring.backup import write_backup
    from sluicegate.wiring.log import configure_logging

    settings = load(data_dir, database_url)
    passphrase = _passphrase(passphrase_file, confirm=True)
    configure_logging("warning", "text")
    size = run(lambda: write_backup(settings, file, passphrase, files=files))
    notes.print(f"{file}: {size} bytes; without the passphrase nobody can restore it, you neither", soft_wrap=True)
    if not files:
        notes.print("the stored files are not in it (--files puts them in)")


def restore(
    file: Annotated[Path, typer.Argument(help="A file that 'sluicegate backup' wrote.")],
    replace: Annotated[
        bool, typer.Option("--replace", help="Replace the installation that is there; it is gone then.")
    ] = False,
    passphrase_file: PassphraseFile = None,
    data_dir: DataDir = None,
    database_url: DatabaseUrl = None,
) -> None:
    """Puts a backup in the place of an installation, whole or not at all; no server may run."""
    from sluicegate.wiring.log import configure_logging
    from sluicegate.wiring.restore import restore_backup

    settings = load(data_dir, database_url)
    arm(CrashPoint(settings.crash_at) if settings.crash_at else None)
    passphrase = _passphrase(passphrase_file, confirm=False)
    configure_logging("warning", "text")
    with_files = run(lambda: restore_backup(settings, file, passphrase, replace=replace))
    notes.print("restored; start the server as usual")
    if not with_files:
        notes.print("this backup holds no stored files: those in the data folder, if any, are as they were")


def _passphrase(path: Path | None, *, confirm: bool) -> Secret:
    if path is not None:
        try:
            with path.open(encoding="utf-8") as file:
                return Secret(file.read(_PASSPHRASE_MAX).rstrip("\r\n"))
        except (OSError, UnicodeDecodeError):
            fail(f"the passphrase cannot be read from {path}", 2)
    if given := os.environ.get(_VARIABLE):
        return Secret(given)
    try:
        return Secret(typer.prompt("Passphrase", hide_input=True, confirmation_prompt=confirm, err=True))
    except typer.Abort:
        fail(f"no passphrase; give one with --passphrase-file or {_VARIABLE}", 2)
