"""The egress guard: decides which addresses this installation may connect to, and resolves names under that rule.

Every outbound connection asks here. A name is resolved once, all answers are checked, and the caller connects to one of
exactly those addresses, so a name server that answers differently the second time (DNS rebinding) changes nothing.
Private networks are reachable only through an explicit allow-list of the operator.
"""

import asyncio
import logging
import re
import socket
import time
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import lru_cache
from ipaddress import ip_network
from typing import Final

from sluicegate.core.errors import ConnectionFailed, ForbiddenAddress, InvalidInput, UpstreamTimeout
from sluicegate.net.addresses import Address, Network, refusal
from sluicegate.net.targets import Target, literal, read_url

__all__ = ["Egress", "EgressPolicy", "Resolver", "SystemResolver"]

Resolver = Callable[[str, int], Awaitable[Sequence[str]]]
"""Name and port to IP addresses as text, best first. Raises OSError when the name does not resolve."""

_ENTRY: Final = re.compile(r"(?:\[(?P<v6>[^\]]+)\]|(?P<plain>[^\[\]]+?))(?::(?P<port>[0-9]{1,5}))?")
_CACHE_SECONDS: Final = 30.0
_CACHE_NAMES: Final = 1024
_CACHE_ADDRESSES: Final = 4096
_ADDRESSES_PER_NAME: Final = 16
_LOOKUP_THREADS: Final = 8

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Allowance:
    """One entry of the allow-list: a network, and a port when only that one is meant."""

    network: Network
    port: int | None = None

    def covers(self, address: Address, port: int) -> bool:
        """True when this entry allows the address and port."""
        return address in self.network and self.port in (None, port)

    def __str__(self) -> str:
        return f"{self.network}" + (f" port {self.port}" if self.port else "")


@dataclass(frozen=True, slots=True)
class EgressPolicy:
    """Which addresses may be connected to: public ones, and those that the operator listed.

    Attributes:
        allowances: networks.
        named: hosts with their ports that the operator has named in a setting of their own, whatever address they have.
            A guard with such a policy serves what that setting is for, and nothing that a user can steer.
    """

    allowances: tuple[Allowance, ...] = ()
    named: frozenset[tuple[str, int]] = frozenset()

    @classmethod
    def parse(cls, text: str) -> "EgressPolicy":
        """Reads the comma list of ``SLUICEGATE_EGRESS_ALLOW``; an empty text allows public addresses only.

        Entries are networks or addresses, with a port if wanted: ``127.0.0.0/8``, ``127.0.0.1:9000``,
        ``10.0.0.0/8:443``, ``::1``, ``fd00::/8``, ``[::1]:80``.

        Raises:
            InvalidInput: an entry is neither; names are not accepted, as they could change their meaning.
        """
        return cls(tuple(_allowance(entry.strip()) for entry in text.split(",") if entry.strip()))

    def refusal(self, address: Address, port: int) -> str | None:
        """Why a connection to this address and port is refused, or None when it is allowed."""
        reason = refusal(address)
        if reason is None or any(allowance.covers(address, port) for allowance in self.allowances):
            return None
        return reason


class SystemResolver:
    """Resolves names as the operating system does, in a few threads of its own.

    Its own, because a name server that hangs holds a thread until the system gives up, and other users of the loop's
    thread pool must not wait for that.
    """

    def __init__(self) -> None:
        self._threads = ThreadPoolExecutor(_LOOKUP_THREADS, thread_name_prefix="lookup")

    async def __call__(self, host: str, port: int) -> Sequence[str]:
        """Addresses in the system's order of preference. Raises OSError."""
        loop = asyncio.get_running_loop()
        answers = await loop.run_in_executor(self._threads, _lookup, host, port)
        return list(dict.fromkeys(str(sockaddr[0]) for *_, sockaddr in answers))

    def close(self) -> None:
        """Gives the threads back without waiting for look-ups that hang."""
        self._threads.shutdown(wait=False, cancel_futures=True)


class Egress:
    """The guard itself: one per process, shared by the HTTP client and the proxy for child processes.

    Args:
        policy: what is allowed.
        resolver: resolves names; the system's by default.
        timeout: seconds that one look-up may take.
        monotonic: the clock of the small cache of checked answers.
    """

    def __init__(
        self,
        policy: EgressPolicy | None = None,
        *,
        resolver: Resolver | None = None,
        timeout: float = 5.0,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self.policy = policy or EgressPolicy()
        self._system = None if resolver else SystemResolver()
        self._resolver: Resolver = resolver or self._system  # type: ignore[assignment]  # one of the two is there
        self._timeout = timeout
        self._monotonic = monotonic
        self._refusal = lru_cache(_CACHE_ADDRESSES)(self._judge)
        self.hop_gate: Callable[[str], Awaitable[None]] | None = None
        self._checked: OrderedDict[tuple[str, int], tuple[float, tuple[str, ...]]] = OrderedDict()
        for allowance in self.policy.allowances:
            _log.info("egress.allowed: %s", allowance)
        for host, port in sorted(self.policy.named):
            _log.info("egress.allowed: %s port %d, by name and for one purpose", host, port)

    def check_url(self, url: str) -> Target:
        """Reads a URL and refuses what can be refused without a look-up: schemes, spellings, addresses as hosts.

        Raises:
            ForbiddenAddress: see ``targets.read_url`` and ``check_address``.
        """
        target = read_url(url)
        self.check_target(target)
        return target

    async def check_hop(self, url: str) -> None:
        """Refuses a place that nobody named when the work was accepted: behind a redirect, or asked for by a child.

        Raises:
            ContentBlocked: the operator does not want it, as the installation's ``hop_gate`` says.
        """
        if self.hop_gate is not None:
            await self.hop_gate(url)

    def check_target(self, target: Target) -> None:
        """As ``check_url``, for a URL that is read already."""
        if target.address is not None:
            self.check_address(target.host, target.port)

    def check_address(self, address: str, port: int) -> None:
        """Refuses an IP address that this installation may not connect to.

        Raises:
            ForbiddenAddress: the address is private, special or malformed, and not on the allow-list.
        """
        reason = self._refusal(address, port)
        if reason is not None:
            raise ForbiddenAddress(f"The address is refused: {reason}.")

    async def approve(self, host: str, port: int) -> tuple[str, ...]:
        """The addresses of a host, every one of them checked; connect to these and to no others.

        Answers are kept for half a minute: they stay checked, as connections use the kept addresses.

        Raises:
            ForbiddenAddress: one of the answers is refused; then all are.
            ConnectionFailed: the name does not resolve.
            UpstreamTimeout: the look-up takes too long.
        """
        named = (host, port) in self.policy.named
        if literal(host) is not None:
            if not named:
                self.check_address(host, port)
            return (host,)
        kept = self._checked.get((host, port))
        if kept is not None and kept[0] > self._monotonic():
            return kept[1]
        addresses = tuple(await self._resolve(host, port))[:_ADDRESSES_PER_NAME]
        if not named:
            for address in addresses:
                self.check_address(address, port)
        self._keep(host, port, addresses)
        return addresses

    async def connect(
        self, host: str, port: int, *, timeout: float = 10.0
    ) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        """Opens a TCP connection to an approved address of the host, trying them in order within ``timeout`` seconds.

        Raises:
            ForbiddenAddress, ConnectionFailed, UpstreamTimeout: refused, not reachable, too slow.
        """
        try:
            async with asyncio.timeout(timeout):
                for address in await self.approve(host, port):
                    try:
                        return await asyncio.open_connection(address, port, limit=65_536)
                    except OSError:
                        continue
        except TimeoutError:
            raise UpstreamTimeout(f"No connection within {timeout:g} seconds.") from None
        raise ConnectionFailed("No address of the host accepts a connection.")

    def _judge(self, address: str, port: int) -> str | None:
        """The policy's word on an address; neither ever changes, so it is asked once."""
        found = literal(address)
        return self.policy.refusal(found, port) if found is not None else "malformed"

    async def _resolve(self, host: str, port: int) -> Sequence[str]:
        try:
            async with asyncio.timeout(self._timeout):
                addresses = await self._resolver(host, port)
        except TimeoutError:
            raise UpstreamTimeout(f"The name was not resolved within {self._timeout:g} seconds.") from None
        except (OSError, UnicodeError):
            addresses = ()
        if not addresses:
            raise ConnectionFailed("The name of the host does not resolve.")
        return addresses

    def _keep(self, host: str, port: int, addresses: tuple[str, ...]) -> None:
        self._checked[host, port] = (self._monotonic() + _CACHE_SECONDS, addresses)
        self._checked.move_to_end((host, port))
        if len(self._checked) > _CACHE_NAMES:
            self._checked.popitem(last=False)

    def close(self) -> None:
        """Frees the look-up threads; idempotent."""
        if self._system is not None:
            self._system.close()


def _lookup(host: str, port: int) -> list[tuple[int, int, int, str, tuple[str | int, ...]]]:
    answers = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return [(*answer[:4], tuple(answer[4])) for answer in answers]


def _allowance(entry: str) -> Allowance:
    # A bare IPv6 address or network has colons of its own; with a port it needs brackets.
    bare = entry.count(":") > 1 and not entry.startswith("[")
    parts = None if bare else _ENTRY.fullmatch(entry)
    host = (parts["v6"] or parts["plain"]) if parts else entry
    port = int(parts["port"]) if parts and parts["port"] else None
    try:
        network = ip_network(host, strict=False)
    except ValueError:
        network = None
    if network is None or (port is not None and not 0 < port < 65536):
        raise InvalidInput(
            f"'{entry[:60]}' is neither a network nor an address.",
            action="Write networks such as 127.0.0.0/8, 127.0.0.1:9000 or [::1]:80, separated by commas.",
            field="SLUICEGATE_EGRESS_ALLOW",
        )
    return Allowance(network, port)
