"""How a file is cut into segments."""

import itertools

import msgspec

__all__ = ["Segment", "plan"]


class Segment(msgspec.Struct):
    """Bytes ``start`` to ``stop`` (exclusive, None while the size is unknown); ``done`` of them are here."""

    start: int
    stop: int | None
    done: int = 0

    @property
    def position(self) -> int:
        """Where the next byte goes."""
        return self.start + self.done

    @property
    def complete(self) -> bool:
        """True when nothing is missing; never before the size is known."""
        return self.stop is not None and self.position >= self.stop


def plan(size: int | None, *, parallel: bool, segments: int, segment_min: int) -> list[Segment]:
    """Equal segments, at most ``segments`` and none much smaller than ``segment_min``; one where that cannot be."""
    if size is None or not parallel:
        return [Segment(0, size)]
    count = max(1, min(segments, size // max(segment_min, 1)))
    edges = [size * index // count for index in range(count + 1)]
    return [Segment(start, stop) for start, stop in itertools.pairwise(edges)]
