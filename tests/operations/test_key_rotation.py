"""Changing the master key of a real installation, beside a running server, with kill -9 at every step (T33)."""

import shutil
from contextlib import AbstractAsyncContextManager
from pathlib import Path
from typing import NamedTuple
from uuid import UUID

import pytest
from tests.faults.server import Server
from tests.house import database
from tests.operations.conftest import command

from sluicegate.core.accounts import AccountState
from sluicegate.core.secrets import Secret
from sluicegate.services.accounts import NewAccount
from sluicegate.services.vault import AesVault
from sluicegate.settings import Settings
from sluicegate.wiring.installation import Installation, open_installation

# Servers start several times, and each command is a process of its own.
pytestmark = pytest.mark.timeout(600)

TOKEN = "sandbox-rotated"
POINTS = ("key_beside", "page_sealed", "sealed_anew")


class Before(NamedTuple):
    """What must stay the same; ``proxied`` is the account that has a proxy."""

    webhooks: str
    account: UUID
    proxied: UUID


async def furnished(server: Server, *, started: bool = True) -> Before:
    """Leaves secrets of several kinds in an installation, whose server it starts before."""
    if started:
        await server.start(options=("--sandbox",))
    await server.key("library")
    token = Secret(TOKEN)
    async with opened(server) as installation:
        person = await installation.users.by_name("home")
        proxied = NewAccount("realdebrid", token, "main", None, Secret("http://1.1.1.1:9"))
        added = await installation.accounts.add(person.id, proxied, check=False)
        plain = await installation.accounts.add(person.id, NewAccount("torbox", token, "main", None, None), check=False)
        secret = await installation.webhooks.secret(person.id)
        await installation.sign_in.invite(person.id, admin=False)
    return Before(secret.reveal(), plain.id, added.id)


async def unchanged(server: Server, before: Before) -> None:
    """The key that was handed out is good, and what is sealed opens."""
    status, _ = await server.call("GET", "/v1/torrents")
    assert status == 200
    async with opened(server) as installation:
        person = await installation.users.by_name("home")
        assert (await installation.webhooks.secret(person.id)).reveal() == before.webhooks
        assert (await installation.accounts.check(before.account)).state is AccountState.OK
        async with installation.database.transactions() as tx:
            assert (await tx.accounts.credential(before.account)).token.reveal() == TOKEN


def opened(server: Server) -> AbstractAsyncContextManager[Installation]:
    """The installation as a command opens it; a command is a process that takes longer than its work."""
    return open_installation(Settings.load(data_dir=server.data))


async def headers(server: Server) -> set[bytes]:
    """How the sealed values begin, all tables together."""
    queries = ("SELECT sealed FROM keys", "SELECT sealed_token FROM accounts", "SELECT sealed_proxy FROM accounts",
               "SELECT sealed FROM webhook_secrets", "SELECT sealed FROM master_key_marks")  # fmt: skip
    async with database(server) as sql:
        rows = [row[0] for query in queries for row in await sql.fetch(query)]
    return {bytes(value[:5]) for value in rows if value is not None}


def header(key: str) -> bytes:
    return AesVault(bytes.fromhex(key.strip())).header


async def test_beside_a_running_server_and_the_old_key_opens_nothing_afterwards(server: Server):
    before = await furnished(server)
    path = server.data / "master.key"
    old = path.read_text()
    done = await command("rotate-master-key", "--data-dir", server.data)
    assert done.code == 0, done.err
    new = path.read_text()
    assert (new != old, path.stat().st_mode & 0o777) == (True, 0o600)
    assert not path.with_name("master.key.next").exists()
    assert await headers(server) == {header(new)}
    await unchanged(server, before)
    assert await server.cli("webhooks", "secret", "--user", "home") == before.webhooks
    assert TOKEN not in await server.cli("accounts", "check", str(before.account))
    await server.cli("keys", "create", "--user", "home", "--kind", "media")
    secret = await server.cli("webhooks", "secret", "--user", "home", "--rotate")
    assert await headers(server) == {header(new)}, "a server that goes on seals with the new key"
    await server.stop()
    await server.start(options=("--sandbox",))
    await unchanged(server, before._replace(webhooks=secret))
    refused = await command(
        "keys", "list", "--user", "home", "--data-dir", server.data, SLUICEGATE_MASTER_KEY=old.strip()
    )
    assert refused.code != 0
    assert "another master key" in refused.err


async def test_a_running_server_seals_with_the_new_key_at_once(server: Server):
    """Its own process, not a command beside it, seals the answers of repeated requests."""
    await furnished(server)
    done = await command("rotate-master-key", "--data-dir", server.data)
    assert done.code == 0, done.err
    status, answer = await server.call("POST", "/v1/torrents", {"magnet": f"magnet:?xt=urn:btih:{'ab' * 20}"})
    assert status < 300, answer
    new = (server.data / "master.key").read_text()
    assert await headers(server) == {header(new)}
    done = await command("rotate-master-key", "--data-dir", server.data)
    assert done.code == 0, done.err
    assert (server.data / "master.key").read_text() != new, "a second rotation has a key of its own"
    status, _ = await server.call("GET", "/v1/torrents")
    assert status == 200


@pytest.mark.parametrize("point", POINTS)
async def test_kill_9_at_every_step_and_running_it_again(server: Server, point: str):
    before = await furnished(server)
    path = server.data / "master.key"
    old = path.read_text()
    died = await command("rotate-master-key", "--data-dir", server.data, SLUICEGATE_CRASH_AT=point)
    assert died.code == -9
    assert path.read_text() == old, "the old key goes last"
    begun = path.with_name("master.key.next").read_text()
    await unchanged(server, before)
    await server.kill()
    await server.start(options=("--sandbox",))
    await unchanged(server, before)
    done = await command("rotate-master-key", "--data-dir", server.data)
    assert done.code == 0, done.err
    assert path.read_text() == begun, "it goes on with the key that it had begun with"
    assert await headers(server) == {header(begun)}
    await unchanged(server, before)


async def test_keys_from_the_settings(server: Server, home: Path):
    first, second = "11" * 32, "22" * 32
    server.environment["SLUICEGATE_MASTER_KEY"] = first
    await server.start()
    made = await command("keys", "create", "--user", "home", "--kind", "library", "--data-dir", server.data,
                         SLUICEGATE_MASTER_KEY=first)  # fmt: skip
    assert made.code == 0, made.err
    refused = await command("rotate-master-key", "--data-dir", server.data, SLUICEGATE_MASTER_KEY=first)
    assert (refused.code, "SLUICEGATE_MASTER_KEY_NEXT" in refused.err) == (2, True)
    await server.stop()
    both = {"SLUICEGATE_MASTER_KEY": first, "SLUICEGATE_MASTER_KEY_NEXT": second}
    done = await command("rotate-master-key", "--data-dir", server.data, **both)
    assert (done.code, "Now set SLUICEGATE_MASTER_KEY" in done.err) == (0, True), done.err
    assert first not in done.err + done.out
    assert second not in done.err + done.out
    for key, code in ((second, 0), (first, 1)):
        listed = await command("keys", "list", "--user", "home", "--data-dir", server.data, SLUICEGATE_MASTER_KEY=key)
        assert bool(listed.code) == bool(code), listed.err
    assert not (server.data / "master.key").exists()


async def test_a_value_that_does_not_open_stops_it_and_keeps_the_old_key(server: Server):
    before = await furnished(server)
    old = (server.data / "master.key").read_text()
    async with database(server) as sql:
        kept = await sql.fetchval("SELECT sealed_token FROM accounts WHERE provider = 'torbox'")
        await sql.execute("UPDATE accounts SET sealed_token = $1 WHERE provider = 'realdebrid'", kept)
    done = await command("rotate-master-key", "--data-dir", server.data)
    told = ("accounts.sealed_token" in done.err, str(before.proxied) in done.err)
    assert (bool(done.code), *told) == (True, True, True), done.err
    assert (server.data / "master.key").read_text() == old
    async with opened(server) as installation:
        await installation.accounts.remove(before.proxied)
    done = await command("rotate-master-key", "--data-dir", server.data)
    assert done.code == 0, done.err
    shutil.copy(server.data / "master.key", server.data / "copy.key")
    await unchanged(server, before)


async def test_end_links_makes_another_signing_key_and_keeps_fingerprints(server: Server):
    await furnished(server, started=False)
    before = await lasting(server)
    assert (await command("rotate-master-key", "--data-dir", server.data)).code == 0
    assert await lasting(server) == before, "links go on"
    assert (await command("rotate-master-key", "--data-dir", server.data, "--end-links")).code == 0
    after = await lasting(server)
    assert (after[0] == before[0], after[1] == before[1]) == (True, False)


async def lasting(server: Server) -> tuple[bytes, bytes]:
    """The keys for fingerprints and signatures that a process would start with."""
    vault = AesVault(bytes.fromhex((server.data / "master.key").read_text().strip()))
    async with database(server) as sql:
        kept = await sql.fetchval("SELECT sealed FROM master_key_marks WHERE name = 'lasting keys'")
    if kept is None:
        return vault.lasting
    fingerprint, signing = vault.open(bytes(kept), owner="installation", kind="lasting_keys").reveal().split()
    return bytes.fromhex(fingerprint), bytes.fromhex(signing)
