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
    """The real client with a patience that can be cut short."""

    patience: float = 30.0

    async def request(self, method: str, url: str, **options: object):  # type: ignore[no-untyped-def, override]
        return await super().request(method, url, **(options | {"timeout": self.patience}))  # type: ignore[arg-type]


@pytest.fixture(scope="session")
async def impatient(http: Http) -> AsyncIterator[Impatient]:
    """One for all: to make a client is to read every certificate authority of the system."""
    client = Impatient(http.egress)
    yield client
    await client.aclose()


async def failing(stage: Stage, call: Call, fault: str, **more: int) -> UpstreamError:
    """The error of an operation that meets a fault, which is taken back afterwards."""
    await stage.fault(fault, times=9, **more)
    try:
        result = await call()
    except UpstreamError as error:
        found = error
    else:
        pytest.fail(f"with '{fault}' {more or ''} the answer is {result}")
    await stage.no_faults()
    assert found.provider == stage.name
    assert found.detail
    assert found.action
    return found


async def test_worded_fault(stage: Stage, claimed: Capability) -> None:
    """The provider's own error answers become the expected errors in every operation."""
    call = await stage.prepared(claimed)
    for fault in sorted(set(WORDED) - stage.case.lacking_faults):
        error = await failing(stage, call, fault)
        assert isinstance(error, stage.case.error_of(fault, claimed)), (fault, type(error))
        assert error.upstream_code, fault
        expected = {"bad_token": Retry.AFTER_CHANGE, "gone": Retry.NEVER}.get(fault, Retry.LATER)
        assert error.retry is expected, fault


@pytest.mark.parametrize("fault", SPECIAL)
async def test_special_fault(stage: Stage, fault: str) -> None:
    """Quota, full slots and dead links become the expected errors."""
    capability = FAULT_CALLS[fault]
    stage.need(capability)
    if fault in stage.case.lacking_faults:
        pytest.skip(f"{stage.name} has no '{fault}'")
    error = await failing(stage, await stage.prepared(capability), fault)
    assert isinstance(error, stage.case.error_of(fault, capability)), type(error)
    assert error.upstream_code


@pytest.mark.parametrize("seconds", [0, 7])
async def test_wait(stage: Stage, seconds: int) -> None:
    """The wait that comes with a rate limit is told, and none is made up."""
    error = await failing(stage, await stage.prepared(Capability.ACCOUNT), "rate_limited", seconds=seconds)
    if seconds and stage.case.rate_wait:
        assert error.retry_after is not None
        assert error.retry_after == pytest.approx(seconds, abs=1)
    elif not seconds:
        assert error.retry_after is None or error.retry_after == stage.case.default_wait


async def test_wire_fault(stage: Stage, claimed: Capability, impatient: Impatient) -> None:
    """What breaks on the wire becomes a transport or protocol error in every operation."""
    adapter = stage.open(http=impatient)
    for fault, kind in WIRE.items():
        if fault == "doubled" and claimed in stage.case.bodiless | stage.case.empty_answers:
            continue
        await stage.sandbox.advance(100)  # what was handed in before is over, and forgotten by every limit
        call = await stage.prepared(claimed, adapter)  # anew: a broken answer does not mean that nothing was done
        impatient.patience = 0.05 if fault == "hang" else Impatient.patience
        error = await failing(stage, call, fault)
        impatient.patience = Impatient.patience
        assert isinstance(error, kind), (fault, type(error))
        assert error.retry is Retry.LATER, fault
        await call()


async def test_proxy_page(stage: Stage, claimed: Capability) -> None:
    """A proxy's page with a 5xx status means that the provider is unavailable."""
    call = await stage.prepared(claimed)
    for status in (500, 502, 503, 520):
        error = await failing(stage, call, "html", status=status)
        expected = stage.case.page_errors.get(status, (UpstreamUnavailable, ProtocolError))
        assert isinstance(error, expected), (status, type(error))
        assert error.retry is Retry.LATER, status


async def test_strangers_page(stage: Stage, claimed: Capability) -> None:
    """A page that is not the provider's never ends a transfer or an account: it is tried again."""
    call = await stage.prepared(claimed)
    for status in (400, 403, 404, 409, 451):
        error = await failing(stage, call, "html", status=status)
        assert error.retry is Retry.LATER, (status, type(error))


async def test_slow_is_fine(stage: Stage) -> None:
    """A slow answer is an answer."""
    await stage.fault("slow", times=1, seconds=0.1)
    assert (await stage.adapter.account()).id
