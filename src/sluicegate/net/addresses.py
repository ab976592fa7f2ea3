"""Which IP addresses are not the public internet, and why: the table behind the egress guard.

IPv4 is a list of refused blocks; IPv6 is the other way round: only global unicast (2000::/3) is public, minus the
blocks in it that carry another address inside or lead nowhere. Sources: the IANA special-purpose address registries
(RFC 6890 and its updates), and the metadata addresses published by cloud operators.
"""

from functools import lru_cache
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network
from typing import Final

__all__ = ["Address", "Network", "refusal", "refused_ranges"]

Address = IPv4Address | IPv6Address
Network = IPv4Network | IPv6Network

_REFUSED_V4: Final[tuple[tuple[IPv4Network, str], ...]] = tuple(
    (IPv4Network(block), reason)
    for block, reason in (
        ("0.0.0.0/8", "this host"),
        ("10.0.0.0/8", "private"),
        ("100.64.0.0/10", "carrier-grade NAT"),
        ("127.0.0.0/8", "loopback"),
        ("168.63.129.16/32", "cloud metadata"),
        ("169.254.0.0/16", "link-local or cloud metadata"),
        ("172.16.0.0/12", "private"),
        ("192.0.0.0/24", "protocol assignments"),
        ("192.0.2.0/24", "documentation"),
        ("192.88.99.0/24", "6to4 relay"),
        ("192.168.0.0/16", "private"),
        ("198.18.0.0/15", "benchmark"),
        ("198.51.100.0/24", "documentation"),
        ("203.0.113.0/24", "documentation"),
        ("224.0.0.0/4", "multicast"),
        ("240.0.0.0/4", "reserved or broadcast"),
    )
)

_REFUSED_V6: Final[tuple[tuple[IPv6Network, str], ...]] = tuple(
    (IPv6Network(block), reason)
    for block, reason in (
        ("::/128", "this host"),
        ("::1/128", "loopback"),
        ("::/96", "IPv4-compatible"),
        ("::ffff:0:0/96", "IPv4-mapped"),
        ("64:ff9b::/96", "NAT64"),
        ("64:ff9b:1::/48", "NAT64"),
        ("2001::/32", "Teredo"),
        ("2001::/23", "protocol assignments"),
        ("2001:db8::/32", "documentation"),
        ("2002::/16", "6to4"),
        ("3fff::/20", "documentation"),
        ("fc00::/7", "private"),
        ("fe80::/10", "link-local"),
        ("fec0::/10", "site-local"),
        ("ff00::/8", "multicast"),
    )
)
_GLOBAL_UNICAST: Final = IPv6Network("2000::/3")


@lru_cache(4096)
def refusal(address: Address) -> str | None:
    """Why this address is not a public one (``loopback``, ``private`` …), or None when it is.

    The table is walked (7 µs) when an address is new.
    """
    if isinstance(address, IPv4Address):
        return next((reason for block, reason in _REFUSED_V4 if address in block), None)
    if address.scope_id is not None:
        return "scoped"
    reason = next((reason for block, reason in _REFUSED_V6 if address in block), None)
    return reason or (None if address in _GLOBAL_UNICAST else "reserved")


def refused_ranges() -> tuple[tuple[str, str], ...]:
    """First and last address of every range that ``refusal`` refuses, for libraries that filter by themselves."""
    around = (("::", "1fff:" + ":".join(["ffff"] * 7)), ("4000::", ":".join(["ffff"] * 8)))
    blocks: list[Network] = [*(block for block, _ in _REFUSED_V4), *(block for block, _ in _REFUSED_V6)]
    return (*around, *((str(block[0]), str(block[-1])) for block in blocks))
