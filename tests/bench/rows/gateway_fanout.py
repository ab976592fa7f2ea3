"""What the gateway adds to the slowest of three providers, at a steady rate of calls."""

import asyncio
import contextlib
import re
import statistics
import time
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence

import uvloop
from tests.bench.gateway import Gateway, gateway
from tests.bench.harness import Measure, Metric, Row

_RATE = 300
_SECONDS = 10.0
_TOKENS = 300
"""Accounts at each provider, used in turn: the published limits of one account end far below this rate."""
_LATENCY = 0.05
_SLUGS = {"torbox": "torbox", "premiumize": "premiumize", "real_debrid": "realdebrid"}
_PATHS = {
    "torbox": "/torbox/v1/api/user/me",
    "premiumize": "/premiumize/api/account/info",
    "real_debrid": "/realdebrid/rest/1.0/user",
}

_OWN = re.compile(rb"own;dur=([0-9.]+)")

_Exchange = Callable[[int], Awaitable[None]]


@contextlib.contextmanager
def _through() -> Iterator[Measure]:
    with _furnished() as made:
        head = "GET", "/canonical/account", ", ".join(_SLUGS)
        requests = [made.direct_request(*head, ", ".join([_token(n)] * len(_SLUGS))) for n in range(_TOKENS)]

        def measure() -> Mapping[str, float]:
            before = made.cpu_seconds()
            own: list[float] = []
            found = _run(lambda pools: _gateway_exchange(pools, made.port, requests, own))
            cpu = (made.cpu_seconds() - before) * 1000 / (_RATE * _SECONDS)
            return {**found, "own": statistics.median(own), "cpu": cpu}

        yield measure


@contextlib.contextmanager
def _alone() -> Iterator[Measure]:
    with _furnished() as made:
        port = int(made.sandbox.rpartition(":")[2])
        requests = [[_provider_request(path, _token(n)) for path in _PATHS.values()] for n in range(_TOKENS)]
        yield lambda: _run(lambda pools: _provider_exchange(pools, port, requests))


@contextlib.contextmanager
def _furnished() -> Iterator[Gateway]:
    with gateway(users=0, providers=()) as made:
        for provider in _SLUGS.values():
            slow = {"provider": provider, "call": "*", "fault": "slow", "times": 10_000_000, "seconds": _LATENCY}
            made.control("faults", slow)
        yield made


def _token(number: int) -> str:
    return f"sandbox-bench-{number}"


def _provider_request(path: str, token: str) -> bytes:
    return f"GET {path} HTTP/1.1\r\nHost: bench\r\nAuthorization: Bearer {token}\r\n\r\n".encode()


class _Pool:
    """Kept-alive connections to one port; one is opened whenever none is free."""

    def __init__(self, port: int) -> None:
        self._port = port
        self._free: list[tuple[asyncio.StreamReader, asyncio.StreamWriter]] = []

    async def exchange(self, request: bytes) -> tuple[bytes, bytes]:
        """Sends a request and reads its answer: head and body."""
        if self._free:
            reader, writer = self._free.pop()
        else:
            reader, writer = await asyncio.open_connection("127.0.0.1", self._port)
        writer.write(request)
        head = await reader.readuntil(b"\r\n\r\n")
        length = int(head.lower().partition(b"content-length: ")[2].partition(b"\r\n")[0])
        body = await reader.readexactly(length)
        self._free.append((reader, writer))
        if not head.startswith(b"HTTP/1.1 200 "):
            raise RuntimeError(head.decode("latin-1"))
        return head, body

    def close(self) -> None:
        """Closes what is free."""
        for _, writer in self._free:
            writer.close()


def _gateway_exchange(pools: list[_Pool], port: int, requests: Sequence[bytes], own: list[float]) -> _Exchange:
    pool = _Pool(port)
    pools.append(pool)

    async def exchange(number: int) -> None:
        head, body = await pool.exchange(requests[number % _TOKENS])
        told = _OWN.search(head)
        if b'"failed":0' not in body or told is None:
            raise RuntimeError(body.decode())
        own.append(float(told[1]))

    return exchange


def _provider_exchange(pools: list[_Pool], port: int, requests: Sequence[Sequence[bytes]]) -> _Exchange:
    pool = _Pool(port)
    pools.append(pool)

    async def exchange(number: int) -> None:
        await asyncio.gather(*(pool.exchange(request) for request in requests[number % _TOKENS]))

    return exchange


def _run(make: Callable[[list[_Pool]], _Exchange]) -> Mapping[str, float]:
    return uvloop.run(_measure(make))


async def _measure(make: Callable[[list[_Pool]], _Exchange]) -> Mapping[str, float]:
    """Sends at the rate whatever comes back, and takes the time from when each should have been sent."""
    pools: list[_Pool] = []
    exchange = make(pools)
    took: list[float] = []
    failed = 0

    async def one(number: int, due: float) -> None:
        nonlocal failed
        try:
            await exchange(number)
        except (OSError, EOFError, RuntimeError):
            failed += 1
        took.append((time.perf_counter() - due) * 1000)

    began = time.perf_counter() + 0.1
    calls = []
    for number in range(int(_RATE * _SECONDS)):
        due = began + number / _RATE
        await asyncio.sleep(max(0.0, due - time.perf_counter()))
        calls.append(asyncio.create_task(one(number, due)))
    await asyncio.gather(*calls)
    for pool in pools:
        pool.close()
    steps = statistics.quantiles(took, n=100)
    return {"p50": steps[49], "p99": steps[98], "failed": failed}


def _within(most: float) -> Callable[[Mapping[str, float], float | None], bool]:
    return lambda medians, _: medians["through the gateway"] - medians["asked directly"] <= most


ROW = Row(
    name=f"gateway: {_RATE} calls a second to three sandboxed providers, one core",
    how=f"GET /canonical/account at {', '.join(_SLUGS)}, each of which takes {_LATENCY * 1000:.0f} ms, for "
    f"{_SECONDS:.0f} s with {_TOKENS} accounts in turn (direct mode, with the ledger); the other side asks the three "
    "itself at the same rate; the process that answers has one core, sandbox, database and client share the other; "
    "'own' is what the gateway's Server-Timing says: from the head to the answer, less the time in which providers and "
    "their turns in the ledger were waited for (median)",
    metrics=(
        Metric("p50", "ms", "at most 2 ms more than the slowest provider", _within(2.0)),
        Metric("p99", "ms", "at most 13 ms more than the slowest provider", _within(13.0)),
        Metric("own", "ms a call"),
        Metric("cpu", "ms a call"),
        Metric("failed", "calls", "none", lambda medians, _: not any(medians.values())),
    ),
    sides={"through the gateway": _through, "asked directly": _alone},
)
