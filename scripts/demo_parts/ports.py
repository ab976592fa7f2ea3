"""Ports for programs that must be told theirs before they start."""

import random
import socket
from contextlib import ExitStack
from pathlib import Path

__all__ = ["free_ports"]

_LOWEST = 10_000
_GIVEN = Path("/proc/sys/net/ipv4/ip_local_port_range")
_TRIES = 1000


def free_ports(count: int = 1) -> list[int]:
    """Ports of the loopback that nobody listens on.

    The system gives none of them to anybody: they lie below those that it chooses for connections and for whoever
    listens on port 0, which would be taken again before a slow program comes to it.

    Raises:
        OSError: there are none left.
    """
    first_given = int(_GIVEN.read_text().split()[0]) if _GIVEN.exists() else 32_768
    range_ = range(_LOWEST, first_given) if first_given > _LOWEST + _TRIES else range(_LOWEST, 65_536)
    found: list[int] = []
    with ExitStack() as held:  # until all are found: no two are the same
        for port in random.sample(range_, _TRIES):
            if len(found) == count:
                break
            probe = held.enter_context(socket.socket())
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
            found.append(port)
    if len(found) < count:
        raise OSError(f"none of {_TRIES} ports is free")
    return found
