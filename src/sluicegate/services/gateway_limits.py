"""Rate limits that all processes share, at the cost of one small statement a second.

Each process counts for itself and adds its counts to the shared ones every second or so; what the others have counted
comes back with the same statement. A limit may be overrun by what comes within that second, which is the price.
"""

import ipaddress
import logging
import time
from collections import defaultdict
from dataclasses import dataclass
from functools import lru_cache
from typing import Final

from sluicegate.core.errors import SluicegateError
from sluicegate.core.gateway import GatewayRefused, ProblemCode
from sluicegate.core.ports import UnitOfWorkFactory

__all__ = ["GatewayLimits", "RateAllowance"]

_log: Final = logging.getLogger(__name__)
_WINDOW_SECONDS: Final = 60
_BUCKETS_MAX: Final = 100_000


@dataclass(frozen=True, slots=True)
class RateAllowance:
    """Calls a minute; 0 means no limit.

    Attributes:
        stranger: refused credentials per address.
        address: calls per address. All users of an add-on share its server's address, so it is generous.
        addon: calls per add-on.
        key: calls per proxy key or, in direct mode, per set of tokens.
    """

    stranger: int = 300
    address: int = 60_000
    addon: int = 60_000
    key: int = 3_000


class GatewayLimits:
    """Counts calls in windows of a minute."""

    def __init__(self, transactions: UnitOfWorkFactory, allowance: RateAllowance) -> None:
        self._transactions = transactions
        self._allowance = allowance
        self._window = 0
        self._shared: dict[str, int] = {}
        self._own: defaultdict[str, int] = defaultdict(int)

    def address(self, address: str) -> None:
        """Counts a call from an address. Raises GatewayRefused (``rg.rate_limited``), as the others do."""
        self._count(f"address:{_network(address)}", self._allowance.address)

    def stranger(self, address: str) -> None:
        """Counts refused credentials."""
        self._count(f"stranger:{_network(address)}", self._allowance.stranger)

    def addon(self, slug: str) -> None:
        """Counts a call of a proven add-on."""
        self._count(f"addon:{slug}", self._allowance.addon)

    def key(self, key: str) -> None:
        """Counts a call with a credential; ``key`` is its id, not the credential."""
        self._count(f"key:{key}", self._allowance.key)

    async def flush(self) -> None:
        """Adds this process's counts to the shared ones and learns where they stand."""
        window, own = self._window, dict(self._own)
        if not own:
            return
        self._own.clear()
        try:
            async with self._transactions() as tx:
                shared = await tx.rates.add(window, own)
                await tx.rates.forget(window - 2)
        except SluicegateError as error:
            _log.warning("counts of rate limits could not be shared: %s", error.detail)
            shared = {bucket: self._shared.get(bucket, 0) + count for bucket, count in own.items()}
        if window == self._window:
            self._shared |= shared

    def _count(self, bucket: str, allowed: int) -> None:
        if not allowed:
            return
        window = int(time.time()) // _WINDOW_SECONDS
        if window != self._window:
            self._window = window
            self._shared.clear()
            self._own.clear()
        if bucket in self._own or len(self._own) < _BUCKETS_MAX:
            self._own[bucket] += 1
        if self._shared.get(bucket, 0) + self._own.get(bucket, 0) > allowed:
            raise GatewayRefused(ProblemCode.RATE_LIMITED, "Too many requests; wait a minute.")


@lru_cache(4096)
def _network(address: str) -> str:
    try:
        found = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        return address[:64]
    if isinstance(found, ipaddress.IPv6Address) and found.ipv4_mapped is None:
        return str(ipaddress.ip_network((found, 64), strict=False))
    return str(getattr(found, "ipv4_mapped", None) or found)
