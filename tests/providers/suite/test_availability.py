"""Availability: yes, no, unknown, and never a guess."""

import pytest
from tests.providers.suite.stage import Stage

from sluicegate.core.errors import InvalidInput, UpstreamError
from sluicegate.core.provider import Capability


async def test_three_values(stage: Stage) -> None:
    """Cached and not cached are told apart, one answer per hash, in order."""
    stage.need(Capability.AVAILABILITY)
    cached = await stage.magnet(cached_on=[stage.name])
    absent = await stage.magnet()
    hashes = [absent.info_hash, cached.info_hash, "b" * 40]
    found = await stage.adapter.availability(hashes)
    assert [one.info_hash for one in found] == hashes
    assert [one.cached for one in found] == [stage.case.uncached, True, stage.case.uncached]
    assert {one.origin for one in found} == {"provider"}


async def test_spellings(stage: Stage) -> None:
    """Hashes are normalised, repeated ones answered twice, none asked nothing."""
    stage.need(Capability.AVAILABILITY)
    cached = await stage.magnet(cached_on=[stage.name])
    found = await stage.adapter.availability([cached.info_hash.upper(), cached.info_hash])
    assert [(one.info_hash, one.cached) for one in found] == [(cached.info_hash, True)] * 2
    before = len(await stage.calls())
    assert await stage.adapter.availability([]) == ()
    for bad in ("", "zz", "a" * 41):
        with pytest.raises(InvalidInput):
            await stage.adapter.availability([cached.info_hash, bad])
    assert len(await stage.calls()) == before


async def test_batches(stage: Stage) -> None:
    """A batch that is too large is split, in order."""
    stage.need(Capability.AVAILABILITY)
    assert stage.case.adapter.hashes_per_check > 0
    hashes = [(await stage.magnet(cached_on=[stage.name] if n % 2 else [])).info_hash for n in range(7)]
    before = len(await stage.calls())
    found = await stage.open(hashes_per_check=3).availability(hashes)
    assert [one.info_hash for one in found] == hashes
    assert [one.cached for one in found] == [True if n % 2 else stage.case.uncached for n in range(7)]
    assert len(await stage.calls()) - before == 3


@pytest.mark.parametrize("fault", ["reset", "cut", "html", "doubled", "server_error", "rate_limited", "gone"])
async def test_fault_is_not_no(stage: Stage, fault: str) -> None:
    """A fault is an error, never "not cached", also in the last of several batches."""
    stage.need(Capability.AVAILABILITY)
    await stage.fault(fault, times=1)
    with pytest.raises(UpstreamError):
        await stage.open(hashes_per_check=2).availability(["c" * 40, "d" * 40, "e" * 40])
