"""Which peers, trackers and web seeds may be met: the engine's own share of the egress rules.

libtorrent opens its own connections, so ``net.egress`` cannot stand between. Its IP filter refuses forbidden addresses
at the moment of connecting, for peers, resolved tracker names and web seeds alike; addresses that are spelled out in a
URL are refused here, before libtorrent sees them.
"""

import ipaddress
from collections.abc import Iterable
from typing import Final
from urllib.parse import urlsplit

import libtorrent as lt

from sluicegate.net.addresses import Network, refusal, refused_ranges

__all__ = ["AddressRules"]

_BLOCKED: Final = 1
_TRACKER_SCHEMES: Final = frozenset({"http", "https", "udp"})
_SEED_SCHEMES: Final = frozenset({"http", "https"})


class AddressRules:
    """The rules of one installation: everything public, plus the networks its operator allowed."""

    def __init__(self, allowed: Iterable[str] = ()) -> None:
        self._allowed: tuple[Network, ...] = tuple(ipaddress.ip_network(text, strict=False) for text in allowed)

    def admits(self, address: str) -> bool:
        """True when this literal address may be met."""
        try:
            parsed = ipaddress.ip_address(address)
        except ValueError:
            return False
        if any(parsed in network for network in self._allowed):
            return True
        return refusal(parsed) is None

    def trackers(self, urls: Iterable[str]) -> list[str]:
        """The announce URLs that may be asked."""
        return [url for url in urls if self._url(url, _TRACKER_SCHEMES)]

    def web_seeds(self, urls: Iterable[str]) -> list[str]:
        """The web seeds that may be asked."""
        return [url for url in urls if self._url(url, _SEED_SCHEMES)]

    def peers(self, peers: Iterable[str]) -> list[tuple[str, int]]:
        """The peers that are given as ``address:port`` and may be met. Host names are not looked up."""
        pairs = (peer.rpartition(":") for peer in peers)
        split = [(host.strip("[]"), int(port)) for host, _, port in pairs if port.isdecimal() and int(port) < 65_536]
        return [(host, port) for host, port in split if self.admits(host)]

    def ip_filter(self) -> lt.ip_filter:
        """The same rules for libtorrent, which applies them to every address it is about to meet."""
        rules = lt.ip_filter()
        for first, last in refused_ranges():
            rules.add_rule(first, last, _BLOCKED)
        for network in self._allowed:
            rules.add_rule(str(network[0]), str(network[-1]), 0)
        return rules

    def _url(self, url: str, schemes: frozenset[str]) -> bool:
        try:
            parts = urlsplit(url)
            host, port = parts.hostname, parts.port
        except ValueError:
            return False
        if parts.scheme not in schemes or not host or port == 0 or "@" in parts.netloc:
            return False
        return not _looks_literal(host) or self.admits(host)


def _looks_literal(host: str) -> bool:
    """True for anything a resolver could read as an address: the odd spellings (octal, one number) are then refused."""
    last = host.rstrip(".").rpartition(".")[2]
    return ":" in host or last.isdecimal() or last.lower().startswith("0x")
