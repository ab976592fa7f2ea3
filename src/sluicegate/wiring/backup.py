"""Writing a backup: database, master key and, if wanted, stored files, into one encrypted file; a server may run."""

import asyncio
import json
import os
import secrets
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from sluicegate import __version__
from sluicegate.core.errors import Conflict, InvalidInput, NotFound
from sluicegate.core.secrets import Secret
from sluicegate.db.connector import Connector
from sluicegate.db.dump import dump
from sluicegate.db.embedded import EmbeddedPostgres
from sluicegate.db.migrate import HEAD
from sluicegate.services.backup_file import BackupWriter
from sluicegate.services.backup_parts import end_parts, write_part
from sluicegate.settings import Settings
from sluicegate.wiring.installation import FILES_FOLDER, open_installation
from sluicegate.wiring.master_keys import master_keys_of

__all__ = ["ABOUT", "DATABASE", "FILES", "FORMAT", "MASTER_KEY", "connected", "write_backup"]

FORMAT: Final = 1
ABOUT: Final = "about"
MASTER_KEY: Final = "master.key"
DATABASE: Final = "database"
FILES: Final = "files/"
"""Begins the name of each part that is a stored file; its path below the folder of files follows."""
_BLOCK: Final = 1 << 20


async def write_backup(settings: Settings, target: Path, passphrase: Secret, *, files: bool) -> int:
    """Writes ``target``, which appears whole or not at all, readable by its owner alone.

    Args:
        settings: of the installation.
        target: the file, which must not exist.
        passphrase: of at least eight characters.
        files: whether the stored files go in as well.

    Returns:
        Its size in bytes.

    Raises:
        Conflict: the file exists, or the master key is being rotated.
        InvalidInput: the passphrase is too short, or the folder cannot be written to.
        InternalError: the installation cannot be opened or read.
    """
    if await asyncio.to_thread(target.exists):
        raise Conflict(f"{target} exists already.", action="Name another file; a backup never overwrites one.")
    if not _there(settings):
        raise NotFound("There is no installation in this data folder.", action="Name it with --data-dir.")
    async with open_installation(settings):  # it runs, and the master key is the right one
        pass
    keys = master_keys_of(settings)
    if len(keys.read()) > 1:
        raise Conflict("The master key is being rotated.", action="Finish 'sluicegate rotate-master-key' first.")
    stamp = keys.stamp()
    draft = target.with_name(f".{target.name}.{secrets.token_hex(4)}.part")
    try:
        async with connected(settings) as connector:
            stored = settings.data_dir / FILES_FOLDER if files else None
            await asyncio.to_thread(_write, draft, connector, keys.read()[0], stored, passphrase)
        if keys.stamp() != stamp:
            raise Conflict("The master key was rotated meanwhile.", action="Run the backup again.")
        await asyncio.to_thread(draft.replace, target)
    except OSError as error:
        raise InvalidInput(f"The backup cannot be written: {error.strerror}.", action="Name another place.") from error
    finally:
        with suppress(OSError):  # moved, or never made
            draft.unlink()
    return (await asyncio.to_thread(target.stat)).st_size


@asynccontextmanager
async def connected(settings: Settings) -> AsyncIterator[Connector]:
    """The way to the database of these settings, whose embedded server runs inside the block."""
    if settings.database_url is not None:
        yield Connector(url=settings.database_url.get_secret_value())
        return
    async with EmbeddedPostgres(settings.data_dir / "postgres") as embedded:
        yield Connector(embedded=embedded)


def _there(settings: Settings) -> bool:
    return settings.database_url is not None or (settings.data_dir / "postgres" / "data").exists()


def _write(draft: Path, connector: Connector, key: bytes, stored: Path | None, passphrase: Secret) -> None:
    about = {
        "format": FORMAT,
        "version": __version__,
        "schema": HEAD,
        "files": stored is not None,
        "made_at": datetime.now(UTC).isoformat(timespec="seconds"),
    }
    with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600), "wb") as file:
        writer = BackupWriter(file, passphrase.reveal())
        write_part(writer, ABOUT, [json.dumps(about).encode()])
        write_part(writer, MASTER_KEY, [key.hex().encode()])
        write_part(writer, DATABASE, dump(connector))
        for path in _files(stored):
            with suppress(FileNotFoundError):  # removed since it was listed
                write_part(writer, FILES + path.relative_to(stored or path).as_posix(), _blocks(path))
        end_parts(writer)
        writer.finish()
        os.fsync(file.fileno())


def _files(stored: Path | None) -> Iterator[Path]:
    if stored is None:
        return
    for folder, _, names in os.walk(stored):
        for name in sorted(names):
            path = Path(folder, name)
            if path.is_file() and not path.is_symlink():
                yield path


def _blocks(path: Path) -> Iterator[bytes]:
    with path.open("rb") as file:
        while block := file.read(_BLOCK):
            yield block
