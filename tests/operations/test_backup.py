"""Backup and restore of real installations (T56): round trips, refusals, and kill -9 in mid restore."""

import asyncio
import hashlib
from collections.abc import AsyncIterator
from pathlib import Path

import psutil
import pytest
from tests import ready_made
from tests.e2e.client import digests, finished, submit
from tests.faults.server import Server
from tests.media.site import Site
from tests.operations.conftest import PASSPHRASE, command

from sluicegate.core.errors import Conflict, InvalidInput, NotFound
from sluicegate.core.secrets import Secret
from sluicegate.db.embedded import EmbeddedPostgres
from sluicegate.settings import Settings
from sluicegate.wiring.backup import write_backup
from sluicegate.wiring.installation import open_installation
from sluicegate.wiring.restore import restore_backup

KEY = {"SLUICEGATE_BACKUP_PASSPHRASE": PASSPHRASE}
FILM = bytes(range(256)) * 5_000

# Each test runs about ten commands, and each command is a process that starts and stops a database.
pytestmark = pytest.mark.timeout(600)


def settings(data: Path, url: str | None = None, **more: object) -> Settings:
    """Of the installation in a folder, or in the database at an address."""
    return Settings.load(data_dir=data, database_url=url, **more)


async def small(data: Path, name: str, url: str | None = None) -> None:
    """An installation with one user, that does not run."""
    if url is None:
        await ready_made.place(data / "postgres")
    async with open_installation(settings(data, url)) as installation:
        await installation.users.create(name)


async def users(data: Path, url: str | None = None) -> list[str]:
    """Whom an installation knows; it opens, so its key and database belong together."""
    async with open_installation(settings(data, url)) as installation:
        return [user.name for user in await installation.users.page(limit=10)]


async def restore(source: Path, data: Path, url: str | None = None, *, replace: bool = True, **more: object) -> None:
    await restore_backup(settings(data, url, **more), source, Secret(PASSPHRASE), replace=replace)


@pytest.fixture(scope="module")
async def backup() -> AsyncIterator[Path]:
    """A backup of an installation with the user "saved"; it is only read."""
    with ready_made.open_folder() as home:
        await small(home / "saved", "saved")
        await write_backup(settings(home / "saved"), home / "saved.backup", Secret(PASSPHRASE), files=False)
        (home / "saved.backup").chmod(0o400)
        yield home / "saved.backup"


async def test_a_running_installation_comes_back_with_its_jobs_accounts_keys_and_files(server: Server, home: Path):
    await server.start(options=("--sandbox",))
    account = await server.cli("accounts", "add", "--provider", "torbox", "--token", "sandbox-b", "--user", "home")
    with Site.running() as site:
        (home / "film.mkv").write_bytes(FILM)
        _, job = await submit(server, {"url": site.put("/film.mkv", home / "film.mkv")})
        job = await finished(server, job["id"])
    kept = await digests(server, job)
    assert list(kept.values()) == [hashlib.sha256(FILM).hexdigest()]
    target = home / "whole.backup"
    done = await command("backup", target, "--files", "--data-dir", server.data, **KEY)
    assert done.code == 0, done.err
    raw = target.read_bytes()
    master = (server.data / "master.key").read_text().strip()
    for secret in (master, PASSPHRASE, await server.key("library"), "sandbox-b"):
        assert secret.encode() not in raw
    assert (FILM[:4096] in raw, target.stat().st_mode & 0o777) == (False, 0o600)
    again = await command("backup", target, "--data-dir", server.data, **KEY)
    assert (again.code, target.read_bytes() == raw) == (4, True), "a backup never overwrites one"
    refused = await command("restore", target, "--replace", "--data-dir", server.data, **KEY)
    assert (refused.code, "server" in refused.err) == (4, True), "not while a server runs"
    await server.stop()

    restored = Server(home / "restored")
    restored._key.update(server._key)
    done = await command("restore", target, "--data-dir", restored.data, **KEY)
    assert done.code == 0, done.err
    try:
        await restored.start(options=("--sandbox",))
        _, found = await restored.call("GET", f"/v1/torrents/{job['id']}")
        assert found["status"] == "ready", found
        assert await digests(restored, found) == kept
        assert account in await restored.cli("accounts", "list", "--json")
        await restored.cli("accounts", "check", account)
    finally:
        await restored.stop()


ALTERED = {
    "header": lambda raw: raw[:20] + bytes([raw[20] ^ 1]) + raw[21:],
    "content": lambda raw: raw[:60] + bytes([raw[60] ^ 1]) + raw[61:],
    "end": lambda raw: raw[:-1] + bytes([raw[-1] ^ 1]),
    "cut": lambda raw: raw[: len(raw) // 2],
    "longer": lambda raw: raw + b"\0",
    "empty": lambda raw: b"",
    "another file": lambda raw: b"no backup" * 100,
}


async def test_refusals_change_nothing(backup: Path, home: Path):
    """Wrong passphrase, altered or cut in every region, another file, no file, and an installation that is there."""
    here = home / "here"
    await small(here, "here")
    before = state(here)
    for name, change in ALTERED.items():
        bad = home / f"{name}.backup"
        bad.write_bytes(change(backup.read_bytes()))
        with pytest.raises(InvalidInput):
            await restore(bad, here)
        assert state(here) == before, name
    with pytest.raises(InvalidInput, match="passphrase is wrong"):
        await restore_backup(settings(here), backup, Secret("not the passphrase"), replace=True)
    with pytest.raises(Conflict, match="already"):
        await restore(backup, here, replace=False)
    with pytest.raises(NotFound):
        await restore(home / "none", here)
    assert state(here) == before
    with pytest.raises(Conflict, match="SLUICEGATE_MASTER_KEY"):
        await restore(backup, home / "new", master_key="33" * 32)
    assert not (home / "new" / "master.key").exists()
    assert await users(here) == ["here"]


async def test_replace_and_the_passphrase_of_a_file(backup: Path, home: Path):
    await small(home / "here", "here")
    (home / "pass").write_text(PASSPHRASE + "\n")
    done = await command(
        "restore", backup, "--replace", "--data-dir", home / "here", "--passphrase-file", home / "pass"
    )  # fmt: skip
    assert done.code == 0, done.err
    assert await users(home / "here") == ["saved"]
    assert not (home / "here" / "restore").exists()
    with pytest.raises(InvalidInput, match="8 characters"):
        await write_backup(settings(home / "here"), home / "x", Secret("short"), files=False)
    assert ((home / "x").exists(), list(home.glob(".x*"))) == (False, [])


@pytest.mark.parametrize(
    ("point", "found"), [("restore_staged", "here"), ("restore_decided", "saved"), ("restore_moved", "saved")]
)
async def test_kill_9_in_mid_restore_leaves_the_old_or_the_new(backup: Path, home: Path, point: str, found: str):
    await small(home / "here", "here")
    arguments = ("restore", backup, "--replace", "--data-dir", home / "here")
    died = await command(*arguments, **KEY, SLUICEGATE_CRASH_AT=point)
    assert died.code == -9, died.err
    assert await users(home / "here") == [found]
    assert not (home / "here" / "restore").exists(), "whoever opens it next tidies up"
    await restore(backup, home / "here")
    assert await users(home / "here") == ["saved"]


async def test_kill_9_while_the_database_is_filled(backup: Path, home: Path):
    await small(home / "here", "here")
    arguments = ("restore", backup, "--replace", "--data-dir", home / "here")
    died = await command(*arguments, **KEY, SLUICEGATE_CRASH_AT="restore_loaded")
    assert died.code == -9, died.err
    assert await users(home / "here") == ["here"]
    await nothing_runs_below(home / "here" / "restore")


async def nothing_runs_below(folder: Path) -> None:
    """Waits until no database is left that worked in the abandoned folder."""
    async with asyncio.timeout(60):
        while [p for p in psutil.process_iter(["name", "cwd"]) if (p.info["cwd"] or "").startswith(str(folder))]:
            await asyncio.sleep(0.2)


@pytest.fixture
async def given(home: Path) -> AsyncIterator[str]:
    """A PostgreSQL of one's own, by its address."""
    await ready_made.place(home / "postgres")
    async with EmbeddedPostgres(home / "postgres") as server:
        yield f"postgresql://sluicegate:secret@/postgres?host={server.socket_dir}"


async def test_with_a_database_of_ones_own(backup: Path, given: str, home: Path):
    """Out of an embedded database into a given one, and back out; kill -9 before its commit leaves the old state."""
    data = home / "given"
    await small(data, "old", given)
    with pytest.raises(Conflict, match="already"):
        await restore(backup, data, given, replace=False)
    arguments = ("restore", backup, "--replace", "--data-dir", data, "--database-url", given)
    for point, found in (("restore_loaded", "old"), ("restore_decided", "saved")):
        died = await command(*arguments, **KEY, SLUICEGATE_CRASH_AT=point)
        assert died.code == -9, died.err
        assert await users(data, given) == [found]
    await restore(backup, data, given)
    assert await users(data, given) == ["saved"]
    assert not (data / "master.key.next").exists()
    async with open_installation(settings(data, given)):
        with pytest.raises(Conflict, match="uses this database"):
            await restore(backup, data, given)
    await write_backup(settings(data, given), home / "out.backup", Secret(PASSPHRASE), files=False)
    await restore(home / "out.backup", home / "back")
    assert await users(home / "back") == ["saved"]


def state(data: Path) -> tuple[str, list[str]]:
    """What a refused restore must not touch."""
    return (data / "master.key").read_text(), sorted(path.name for path in data.iterdir())
