"""What an adapter and our HTTP client add to a call: against the same request by the bare HTTP library."""

import asyncio
import contextlib
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
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
        overheads = [await _overhead(kind.name, sandbox, http, bare) for kind in REMOTE if kind.name != "stremthru"]
    await http.aclose()
    egress.close()
    return {"overhead": max(overheads)}


async def _overhead(name: str, sandbox: str, http: _Recording, bare: aiohttp.ClientSession) -> float:
    """Median of a listing of twenty transfers as core values, less the median of the same request alone; ms."""
    providers = provider_registry(http, sandbox=sandbox)
    async with providers.open(name, Credential(f"bench-{name}", Secret(_TOKEN))) as adapter:
        for number in range(_TRANSFERS):
            await adapter.submit_magnet(parse_info_hash(f"{number + 1:040x}"))
        ours, alone = [], []
        for _ in range(_CALLS):
            started = time.perf_counter()
            await adapter.list_page()
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
    how=f"listing {_TRANSFERS} transfers as core values, less the same request by the bare HTTP library, in turns; "
    f"median of {_CALLS} calls each against the sandbox in its own process",
    metrics=(Metric("overhead", "ms", "under 1 ms", lambda medians, _: medians["sluicegate"] < 1.0),),
    sides={"sluicegate": _side},
    rounds=3,
)
