"""Transfers: states, progress, what is missing, and whose they are."""

import pytest
from tests.providers.suite.interposer import Reply, Sent
from tests.providers.suite.stage import OTHER_TOKEN, Stage

from sluicegate.core.errors import TransferMissing, TransferNotReady
from sluicegate.core.provider import Capability, Page
from sluicegate.core.transfers import Transfer, TransferState

WANDERING = "a-word-nobody-has-seen"


def in_words(stage: Stage, word: str) -> None:
    def alter(sent: Sent, reply: Reply) -> Reply:
        return reply.with_json(stage.case.with_state(reply.document, word)) if reply.body else reply

    stage.interposer.alter = alter


async def looked_at(stage: Stage, transfer_id: str) -> list[Transfer]:
    """The same transfer as a single one and in a listing."""
    adapter = stage.through()
    looks = [await adapter.get(transfer_id)]
    cursor = None
    while adapter.can(Capability.LIST):
        page: Page = await adapter.list_page(cursor)
        looks += [one for one in page.transfers if one.id == transfer_id]
        cursor = page.next_cursor
        if cursor is None:
            break
    return looks


async def test_states_map(stage: Stage) -> None:
    """Every upstream state maps."""
    stage.need(Capability.MAGNET, Capability.GET)
    assert stage.case.states, "the case lists the upstream's states"
    await stage.unlimited()
    transfer_id = await stage.submit()
    for word, state in stage.case.states.items():
        for spelled in stage.case.spellings(word):
            in_words(stage, spelled)
            looks = await looked_at(stage, transfer_id)
            assert [look.state for look in looks] == [state] * len(looks), spelled


async def test_unknown_state(stage: Stage) -> None:
    """An unknown state is unknown, not failed."""
    stage.need(Capability.MAGNET, Capability.GET)
    transfer_id = await stage.submit()
    in_words(stage, WANDERING)
    looks = await looked_at(stage, transfer_id)
    assert {look.state for look in looks} == {TransferState.UNKNOWN}
    assert any(WANDERING in look.detail for look in looks)


@pytest.mark.parametrize("end", [TransferState.READY, TransferState.FAILED])
async def test_progress(stage: Stage, end: TransferState) -> None:
    """Progress is within 0 to 1 and never backwards."""
    stage.need(Capability.MAGNET, Capability.GET)
    transfer_id = await stage.submit(seconds_to_ready=8, dies=end is TransferState.FAILED)
    looks = await stage.drive(transfer_id, TransferState.READY, TransferState.FAILED)
    assert looks[-1].state is end
    figures = [look.progress for look in looks]
    assert all(isinstance(figure, float) and 0.0 <= figure <= 1.0 for figure in figures)
    assert figures == sorted(figures)
    assert TransferState.UNKNOWN not in {look.state for look in looks}
    assert any(0.0 < figure < 1.0 for figure in figures) is stage.case.tells_progress
    if end is TransferState.READY:
        assert figures[-1] == 1.0


async def test_transfer_facts(stage: Stage) -> None:
    """A ready transfer tells name, size and, in a single look or a listing, the same."""
    stage.need(Capability.MAGNET, Capability.GET)
    transfer_id = await stage.ready(name="Harbour Lights")
    for look in await looked_at(stage, transfer_id):
        assert look.id == transfer_id
        assert look.state is TransferState.READY
        assert look.name == "Harbour Lights"
        assert look.size in {70_900, None}
        assert look.added_at is None or look.added_at.tzinfo is not None


async def test_stalled_goes_on(stage: Stage) -> None:
    """A transfer that does not move is not over."""
    stage.need(Capability.MAGNET, Capability.GET)
    transfer_id = await stage.submit(seconds_to_ready=1e7)
    for _ in range(3):
        await stage.sandbox.advance(3600)
        assert not (await stage.adapter.get(transfer_id)).state.over


async def test_missing(stage: Stage) -> None:
    """A transfer that was removed is missing, for every operation."""
    stage.need(Capability.MAGNET, Capability.REMOVE)
    transfer_id = await stage.ready()
    locator = await stage.locator(transfer_id) if stage.case.adapter.can(Capability.LINK) else ""
    await stage.adapter.remove(transfer_id)
    assert await stage.truth() == []
    for capability in (Capability.GET, Capability.FILES, Capability.SELECT):
        if stage.case.adapter.can(capability):
            with pytest.raises(TransferMissing) as caught:
                await getattr(stage.adapter, capability)(transfer_id)
            assert caught.value.provider == stage.name
    if locator:
        with pytest.raises(stage.case.dead_link):
            await stage.adapter.link(locator)


@pytest.mark.parametrize("transfer_id", ["", "no such id", "../../etc/passwd", "a?b=c&d#e", "1" * 300, "-1", "\u00e9"])
async def test_nonsense_id(stage: Stage, transfer_id: str) -> None:
    """An id that is none is missing, and never another call."""
    for capability in (Capability.GET, Capability.FILES, Capability.SELECT):
        if stage.case.adapter.can(capability):
            with pytest.raises(TransferMissing):
                await getattr(stage.adapter, capability)(transfer_id)
    if stage.case.adapter.can(Capability.REMOVE):
        kept = await stage.ready()
        await stage.adapter.remove(transfer_id)
        assert len(await stage.truth()) == 1, kept


async def test_remove_twice(stage: Stage) -> None:
    """Removing twice is fine, and removes nothing else."""
    stage.need(Capability.REMOVE)
    other = await stage.ready()
    transfer_id = await stage.ready()
    await stage.adapter.remove(transfer_id)
    await stage.adapter.remove(transfer_id)
    assert (await stage.adapter.get(other)).state is TransferState.READY
    assert len(await stage.truth()) == 1


async def test_two_accounts(stage: Stage) -> None:
    """Two accounts never see each other's transfers."""
    stage.need(Capability.MAGNET, Capability.LIST, Capability.GET)
    mine = await stage.ready()
    other = stage.open(OTHER_TOKEN)
    cursor = None
    while True:
        page = await other.list_page(cursor)
        assert page.transfers == ()
        cursor = page.next_cursor
        if cursor is None:
            break
    for capability in (Capability.GET, Capability.FILES):
        if other.can(capability):
            with pytest.raises((TransferMissing, TransferNotReady)):
                await getattr(other, capability)(mine)
    if other.can(Capability.REMOVE):
        await other.remove(mine)
        assert len(await stage.truth()) == 1
