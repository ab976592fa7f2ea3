"""What an adapter and our HTTP client add to a call: against the same request by the bare HTTP library."""

import asyncio
import contextlib
import statistics
import subprocess
import sys
import time
from collections.abc import Awaitable, Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import aiohttp
from tests.bench.harness import Measure, Metric, Row

from sluicegate.core.accounts import Credential
from sluicegate.core.magnets import parse_info_hash
from sluicegate.core.secrets import Secret
from sluicegate.net.egress import Egress, EgressPolicy
from sluicegate.net.http import Answer, Http
from sluicegate.wiring.providers import REMOTE, provider_registry

_CALLS = 150
_TOKEN = "sandbox-bench"
_TRANSFERS = 20


class _Recording(Http):
    """Remembers the last request, so that the bare library can repeat it."""

    last: tuple[str, str, dict[str, Any]]

    async def request(self, method: str, url: str, **options: Any) -> Answer:
        self.last = (method, url, options)
        return await super().request(method, url, **options)


@contextlib.contextmanager
def _side() -> Iterator[Measure]:
    command = str(Path(sys.executable).parent / "sluicegate")
    process = subprocess.Popen([command, "sandbox", "--port", "0"], stdout=subprocess.PIPE, text=True)
    try:
        assert process.stdout is not None
        sandbox = process.stdout.readline().split()[1]
        yield lambda: asyncio.run(_measure(sandbox))
    finally:
        process.terminate()
        process.wait(20)


async def _measure(sandbox: str) -> Mapping[str, float]:
    egress = Egress(EgressPolicy.parse("127.0.0.0/8"))
    http = _Recording(egress)
    async with aiohttp.ClientSession() as bare:
        await bare.post(f"{sandbox}/_control/limits", json={"provider": "*", "enabled": False})
        overheads = [await _overheads(kind.name, sandbox, http, bare) for kind in REMOTE if kind.name != "stremthru"]
    await http.aclose()
    egress.close()
    return {name: max(each[name] for each in overheads) for name in overheads[0]}


async def _overheads(name: str, sandbox: str, http: _Recording, bare: aiohttp.ClientSession) -> dict[str, float]:
    """Milliseconds that the adapter adds to asking about one transfer, and to listing twenty."""
    providers = provider_registry(http, sandbox=sandbox)
    async with providers.open(name, Credential(f"bench-{name}", Secret(_TOKEN))) as adapter:
        made = [await adapter.submit_magnet(parse_info_hash(f"{n + 1:040x}")) for n in range(_TRANSFERS)]
        return {
            "one": await _overhead(lambda: adapter.get(made[-1].transfer_id), http, bare),
            "twenty": await _overhead(adapter.list_page, http, bare),
        }


async def _overhead(call: Callable[[], Awaitable[object]], http: _Recording, bare: aiohttp.ClientSession) -> float:
    """Median of a call that ends in core values, less the median of its request alone."""
    ours, alone = [], []
    for _ in range(_CALLS):
        started = time.perf_counter()
        await call()
        ours.append(time.perf_counter() - started)
        method, url, options = http.last
        started = time.perf_counter()
        async with bare.request(
            method,
            url,
            headers=dict(options.get("headers", ())),
            params=options.get("params"),
            data=options.get("form"),
            json=options.get("json"),
        ) as answer:
            await answer.read()
        alone.append(time.perf_counter() - started)
    return (statistics.median(ours) - statistics.median(alone)) * 1000


ROW = Row(
    name="adapter overhead, the slowest of all adapters",
    how=f"asking about one transfer of {_TRANSFERS}, and listing all of them, as core values, less the same request by "
    f"the bare HTTP library, in turns; median of {_CALLS} calls each against the sandbox in its own process",
    metrics=(
        Metric("one", "ms", "under 1 ms", lambda medians, _: medians["sluicegate"] < 1.0),
        Metric("twenty", "ms"),
    ),
    sides={"sluicegate": _side},
    rounds=3,
)
