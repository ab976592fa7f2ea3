"""What the name of a release or file says: title, year, season, episode, quality.

The reading itself is done by ``parsett``, which keeps up with what groups write. Its expressions are not linear, so
names are cut first: at 250 characters the worst ones take a few hundredths of a second.
"""

import re
import unicodedata
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Final

__all__ = ["Release", "parse_release", "same_title", "title_key"]

_LENGTH_MAX: Final = 250
_REMEMBERED: Final = 8_192
_WORDS: Final = re.compile(r"[^\W_]+")
_APOSTROPHES: Final = re.compile("['\u2019\u02bc`]")
_RESOLUTIONS: Final = ("2160p", "1440p", "1080p", "720p", "576p", "480p", "360p", "240p")
_VIDEO: Final = re.compile(r"\.(?:mkv|mp4|m4v|avi|mov|ts|m2ts|webm|wmv|mpg|mpeg|flv|ogm|ogv|3gp)$", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Release:
    """What a name says; empty and None where it says nothing.

    Attributes:
        seasons: all that it covers.
        episodes: all that it covers; empty for a whole season or a film.
        resolution: ``1080p`` and the like.
        quality: ``WEB-DL``, ``BluRay`` and the like.
    """

    title: str
    year: int | None = None
    seasons: frozenset[int] = frozenset()
    episodes: frozenset[int] = frozenset()
    resolution: str = ""
    quality: str = ""

    @property
    def is_series(self) -> bool:
        """True when it names a season or an episode."""
        return bool(self.seasons or self.episodes)

    @property
    def rank(self) -> int:
        """Larger for more lines of picture; 0 when it does not say."""
        found = self.resolution.lower()
        return len(_RESOLUTIONS) - _RESOLUTIONS.index(found) if found in _RESOLUTIONS else 0


@lru_cache(maxsize=_REMEMBERED)
def parse_release(name: str) -> Release:
    """Reads a name; about a millisecond when it is read for the first time. Whatever the name is, it does not raise."""
    from PTT import parse_title

    text = _VIDEO.sub("", name.rpartition("/")[2])[:_LENGTH_MAX]
    try:
        found: dict[str, Any] = parse_title(text)
    except Exception:  # noqa: BLE001 - somebody else's expressions over a stranger's text: a name is then only a title
        return Release(text)
    return Release(
        title=str(found.get("title") or text),
        year=_year(found.get("year")),
        seasons=_numbers(found.get("seasons")),
        episodes=_numbers(found.get("episodes")),
        resolution=_resolution(found.get("resolution")),
        quality=str(found.get("quality") or ""),
    )


def title_key(title: str) -> str:
    """A title without what different people write differently: case, accents, punctuation, '&', a leading article."""
    plain = unicodedata.normalize("NFKD", title.casefold().replace("&", " and "))
    plain = "".join(char for char in plain if not unicodedata.combining(char))
    words = _WORDS.findall(_APOSTROPHES.sub("", plain))
    return " ".join(words[1:] if len(words) > 1 and words[0] in {"the", "a", "an"} else words)


def same_title(release: Release, name: str, year: int | None, *, series: bool) -> bool:
    """Whether a release is of the title with this name and year.

    Years of films may differ by one, as releases and premieres do. A series keeps its first year in its name at best,
    so there a year that is told must only not be before it.
    """
    if title_key(release.title) != title_key(name):
        return False
    if release.year is None or year is None:
        return True
    return release.year >= year - 1 if series else abs(release.year - year) <= 1


def _numbers(value: object) -> frozenset[int]:
    return frozenset(item for item in value if isinstance(item, int)) if isinstance(value, list) else frozenset()


def _year(value: object) -> int | None:
    return value if isinstance(value, int) and 1870 < value < 2200 else None


def _resolution(value: object) -> str:
    text = str(value or "").lower()
    return "2160p" if text in {"4k", "uhd"} else text
