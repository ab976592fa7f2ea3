"""Reading a backup back: unpacked beside the installation, then put in its place in one decided step.

A crash before the decision leaves the old installation, one after it the new one: whoever opens the installation next
finishes the moves (``settle_restore``). With a database of one's own the decision is that database's commit; the key of
the backup lies beside the old one meanwhile, as in a rotation, so that either state can be opened.
"""

import asyncio
import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path, PurePosixPath

from sluicegate.core.crash_points import CrashPoint, crash_point
from sluicegate.core.errors import Conflict, InvalidInput, NotFound
from sluicegate.core.secrets import Secret
from sluicegate.db.connector import Connector
from sluicegate.db.dump import load
from sluicegate.db.embedded import EmbeddedPostgres
from sluicegate.db.exclusive import has_tables, nobody_inside, others_connected
from sluicegate.db.migrate import HEAD
from sluicegate.services.backup_file import read_backup, refused
from sluicegate.services.backup_parts import read_parts
from sluicegate.services.vault_keys import KeyFiles, parse_key, write_key
from sluicegate.settings import Settings
from sluicegate.wiring.backup import ABOUT, DATABASE, FILES, FORMAT, MASTER_KEY
from sluicegate.wiring.restore_moves import DECIDED, STAGED, sync_tree_roots, take_place

__all__ = ["restore_backup"]


async def restore_backup(settings: Settings, source: Path, passphrase: Secret, *, replace: bool) -> bool:
    """Restores ``source`` into the installation of these settings; nothing changes unless it is whole and authentic.

    Args:
        settings: of the installation.
        source: the backup.
        passphrase: that it was written with.
        replace: whether an installation that is there already gives way.

    Returns:
        True when the backup held the stored files too.

    Raises:
        NotFound: there is no such file.
        InvalidInput: the passphrase is wrong, or the file is altered, cut, no backup, or of a newer version.
        Conflict: a server runs, or there is an installation already.
        InternalError: the database did not take it.
    """
    if not await asyncio.to_thread(source.is_file):
        raise NotFound(f"There is no file {source}.")
    key, files = await asyncio.to_thread(_check, source, passphrase)
    _check_given_key(settings, key)
    home = settings.data_dir / "postgres"
    with nobody_inside(home):
        await asyncio.to_thread(take_place, settings.data_dir)
        if settings.database_url is None:
            await _into_folder(settings, source, passphrase, key, replace=replace)
        else:
            connector = Connector(url=settings.database_url.get_secret_value())
            await _into_database(settings, connector, source, passphrase, key, replace=replace)
    return files


async def _into_folder(settings: Settings, source: Path, passphrase: Secret, key: bytes, *, replace: bool) -> None:
    data = settings.data_dir
    if not replace and ((data / "postgres" / "data").exists() or (data / MASTER_KEY).exists()):
        raise _not_empty()
    staged = data / STAGED
    staged.mkdir(mode=0o711)
    async with EmbeddedPostgres(staged / "postgres") as embedded:
        await asyncio.to_thread(_unpack, source, passphrase, staged, Connector(embedded=embedded))
    if settings.master_key is None:
        write_key(staged / MASTER_KEY, key)
    sync_tree_roots(staged)
    crash_point(CrashPoint.RESTORE_STAGED)
    (staged / DECIDED).touch()
    sync_tree_roots(staged)
    crash_point(CrashPoint.RESTORE_DECIDED)
    await asyncio.to_thread(take_place, data)


async def _into_database(
    settings: Settings, connector: Connector, source: Path, passphrase: Secret, key: bytes, *, replace: bool
) -> None:
    if await others_connected(connector):
        raise Conflict("A server or another command uses this database.", action="Stop it, and run this again.")
    if not replace and await has_tables(connector):
        raise _not_empty()
    staged = settings.data_dir / STAGED
    staged.mkdir(mode=0o711)
    with _key_beside(settings, key):
        await asyncio.to_thread(_unpack, source, passphrase, staged, connector)
    (staged / DECIDED).touch()
    sync_tree_roots(staged)
    await asyncio.to_thread(take_place, settings.data_dir)


@contextmanager
def _key_beside(settings: Settings, key: bytes) -> Iterator[None]:
    """Puts the backup's key beside the old one before the database changes, and in its place afterwards."""
    path = settings.data_dir / MASTER_KEY
    beside = path.with_name(path.name + ".next")
    if settings.master_key is not None or (path.exists() and KeyFiles(path).read() == (key,)):
        yield
        return
    if beside.exists() and parse_key(beside.read_text("ascii", errors="replace")) != key:
        raise Conflict("The master key is being rotated.", action="Finish 'sluicegate rotate-master-key' first.")
    write_key(beside, key)
    try:
        yield
    except BaseException:  # nothing was decided: the old key stays alone
        beside.unlink()
        raise
    crash_point(CrashPoint.RESTORE_DECIDED)
    beside.replace(path)


def _check(source: Path, passphrase: Secret) -> tuple[bytes, bool]:
    """Reads all of the file before anything is changed; its master key, and whether it holds files."""
    key, about, names = b"", {"format": 0, "schema": "", "files": False}, set()
    with source.open("rb") as file:
        for name, blocks in read_parts(read_backup(file, passphrase.reveal())):
            names.add(name)
            if name == ABOUT:
                about = json.loads(b"".join(blocks))
            elif name == MASTER_KEY:
                key = parse_key(b"".join(blocks).decode("ascii"))
            elif name.startswith(FILES):
                _inside(Path(), name)
    if about["format"] != FORMAT or str(about["schema"]) > HEAD:
        raise InvalidInput("A newer version of Sluicegate wrote this backup.", action="Restore it with that version.")
    if not names >= {ABOUT, MASTER_KEY, DATABASE}:
        raise refused()
    return key, bool(about["files"])


def _unpack(source: Path, passphrase: Secret, staged: Path, connector: Connector) -> None:
    with source.open("rb") as file:
        for name, blocks in read_parts(read_backup(file, passphrase.reveal())):
            if name == ABOUT and json.loads(b"".join(blocks))["files"]:
                (staged / "files").mkdir(mode=0o700)
            elif name == DATABASE:
                load(connector, blocks)
            elif name.startswith(FILES):
                _write(_inside(staged, name), blocks)


def _inside(folder: Path, name: str) -> Path:
    path = PurePosixPath(name)
    if path.is_absolute() or ".." in path.parts or "\0" in name:
        raise refused()
    return folder / path


def _write(path: Path, blocks: Iterator[bytes]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("xb") as file:
        for block in blocks:
            file.write(block)
        file.flush()
        os.fsync(file.fileno())


def _check_given_key(settings: Settings, key: bytes) -> None:
    given = settings.master_key
    if given is not None and parse_key(given.get_secret_value()) != key:
        raise Conflict(
            "SLUICEGATE_MASTER_KEY is not the master key of this backup.",
            action="Unset it and restore: the backup's key is kept as master.key in the data folder then.",
        )


def _not_empty() -> Conflict:
    return Conflict(
        "There is an installation already.", action="Name another place, or replace everything in it with --replace."
    )
