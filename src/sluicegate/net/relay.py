"""Copies bytes between two connections until either ends, within a cap and an idle time."""

import asyncio
from dataclasses import dataclass

__all__ = ["Traffic", "relay"]

_PIECE = 65_536


@dataclass(slots=True)
class Traffic:
    """What went through on behalf of one child process.

    Attributes:
        limit: bytes that may come in from remote sides altogether; None for no limit.
        received: bytes from remote sides.
        sent: bytes to remote sides.
        refused: connections that the guard refused.
    """

    limit: int | None = None
    received: int = 0
    sent: int = 0
    refused: int = 0

    @property
    def exhausted(self) -> bool:
        """True when the limit is used up; from then on every connection of this child ends."""
        return self.limit is not None and self.received >= self.limit


@dataclass(slots=True)
class _Pulse:
    """When a byte moved last, in either direction: a download is silent in one direction for hours."""

    at: float


async def relay(
    near: tuple[asyncio.StreamReader, asyncio.StreamWriter],
    far: tuple[asyncio.StreamReader, asyncio.StreamWriter],
    traffic: Traffic,
    *,
    idle_timeout: float,
) -> None:
    """Copies both ways; ends when either side is done, nothing moves for ``idle_timeout`` seconds, or the cap is met.

    A near side that has hung up ends it at once: nobody is left to read the answer. Closes neither side.
    """
    loop = asyncio.get_running_loop()
    pulse = _Pulse(loop.time())
    upward = asyncio.create_task(_copy(near[0], far[1], pulse, traffic, inward=False))
    downward = asyncio.create_task(_copy(far[0], near[1], pulse, traffic, inward=True))
    try:
        done: set[asyncio.Task[None]] = set()
        while not done and (left := pulse.at + idle_timeout - loop.time()) > 0:
            done, _ = await asyncio.wait({upward, downward}, timeout=left, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for task in (upward, downward):
            task.cancel()
        await asyncio.gather(upward, downward, return_exceptions=True)


async def _copy(
    source: asyncio.StreamReader, sink: asyncio.StreamWriter, pulse: _Pulse, traffic: Traffic, *, inward: bool
) -> None:
    loop = asyncio.get_running_loop()
    while piece := await source.read(_PIECE):
        pulse.at = loop.time()
        if inward:
            traffic.received += len(piece)
            if traffic.limit is not None and traffic.received > traffic.limit:
                return
        else:
            traffic.sent += len(piece)
        sink.write(piece)
        await sink.drain()
        pulse.at = loop.time()
