"""Every injected fault becomes the expected error, with the right advice and wait."""

from collections.abc import AsyncIterator

import pytest
from tests.providers.suite.case import FAULT_CALLS
from tests.providers.suite.stage import Call, Stage

from sluicegate.core.errors import (
    ConnectionFailed,
    ProtocolError,
    Retry,
    UpstreamError,
    UpstreamTimeout,
    UpstreamUnavailable,
)
from sluicegate.core.provider import Capability
from sluicegate.net.http import Http

WORDED = ("rate_limited", "server_error", "bad_token", "gone")
SPECIAL = tuple(FAULT_CALLS)
WIRE = {
    "reset": ConnectionFailed,
    "cut": ProtocolError,
    "doubled": ProtocolError,
    "html": ProtocolError,
    "hang": UpstreamTimeout,
}


class Impatient(Http):
    """The real client with a shorter patience."""

    async def request(self, method: str, url: str, **options: object):  # type: ignore[no-untyped-def, override]
        return await super().request(method, url, **(options | {"timeout": 0.15}))  # type: ignore[arg-type]


@pytest.fixture
async def impatient(http: Http) -> AsyncIterator[Http]:
    client = Impatient(http.egress)
    yield client
    await client.aclose()


async def failing(stage: Stage, call: Call) -> UpstreamError:
    """The error of an operation whose faults are ordered."""
    with pytest.raises(UpstreamError) as caught:
        await call()
    assert caught.value.provider == stage.name
    assert caught.value.detail
    assert caught.value.action
    return caught.value


@pytest.mark.parametrize("fault", WORDED)
async def test_worded_fault(stage: Stage, claimed: Capability, fault: str) -> None:
    """The provider's own error answers become the expected errors in every operation."""
    if fault in stage.case.lacking_faults:
        pytest.skip(f"{stage.name} has no '{fault}'")
    call = await stage.prepared(claimed)
    await stage.fault(fault, times=9)
    error = await failing(stage, call)
    assert isinstance(error, stage.case.error_of(fault, claimed)), type(error)
    assert error.upstream_code
    expected = {"bad_token": Retry.AFTER_CHANGE, "gone": Retry.NEVER}.get(fault, Retry.LATER)
    assert error.retry is expected
    await stage.no_faults()


@pytest.mark.parametrize("fault", SPECIAL)
async def test_special_fault(stage: Stage, fault: str) -> None:
    """Quota, full slots and dead links become the expected errors."""
    capability = FAULT_CALLS[fault]
    stage.need(capability)
    if fault in stage.case.lacking_faults:
        pytest.skip(f"{stage.name} has no '{fault}'")
    call = await stage.prepared(capability)
    await stage.fault(fault, times=9)
    error = await failing(stage, call)
    assert isinstance(error, stage.case.error_of(fault, capability)), type(error)
    assert error.upstream_code


@pytest.mark.parametrize("seconds", [0, 7])
async def test_wait(stage: Stage, seconds: int) -> None:
    """The wait that comes with a rate limit is told, and none is made up."""
    call = await stage.prepared(Capability.ACCOUNT)
    await stage.fault("rate_limited", times=1, seconds=seconds)
    error = await failing(stage, call)
    if seconds and stage.case.rate_wait:
        assert error.retry_after is not None
        assert error.retry_after == pytest.approx(seconds, abs=1)
    elif not seconds:
        assert error.retry_after is None or error.retry_after == stage.case.default_wait


@pytest.mark.parametrize("fault", list(WIRE))
async def test_wire_fault(stage: Stage, claimed: Capability, fault: str, impatient: Http) -> None:
    """What breaks on the wire becomes a transport or protocol error in every operation."""
    adapter = stage.open(http=impatient) if fault == "hang" else stage.adapter
    call = await stage.prepared(claimed, adapter)
    if fault == "doubled" and claimed in stage.case.bodiless | stage.case.empty_answers:
        return
    await stage.fault(fault, times=9)
    error = await failing(stage, call)
    assert isinstance(error, WIRE[fault]), type(error)
    assert error.retry is Retry.LATER
    await stage.no_faults()
    await call()


@pytest.mark.parametrize("status", [500, 502, 503, 520])
async def test_proxy_page(stage: Stage, claimed: Capability, status: int) -> None:
    """A proxy's page with a 5xx status means that the provider is unavailable."""
    call = await stage.prepared(claimed)
    await stage.fault("html", times=9, status=status)
    error = await failing(stage, call)
    expected = stage.case.page_errors.get(status, (UpstreamUnavailable, ProtocolError))
    assert isinstance(error, expected), type(error)
    assert error.retry is Retry.LATER


@pytest.mark.parametrize("status", [400, 403, 404, 409, 451])
async def test_strangers_page(stage: Stage, claimed: Capability, status: int) -> None:
    """A page that is not the provider's never ends a transfer or an account: it is tried again."""
    call = await stage.prepared(claimed)
    await stage.fault("html", times=9, status=status)
    error = await failing(stage, call)
    assert error.retry is Retry.LATER, type(error)


async def test_slow_is_fine(stage: Stage) -> None:
    """A slow answer is an answer."""
    await stage.fault("slow", times=1, seconds=0.2)
    assert (await stage.adapter.account()).id
