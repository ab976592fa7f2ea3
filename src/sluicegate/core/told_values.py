"""What remote services tell, read with care: figures, dates and hashes that may be absent or absurd."""

import re
from datetime import UTC, datetime
from typing import Final

__all__ = ["told_amount", "told_hash", "told_size", "told_time", "told_whole"]

_FIGURE_MAX: Final = 2**63 - 1
_INFO_HASH: Final = re.compile(r"[0-9a-f]{40}")


def told_whole(value: float | None) -> int | None:
    """A figure that may come as a float; None for what is no figure, is below nothing or fits no column."""
    return int(value) if value is not None and 0 <= value <= _FIGURE_MAX else None


def told_size(value: float | None) -> int:
    """A size in bytes; -1, as ``RemoteFile`` wants it, where ``told_whole`` gives None."""
    found = told_whole(value)
    return -1 if found is None else found


def told_amount(value: float | None) -> float:
    """A figure with its fraction; 0 where ``told_whole`` gives None."""
    return float(value) if value is not None and 0 <= value <= _FIGURE_MAX else 0.0


def told_time(text: str | None) -> datetime | None:
    """An ISO 8601 or RFC 3339 time, taken as UTC where it names no zone; None when it is none."""
    try:
        found = datetime.fromisoformat(text or "")
    except ValueError:
        return None
    return found if found.tzinfo else found.replace(tzinfo=UTC)


def told_hash(text: str | None) -> str | None:
    """An info hash in lower case; None for anything else."""
    lowered = (text or "").lower()
    return lowered if _INFO_HASH.fullmatch(lowered) else None
