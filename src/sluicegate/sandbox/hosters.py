"""File hosters of the world: which hosts exist, and what a hoster link leads to."""

from enum import StrEnum
from typing import Final
from urllib.parse import urlsplit

import msgspec

from sluicegate.sandbox.content import Content, ContentFile

__all__ = ["HOSTS", "Host", "HosterLink", "HosterState", "host_of"]


class HosterState(StrEnum):
    """What a provider finds when it opens a hoster link."""

    OK = "ok"
    DOWN = "down"
    UNSUPPORTED = "unsupported"


class HosterLink(msgspec.Struct, frozen=True):
    """A link at a file hoster: one file of ``size`` bytes called ``name``."""

    url: str
    name: str
    size: int
    state: HosterState = HosterState.OK

    def content(self) -> Content:
        """The same as content of one file, for serving and for queued downloads."""
        return Content(source=self.url, name=self.name, files=(ContentFile(self.name, self.size),))


class Host(msgspec.Struct, frozen=True):
    """A hoster that every provider supports: short id, name, domains (the first is the main one)."""

    id: str
    name: str
    domains: tuple[str, ...]


HOSTS: Final = (
    Host("1fichier", "1fichier", ("1fichier.com", "alterupload.com")),
    Host("rapidgator", "Rapidgator", ("rapidgator.net", "rg.to")),
    Host("mega", "Mega", ("mega.nz",)),
    Host("ddownload", "DDownload", ("ddownload.com", "ddl.to")),
    Host("nitroflare", "Nitroflare", ("nitroflare.com",)),
    Host("turbobit", "Turbobit", ("turbobit.net",)),
)


def host_of(url: str) -> str:
    """The host name of a URL in lower case without ``www.``, empty if it has none."""
    try:
        return (urlsplit(url).hostname or "").removeprefix("www.")
    except ValueError:
        return ""
