"""How adapters behave on the wire: requests, cancellation, closing."""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

import pytest
from tests.providers.suite.interposer import Sent
from tests.providers.suite.stage import Stage

from sluicegate.core.provider import Capability

_INSIDE: ContextVar[bool] = ContextVar("inside", default=False)


async def test_one_request(stage: Stage, claimed: Capability) -> None:
    """Exactly one request per call, unless documented, read from the tap."""
    call = await stage.prepared(claimed)
    before = len(await stage.calls())
    await call()
    calls = (await stage.calls())[before:]
    assert len(calls) == stage.case.requests.get(claimed, 1), calls


async def test_failed_call_is_not_repeated(stage: Stage, claimed: Capability) -> None:
    """A call that fails is not made again."""
    call = await stage.prepared(claimed)
    before = len(await stage.calls())
    await stage.fault("server_error", times=50)
    with pytest.raises(stage.case.error_of("server_error", claimed)):
        await call()
    assert len((await stage.calls())[before:]) == 1


async def test_cancelled(stage: Stage, claimed: Capability) -> None:
    """Cancellation leaves no task and no connection."""
    call = await stage.prepared(claimed, stage.through())
    reached, forever = asyncio.Event(), asyncio.Event()

    async def hold(_: Sent) -> None:
        reached.set()
        await forever.wait()

    stage.interposer.script = hold
    try:
        with _recorded_tasks() as made:
            inside = _INSIDE.set(True)  # a task takes along what holds where it is made
            running = asyncio.ensure_future(call())
            _INSIDE.reset(inside)
            async with asyncio.timeout(30):
                await reached.wait()
            running.cancel()
            with pytest.raises(asyncio.CancelledError):
                await running
        assert running in made
        assert [task for task in made if not task.done()] == []
    finally:
        forever.set()
    async with asyncio.timeout(30):
        while stage.interposer.open:
            await asyncio.sleep(0)


@contextmanager
def _recorded_tasks() -> Iterator[list[asyncio.Task[Any]]]:
    """The tasks that are made where ``_INSIDE`` holds, whatever else runs in the process meanwhile."""
    made: list[asyncio.Task[Any]] = []

    def make(loop: asyncio.AbstractEventLoop, work: Any, **options: Any) -> asyncio.Task[Any]:
        task = asyncio.Task(work, loop=loop, **options)
        if _INSIDE.get():
            made.append(task)
        return task

    loop = asyncio.get_running_loop()
    before = loop.get_task_factory()
    loop.set_task_factory(make)
    try:
        yield made
    finally:
        loop.set_task_factory(before)


async def test_closing(stage: Stage) -> None:
    """Closing twice is fine, and leaves the shared client to the others."""
    other = stage.open()
    await stage.adapter.aclose()
    await stage.adapter.aclose()
    assert (await other.account()).id


async def test_base_url_of_credential(stage: Stage) -> None:
    """The account's own base URL wins over the published one."""
    from sluicegate.core.accounts import Credential
    from sluicegate.core.secrets import Secret

    url = stage.interposer.url + stage.case.base_path
    made: object = stage.case.adapter
    for address in (url, f"{url}/"):
        adapter = made(stage.http, Credential("a", Secret("sandbox-suite"), base_url=address))  # type: ignore[operator]
        assert (await adapter.account()).id
    plain, with_slash = stage.interposer.sent
    assert plain.target == with_slash.target


async def test_account_proxy(stage: Stage, claimed: Capability) -> None:
    """Every request of an account with an egress proxy goes through that proxy."""
    call = await stage.prepared(claimed, stage.open(proxy=stage.interposer.url))
    before = len(await stage.calls())
    await call()
    assert len(await stage.calls()) - before == len(stage.interposer.sent)
    assert all(sent.target.startswith("http://") for sent in stage.interposer.sent)
