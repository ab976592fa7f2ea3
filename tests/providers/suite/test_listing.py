"""Listings: nothing lost, nothing twice, and an error rather than a part."""

import pytest
from tests.providers.suite.stage import Stage

from sluicegate.core.errors import UpstreamError
from sluicegate.core.provider import Capability, Provider
from sluicegate.core.transfers import Transfer

PAGES_MAX = 40


async def everything(adapter: Provider) -> list[Transfer]:
    found: list[Transfer] = []
    cursor = None
    for _ in range(PAGES_MAX):
        page = await adapter.list_page(cursor)
        found += page.transfers
        cursor = page.next_cursor
        if cursor is None:
            return found
    raise AssertionError("the listing never ends")


@pytest.mark.parametrize(("pages", "more"), [(0, 0), (0, 1), (1, -1), (1, 0), (1, 1), (4, 3)])
async def test_listing(stage: Stage, pages: int, more: int) -> None:
    """A listing of 0, 1, page-1, page, page+1 and many loses and repeats nothing."""
    stage.need(Capability.LIST, Capability.MAGNET)
    await stage.unlimited()
    small = stage.case.small_page
    made = [await stage.submit() for _ in range(pages * small + more)]
    adapter = stage.open(page_size=small) if stage.case.page_size else stage.adapter
    found = [transfer.id for transfer in await everything(adapter)]
    assert sorted(found) == sorted(made)


async def test_listing_as_is(stage: Stage) -> None:
    """With the adapter's own page size, too, and a second listing says the same."""
    stage.need(Capability.LIST, Capability.MAGNET)
    made = [await stage.submit() for _ in range(3)]
    for _ in range(2):
        assert sorted(one.id for one in await everything(stage.adapter)) == sorted(made)


async def test_page_two_fails(stage: Stage) -> None:
    """An error on page two raises."""
    stage.need(Capability.LIST, Capability.MAGNET)
    if stage.case.page_size is None:
        pytest.skip(f"{stage.name} has no 'paging': it lists everything in one answer")
    await stage.unlimited()
    small = stage.case.small_page
    for _ in range(small + 1):
        await stage.submit()
    adapter = stage.open(page_size=small)
    first = await adapter.list_page()
    assert len(first.transfers) == small
    assert first.next_cursor is not None
    for fault in ("server_error", "reset", "cut", "html"):
        await stage.fault(fault, times=1)
        with pytest.raises(UpstreamError):
            await adapter.list_page(first.next_cursor)
    assert len((await adapter.list_page(first.next_cursor)).transfers) == 1


async def test_one_hostile_torrent(stage: Stage) -> None:
    """Hostile file names of one transfer do not hide the others."""
    stage.need(Capability.LIST, Capability.MAGNET)
    hostile = await stage.ready(name="../..", files=[{"path": "../../etc/passwd", "size": 5}])
    plain = await stage.ready()
    assert {one.id for one in await everything(stage.adapter)} == {hostile, plain}
