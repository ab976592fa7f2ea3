"""Answers that nobody expects: each is a core error, and the job and its account stay as they are."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from itertools import count

import pytest
from tests.services.conftest import HASH, House

from sluicegate.core.accounts import AccountState, Credential
from sluicegate.core.errors import ProtocolError, TransferMissing, UnsafeSource, UpstreamError
from sluicegate.core.jobs import JobState
from sluicegate.core.manifest import read_manifest
from sluicegate.core.provider import Page
from sluicegate.core.secrets import Secret
from sluicegate.core.transfers import Transfer, TransferState
from sluicegate.net.egress import Egress, EgressPolicy
from sluicegate.net.http import Http
from sluicegate.providers.memory import Content
from sluicegate.services.absence import SyncRules
from sluicegate.services.listing import list_all
from sluicegate.services.sync import SyncService
from sluicegate.wiring.providers import REMOTE

GIB = 1 << 30
_Serve = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


@asynccontextmanager
async def serving(serve: _Serve) -> AsyncIterator[str]:
    """A server on the loopback that answers every connection its own way."""
    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    async with server:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"


@pytest.mark.parametrize("kind", REMOTE, ids=lambda kind: kind.name)
async def test_a_body_of_one_gibibyte_is_refused_after_a_small_part_of_it(kind):
    sent = 0

    async def flood(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal sent
        try:
            await reader.readuntil(b"\r\n\r\n")
            head = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n[" % GIB
            writer.write(head)
            while sent < GIB:
                writer.write(b" " * 65_536)
                sent += 65_536
                await writer.drain()
        except (ConnectionError, asyncio.IncompleteReadError):
            pass
        finally:
            writer.close()

    egress = Egress(EgressPolicy.parse("127.0.0.0/8"))
    http = Http(egress)
    async with serving(flood) as url:
        adapter = kind(http, Credential("an-account", Secret("sandbox-ann")), base_url=url)
        with pytest.raises(UpstreamError) as refused:
            await adapter.account()
        await adapter.aclose()
    await http.aclose()
    egress.close()
    assert isinstance(refused.value, ProtocolError)
    assert refused.value.action
    assert sent < 64 << 20
    assert read_manifest(kind.__module__.rpartition(".")[0]).name == kind.name


async def _placed(house: House):
    user = await house.user()
    account = await house.account(user)
    house.providers.remote.define(HASH, Content(script=[TransferState.DOWNLOADING]))
    job = await house.job(user)
    await house.cascade.place(job.id, engines=True)
    return account, await house.read(job.id)


@pytest.mark.parametrize("circle", [True, False])
async def test_a_listing_that_never_ends_is_an_error_and_no_short_list(house: House, monkeypatch, circle: bool):
    account, job = await _placed(house)
    numbers = count()

    async def endless(self, cursor=None):
        del self, cursor
        return Page((), "again" if circle else str(next(numbers)))

    monkeypatch.setattr("sluicegate.providers.memory.adapter.Memory.list_page", endless)
    async with house.providers.open("torbox", Credential("a", Secret("t"))) as provider:
        with pytest.raises(ProtocolError):
            await list_all(provider)
    assert await house.sync.run("torbox", account.id)
    after = await house.read(job.id)
    assert (after.state, after.transfer_id) == (job.state, job.transfer_id)
    assert "listing" in after.waiting
    async with house.transactions() as tx:
        assert (await tx.accounts.get(account.id)).state is AccountState.OK


async def test_unknown_states_end_nothing(house: House):
    account, job = await _placed(house)
    house.providers.remote.show(
        "token-of-ann-1234567", job.transfer_id, state=TransferState.UNKNOWN, detail="defragmenting"
    )
    for _ in range(3):
        await house.sync.run("torbox", account.id)
    after = await house.read(job.id)
    assert (after.state, after.transfer_id) == (job.state, job.transfer_id)
    assert "defragmenting" in after.waiting


async def test_a_page_that_hides_a_transfer_loses_nothing(house: House, monkeypatch):
    account, job = await _placed(house)

    async def hiding(self, cursor=None):
        del self, cursor
        return Page(())

    monkeypatch.setattr("sluicegate.providers.memory.adapter.Memory.list_page", hiding)
    assert await house.sync.run("torbox", account.id)
    assert (await house.read(job.id)).transfer_id == job.transfer_id


async def test_one_transfer_with_hostile_names_does_not_stop_the_others(house: House, monkeypatch):
    account, first = await _placed(house)
    async with house.transactions() as tx:
        user = await tx.users.by_name("ann")
    other = await house.job(user, "cd" * 20)
    await house.cascade.place(other.id, engines=True)
    other = await house.read(other.id)
    assert other.account_id == account.id
    house.providers.remote.show("token-of-ann-1234567", first.transfer_id, state=TransferState.READY)
    house.providers.remote.show("token-of-ann-1234567", other.transfer_id, state=TransferState.READY)

    async def files(self, transfer_id):
        if transfer_id == first.transfer_id:
            raise UnsafeSource("A file's name leaves its folder.")
        return ()

    monkeypatch.setattr("sluicegate.providers.memory.adapter.Memory.files", files)
    await house.sync.run("torbox", account.id)
    assert (await house.read(other.id)).state is JobState.READY
    again = await house.read(first.id)
    assert (again.state, again.transfer_id) == (JobState.QUEUED, "")
    assert "leaves its folder" in again.waiting
    assert [entry.verdict for entry in await house.trace(first.id)][-1] == "failed"


async def test_a_transfer_that_only_the_provider_says_is_gone_is_placed_again(house: House, monkeypatch):
    account, job = await _placed(house)

    async def gone(self, transfer_id):
        raise TransferMissing("It is not there.")

    async def hiding(self, cursor=None):
        del self, cursor
        return Page(tuple[Transfer, ...]())

    monkeypatch.setattr("sluicegate.providers.memory.adapter.Memory.list_page", hiding)
    monkeypatch.setattr("sluicegate.providers.memory.adapter.Memory.get", gone)
    await house.sync.run("torbox", account.id)
    waiting = await house.read(job.id)
    assert (waiting.transfer_id, bool(waiting.missing)) == (job.transfer_id, True), "one look decides nothing"

    later = SyncService(house.transactions, house.providers, house.clock, SyncRules(patience=0))
    await later.run("torbox", account.id)
    assert (await house.read(job.id)).transfer_id == ""
