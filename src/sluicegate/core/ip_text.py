"""Texts that may spell an IP address."""

import ipaddress

__all__ = ["is_address"]


def is_address(text: str) -> bool:
    """Whether ``text`` is an IPv4 or IPv6 address in plain form, and so no name."""
    try:
        ipaddress.ip_address(text)
    except ValueError:
        return False
    return True
