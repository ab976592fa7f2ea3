"""Hosts that misbehave: the file arrives whole and unmixed, or the reason why not is told in plain words."""

import resource
import time
from collections.abc import Iterator
from contextlib import contextmanager

from tests.providers.direct.host import Host, Request, some
from tests.providers.direct.waiting import MakeDirect, digest, failure, fetched, submit, until

from sluicegate.core.transfers import TransferState
from sluicegate.providers.direct.adapter import Direct

MIB = 1024 * 1024


async def test_broken_connections_go_on_at_the_byte_where_they_broke(direct: Direct) -> None:
    async with Host(some(3 * MIB), cut_after=300_000, cuts=5).serving() as host:
        assert await fetched(direct, host.url) == host.sha256
        assert host.sent <= len(host.content) + 5 * host.chunk + 1


async def test_a_host_without_ranges_that_breaks_is_asked_again_from_the_start(direct: Direct) -> None:
    async with Host(some(MIB), ranges=False, cut_after=500_000, cuts=2).serving() as host:
        assert await fetched(direct, host.url) == host.sha256


async def test_a_host_that_always_breaks_ends_in_a_failure(make_direct: MakeDirect) -> None:
    direct = await make_direct(attempts=4)
    async with Host(some(MIB), ranges=False, cut_after=500_000).serving() as host:
        assert "promised 1,048,576 bytes and broke off after 500,000" in await failure(direct, host.url)
        assert len(host.requests) == 1 + 4


async def test_a_wrong_content_length_is_a_failure_in_clear_words(make_direct: MakeDirect) -> None:
    direct = await make_direct(attempts=2)
    async with Host(some(1000), ranges=False, promised=5000).serving() as host:
        assert await failure(direct, host.url) == "The host promised 5,000 bytes and broke off after 1,000."


async def test_an_endless_body_stops_at_the_limit(make_direct: MakeDirect) -> None:
    direct = await make_direct(max_bytes=3 * MIB)
    async with Host(some(10), ranges=False, endless=True).serving() as host:
        assert "larger than the 3,145,728 bytes allowed" in await failure(direct, host.url)
        assert host.sent < 12 * MIB


async def test_a_file_that_changes_between_segments_is_fetched_anew_and_never_mixed(direct: Direct) -> None:
    old, new = some(2 * MIB), some(2 * MIB)
    host = Host(old, chunk_delay=0.005)

    def change(request: Request) -> None:
        if len(host.requests) == 3:
            host.content, host.etag = new, '"v2"'

    host.before = change
    async with host.serving():
        assert await fetched(direct, host.url) == host.sha256
    assert host.content == new


async def test_a_file_that_changes_while_the_connection_is_down_is_never_mixed_without_a_strong_etag(
    direct: Direct,
) -> None:
    new = some(2 * MIB)
    host = Host(some(2 * MIB), etag='W/"1"', cut_after=MIB, cuts=1)

    def change(request: Request) -> None:
        if len(host.requests) == 3:
            host.content, host.etag = new, 'W/"2"'

    host.before = change
    async with host.serving():
        assert await fetched(direct, host.url) == host.sha256


async def test_a_file_that_changes_with_every_answer_is_taken_in_one_go(direct: Direct) -> None:
    host = Host(some(2 * MIB))

    def change(request: Request) -> None:
        host.etag = f'"{len(host.requests)}"'

    host.before = change
    async with host.serving():
        assert await fetched(direct, host.url) == host.sha256


async def test_a_host_that_asks_to_wait_is_given_the_time(direct: Direct) -> None:
    async with Host(some(1000), statuses=[503, 429], extra={"Retry-After": "1"}).serving() as host:
        started = time.monotonic()
        transfer_id = await submit(direct, host.url)
        stalled = await until(direct, transfer_id, TransferState.STALLED)
        assert "Try 2 follows" in stalled.detail
        await until(direct, transfer_id, TransferState.READY)
        assert time.monotonic() - started >= 2
        assert await digest(direct, transfer_id) == host.sha256


async def test_a_file_that_vanishes_in_between_fails_at_once(direct: Direct) -> None:
    async with Host(some(1000), statuses=[410]).serving() as host:
        assert "no such file any more" in await failure(direct, host.url)
        assert len(host.requests) == 2


async def test_a_host_that_answers_another_range_is_not_believed(make_direct: MakeDirect) -> None:
    direct = await make_direct(attempts=2)
    host = Host(some(MIB), extra={})

    def lie(request: Request) -> None:
        if not request.is_probe:
            request.headers["range"] = "bytes=5-99"

    host.before = lie
    async with host.serving():
        assert "another range" in await failure(direct, host.url)


async def test_a_host_that_drips_is_called_stalled_and_can_be_cancelled(make_direct: MakeDirect) -> None:
    direct = await make_direct(stall_after=0.3)
    async with Host(some(2000), chunk=1, chunk_delay=0.05).serving() as host:
        transfer_id = await submit(direct, host.url)
        stalled = await until(direct, transfer_id, TransferState.STALLED)
        assert "less than 1,024 bytes per second" in stalled.detail
        await direct.remove(transfer_id)
        assert (await direct.list_page()).transfers == ()


async def test_silence_is_given_up_after_the_idle_time_and_tried_again(make_direct: MakeDirect) -> None:
    direct = await make_direct(idle_timeout=0.3)
    host = Host(some(100_000), chunk=50_000, chunk_delay=2.0)

    def recover(request: Request) -> None:
        if len(host.requests) > 2:
            host.chunk_delay = 0.0

    host.before = recover
    async with host.serving():
        assert await fetched(direct, host.url) == host.sha256


async def test_a_file_that_does_not_fit_waits_and_says_so(make_direct: MakeDirect) -> None:
    direct = await make_direct(disk_reserve=2**62)
    async with Host(some(1000)).serving() as host:
        transfer_id = await submit(direct, host.url)
        stalled = await until(direct, transfer_id, TransferState.STALLED)
        assert "The disk has no space for it: 1,000 bytes" in stalled.detail


async def test_a_disk_that_is_full_pauses_and_goes_on_when_there_is_room(direct: Direct) -> None:
    async with Host(some(MIB), chunk_delay=0.01).serving() as host:
        with writes_limited_to(600_000):
            transfer_id = await submit(direct, host.url)
            stalled = await until(direct, transfer_id, TransferState.STALLED)
            assert "The disk has no space left" in stalled.detail
        await until(direct, transfer_id, TransferState.READY)
        assert await digest(direct, transfer_id) == host.sha256


@contextmanager
def writes_limited_to(size: int) -> Iterator[None]:
    """Has the kernel refuse writes of this process beyond ``size`` bytes of a file: a full disk without a disk."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
