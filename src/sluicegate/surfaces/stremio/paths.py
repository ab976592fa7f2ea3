"""Reads the add-on protocol's paths: ``/{resource}/{type}/{id}.json`` and ``…/{id}/{extra}.json``."""

import re
from dataclasses import dataclass, field
from typing import Final
from urllib.parse import parse_qsl, unquote
from uuid import UUID

from sluicegate.core.errors import NotFound
from sluicegate.core.titles import TitleKind
from sluicegate.services.stremio import Wanted
from sluicegate.surfaces.stremio.rendering import OWN

__all__ = ["Asked", "own_ids", "read_path", "wanted"]

_SUFFIX: Final = ".json"
_LENGTH_MAX: Final = 2_000
_EXTRAS_MAX: Final = 10
_EPISODE: Final = re.compile(r"(tt[0-9]{7,10})(?::([0-9]{1,4}):([0-9]{1,5}))?", re.ASCII)
_NUMBER: Final = re.compile(r"[0-9]{1,9}", re.ASCII)


@dataclass(frozen=True, slots=True)
class Asked:
    """What a path asks for."""

    type: str
    id: str
    extra: dict[str, str] = field(default_factory=dict)

    @property
    def skip(self) -> int:
        """Entries to leave out; what is no number counts as none."""
        text = self.extra.get("skip", "")
        return int(text) if _NUMBER.fullmatch(text) else 0


def read_path(raw_path: bytes, resource: str) -> Asked:
    """Reads the percent-encoded path of a request, as an encoded ``/`` or ``&`` in a search is part of it.

    Raises:
        NotFound: it has another form.
    """
    if len(raw_path) > _LENGTH_MAX or not raw_path.isascii():
        raise NotFound
    _, found, rest = raw_path.decode().partition(f"/{resource}/")
    parts = rest.split("/")
    if not found or len(parts) not in {2, 3} or not parts[-1].endswith(_SUFFIX) or not all(parts):
        raise NotFound
    parts[-1] = parts[-1].removesuffix(_SUFFIX)
    try:
        extra = dict(parse_qsl(parts[2], max_num_fields=_EXTRAS_MAX)) if len(parts) == 3 else {}
    except ValueError:
        raise NotFound from None
    return Asked(unquote(parts[0]), unquote(parts[1]), extra)


def wanted(asked: Asked) -> Wanted | None:
    """The film or episode behind a ``tt…`` id, or None for anything else."""
    match = _EPISODE.fullmatch(asked.id)
    if match is None or asked.type not in set(TitleKind):
        return None
    kind = TitleKind(asked.type)
    if (kind is TitleKind.SERIES) != (match[2] is not None):
        return None
    season, episode = (int(match[2]), int(match[3])) if match[2] is not None else (None, None)
    return Wanted(match[1], kind, season, episode)


def own_ids(text: str) -> tuple[UUID, UUID | None] | None:
    """Job, and file when it names one, of an id of ours; None for anything else."""
    if not text.startswith(OWN):
        return None
    parts = text.removeprefix(OWN).split(":")
    try:
        ids = [UUID(part) for part in parts if len(part) == 36]
    except ValueError:
        return None
    if len(ids) != len(parts) or len(ids) not in {1, 2}:
        return None
    return ids[0], ids[1] if len(ids) == 2 else None
