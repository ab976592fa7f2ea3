"""What the server and its launcher say to each other: one message a packet, over a pair of sockets of their own."""

from typing import Final

import msgspec

__all__ = ["PACKET", "Ask", "Ended", "Failed", "Fork", "Retire", "Say", "Signal", "Started"]

PACKET: Final = 256
"""Bytes of the longest packet."""


class Fork(msgspec.Struct, frozen=True, tag="fork"):
    """Start a child. Its standard input, output and error output come with the packet."""

    number: int


class Signal(msgspec.Struct, frozen=True, tag="signal"):
    """Send a signal to the whole group of a child; nothing happens when it has ended."""

    number: int
    signal: int


class Retire(msgspec.Struct, frozen=True, tag="retire"):
    """Start no more, and end with the last child."""


class Started(msgspec.Struct, frozen=True, tag="started"):
    """The child runs. A descriptor of its process (pidfd) comes with the packet."""

    number: int


class Failed(msgspec.Struct, frozen=True, tag="failed"):
    """The system has no room for another process."""

    number: int


class Ended(msgspec.Struct, frozen=True, tag="ended"):
    """The child and its whole group are gone; ``code`` is its exit code, negative: the signal that killed it."""

    number: int
    code: int


Ask = Fork | Signal | Retire
Say = Started | Failed | Ended
