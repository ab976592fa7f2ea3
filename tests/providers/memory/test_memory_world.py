"""The twin keeps the port's promises, or every test that uses it proves nothing."""

import asyncio
from pathlib import Path

import pytest

from sluicegate.core.accounts import Credential
from sluicegate.core.errors import (
    CredentialsRejected,
    FileGone,
    InvalidInput,
    SourceRejected,
    TransferMissing,
    TransferNotReady,
    UpstreamTimeout,
)
from sluicegate.core.local import LocalFiles
from sluicegate.core.provider import Capability
from sluicegate.core.secrets import Secret
from sluicegate.core.sources import Magnet, Nzb, WebLink
from sluicegate.core.transfers import TransferState
from sluicegate.providers.memory import Content, LocalMemory, Memory, World

HASH = "ab" * 20
SCRIPT = (TransferState.QUEUED, TransferState.SELECTING, TransferState.DOWNLOADING, TransferState.READY)


@pytest.fixture
def world() -> World:
    return World()


@pytest.fixture
def memory(world: World) -> Memory:
    return Memory(world, Credential("account-1", Secret("token-one")))


def test_it_has_every_capability() -> None:
    assert Memory.capabilities() == frozenset(Capability)


async def test_a_script_is_walked_one_look_at_a_time_and_waits_for_a_selection(world: World, memory: Memory) -> None:
    world.define(HASH, Content(files={"a.mkv": b"aa", "b.srt": b"b"}, script=SCRIPT))
    transfer_id = (await memory.submit_magnet(Magnet(HASH))).transfer_id
    with pytest.raises(TransferNotReady):
        await memory.files(transfer_id)
    seen = [(await memory.get(transfer_id)).state for _ in range(3)]
    await memory.select(transfer_id, [1])
    seen += [(await memory.get(transfer_id)).state for _ in range(3)]
    assert seen == [*SCRIPT[:2], SCRIPT[1], *SCRIPT[2:], SCRIPT[3]]
    assert [file.selected for file in await memory.files(transfer_id)] == [False, True]


async def test_one_source_is_one_transfer_per_account(world: World, memory: Memory) -> None:
    other = Memory(world, Credential("account-2", Secret("token-two")))
    first = await memory.submit_magnet(Magnet(HASH))
    assert (await memory.submit_magnet(Magnet(HASH))).existing is True
    assert (await other.submit_magnet(Magnet(HASH))).existing is False
    with pytest.raises(TransferMissing):
        await other.get(first.transfer_id)
    await memory.remove(first.transfer_id)
    await memory.remove(first.transfer_id)
    assert (await memory.list_page()).transfers == ()


@pytest.mark.parametrize("amount", [0, 1, 2, 3, 4, 9])
async def test_listings_lose_and_repeat_nothing(amount: int) -> None:
    memory = Memory(World(page_size=3))
    for number in range(amount):
        await memory.submit_web(WebLink(f"https://example.com/{number}"))
    seen, cursor = [], None
    while True:
        page = await memory.list_page(cursor)
        seen += [transfer.id for transfer in page.transfers]
        cursor = page.next_cursor
        if cursor is None:
            break
    assert sorted(map(int, seen), reverse=True) == [int(one) for one in seen]
    assert len(set(seen)) == amount


async def test_links_need_a_ready_file_and_an_own_locator(world: World, memory: Memory) -> None:
    transfer_id = (await memory.submit_nzb(Nzb("an.nzb", raw=b"x"))).transfer_id
    (file,) = await memory.files(transfer_id)
    assert file.locator is not None
    first, second = await memory.link(file.locator), await memory.link(file.locator)
    assert first.url != second.url
    assert first.expires_at is not None
    for foreign in ("torbox:1:0", "memory:1", ""):
        with pytest.raises(InvalidInput):
            await memory.link(foreign)
    with pytest.raises(FileGone):
        await memory.link(f"memory:{transfer_id}:7")
    world.show("token-one", transfer_id, state=TransferState.STALLED)
    with pytest.raises(TransferNotReady):
        await memory.link(file.locator)


async def test_availability_has_three_values(world: World, memory: Memory) -> None:
    world.define("aa" * 20, Content(cached=True))
    world.define("bb" * 20, Content(cached=False))
    answers = await memory.availability(["aa" * 20, "bb" * 20, "cc" * 20])
    assert [answer.cached for answer in answers] == [True, False, None]


async def test_ordered_faults_come_once_and_in_order(world: World, memory: Memory) -> None:
    world.fail("list_page", UpstreamTimeout("late"))
    world.fail("*", CredentialsRejected("no"))
    with pytest.raises(UpstreamTimeout):
        await memory.list_page()
    with pytest.raises(CredentialsRejected):
        await memory.list_page()
    await memory.list_page()
    world.define(HASH, Content(refusal=SourceRejected("not this")))
    with pytest.raises(SourceRejected):
        await memory.submit_magnet(Magnet(HASH))
    world.revoke("token-one")
    with pytest.raises(CredentialsRejected):
        await memory.account()


async def test_calls_are_tapped_and_take_their_time(world: World, memory: Memory) -> None:
    world.delay("get", 30)
    transfer_id = (await memory.submit_magnet(Magnet(HASH))).transfer_id
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.05):
            await memory.get(transfer_id)
    assert [(call.operation, call.account, call.subject) for call in world.calls] == [
        ("submit_magnet", "account-1", HASH),
        ("get", "account-1", transfer_id),
    ]


async def test_the_local_twin_puts_files_on_disk_once(world: World, tmp_path: Path) -> None:
    local = LocalMemory(world, tmp_path)
    assert isinstance(local, LocalFiles)
    world.define(HASH, Content(files={"a/b.txt": b"text"}, script=(TransferState.DOWNLOADING, TransferState.READY)))
    transfer_id = (await local.submit_magnet(Magnet(HASH))).transfer_id
    with pytest.raises(TransferNotReady):
        await local.collect(transfer_id)
    await local.get(transfer_id)
    (file,) = await local.collect(transfer_id)
    assert (file.path, file.location.read_bytes()) == ("a/b.txt", b"text")
    file.location.unlink()
    assert await local.collect(transfer_id) == (file,)
    assert not file.location.exists()
    await local.release(transfer_id)
    with pytest.raises(TransferMissing):
        await local.collect(transfer_id)
