"""Adapters behind the account ledger: every call takes a turn first, identical reads in flight are one.

A paced adapter is an honest one: its class overrides exactly what the adapter's class overrides, so its capabilities
are computed as everybody's are. Nothing is tried twice here.
"""

from collections.abc import Awaitable, Callable, Coroutine, Sequence
from dataclasses import dataclass
from functools import cache, partial, wraps
from typing import Any, Final, cast

from sluicegate.core.accounts import Credential
from sluicegate.core.availability import Availability
from sluicegate.core.manifest import Manifest
from sluicegate.core.pacing import Priority
from sluicegate.core.provider import Capability, Provider
from sluicegate.net.flights import Flights
from sluicegate.net.pacing import Pacing

__all__ = ["Pacer", "paced_kind"]

_READS: Final = frozenset(
    {
        Capability.ACCOUNT,
        Capability.LIST,
        Capability.GET,
        Capability.FILES,
        Capability.LINK,
        Capability.UNLOCK,
        Capability.HOSTERS,
    }
)
"""Calls that change nothing at the provider, so that two that are alike may share one answer."""

_Operation = Callable[..., Coroutine[Any, Any, Any]]


@dataclass(frozen=True, slots=True)
class Pacer:
    """What all paced adapters of a process share."""

    pacing: Pacing
    flights: Flights

    def pace(self, adapter: Provider, manifest: Manifest, credential: Credential, priority: Priority) -> Provider:
        """The adapter, with every call spent through the ledger of the credential's account."""
        return paced_kind(type(adapter), manifest.poll_seconds)(adapter, manifest, credential, priority, self)


class _Paced(Provider):
    """What paced adapters of every kind have in common; by itself it has no operation."""

    def __init__(
        self, adapter: Provider, manifest: Manifest, credential: Credential, priority: Priority, pacer: Pacer
    ) -> None:
        self._adapter = adapter
        self._limits = manifest.limits
        self._account = credential.account_id
        self._priority = priority
        self._pacer = pacer
        self._flying = 0
        self._closed = False

    async def aclose(self) -> None:
        """Closes the adapter; while somebody else still waits for one of its reads, that read does it at its end."""
        self._closed = True
        if not self._flying:
            await self._adapter.aclose()

    async def call(self, name: str, make: Callable[[], Awaitable[Any]]) -> Any:  # noqa: ANN401 - as the operation
        """Makes one call when its turn comes."""
        turn = self._pacer.pacing.turn(
            self._account, self._limits, calls=name, priority=self._priority, provider=self.name
        )
        async with turn:
            return await make()

    async def read(self, name: str, arguments: tuple[object, ...], make: Callable[[], Awaitable[Any]]) -> Any:  # noqa: ANN401 - as ``call``
        """As ``call``, shared with those who ask the same at the same priority while it is in flight."""
        key = (self._account, self._priority, name, arguments)
        return await self._pacer.flights.join(key, self._fly(name, make))

    async def _fly(self, name: str, make: Callable[[], Awaitable[Any]]) -> Any:  # noqa: ANN401 - as ``call``
        self._flying += 1
        try:
            return await self.call(name, make)
        finally:
            self._flying -= 1
            if self._closed and not self._flying:
                await self._adapter.aclose()


@cache
def paced_kind(kind: type[Provider], poll_seconds: float) -> type[_Paced]:
    """The paced class of an adapter's class."""
    facts = {
        "name": kind.name,
        "hashes_per_check": kind.hashes_per_check,
        "addressed_links": kind.addressed_links,
        "poll_seconds": poll_seconds,
        "__doc__": f"{kind.__name__}, paced.",
        "__module__": __name__,
    }
    operations = {capability.value: _operation(capability) for capability in kind.capabilities()}
    return cast("type[_Paced]", type(f"Paced{kind.__name__}", (_Paced,), facts | operations))


def _operation(capability: Capability) -> _Operation:
    if capability is Capability.AVAILABILITY:
        return _availability
    name = capability.value

    @wraps(getattr(Provider, name))
    async def operation(self: _Paced, *arguments: object, **options: object) -> object:
        def make() -> Awaitable[Any]:
            return cast("Awaitable[Any]", getattr(self._adapter, name)(*arguments, **options))

        if capability in _READS:
            return await self.read(name, (*arguments, *sorted(options.items())), make)
        return await self.call(name, make)

    return operation


async def _availability(self: _Paced, hashes: Sequence[str]) -> tuple[Availability, ...]:
    """One turn for each request: the adapter would split a larger batch without asking."""
    answers: list[Availability] = []
    for start in range(0, len(hashes), self.hashes_per_check):
        batch = tuple(hashes[start : start + self.hashes_per_check])
        answers += await self.read("availability", batch, partial(self._adapter.availability, batch))
    return tuple(answers)
