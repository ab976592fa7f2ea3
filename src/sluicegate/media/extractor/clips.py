"""Leaving out pieces of a DASH presentation that lie outside a clip, as ``playlist.cut`` does for HLS."""

from typing import Any

__all__ = ["cut_fragments"]


def cut_fragments(form: dict[str, Any], start: float | None, end: float | None) -> float:
    """Keeps the initialisation and the pieces between ``start`` and ``end`` in ``form``; the second it now begins at.

    Everything is kept when the pieces say nothing about their length, or are made up on the way.
    """
    pieces = form.get("fragments")
    if not isinstance(pieces, list) or (start is None and end is None):
        return 0.0
    heads = [piece for piece in pieces if piece.get("duration") is None]
    timed = pieces[len(heads) :]
    if not timed or pieces[: len(heads)] != heads:
        return 0.0
    kept: list[dict[str, Any]] = []
    begins = now = 0.0
    for piece in timed:
        after = now + float(piece["duration"])
        if after > (start or 0.0) and (end is None or now < end):
            begins = begins if kept else now
            kept.append(piece)
        now = after
    if not kept:
        return 0.0
    form["fragments"] = [*heads, *kept]
    return begins
