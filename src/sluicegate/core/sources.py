"""What a person hands in: a magnet, a .torrent, a link or an NZB, normalised.

Reading is done by ``core.magnets``, ``core.torrent_files`` and ``core.web_links``; this file holds the values only.
"""

from dataclasses import dataclass, field
from enum import StrEnum

__all__ = ["Magnet", "Nzb", "Source", "SourceKind", "TorrentEntry", "TorrentFile", "WebLink"]


class SourceKind(StrEnum):
    """The kinds of work a provider can be asked for (the gateway's ``kind`` has the same three groups)."""

    TORRENT = "torrent"
    WEB = "web"
    USENET = "usenet"


@dataclass(frozen=True, slots=True)
class Magnet:
    """A BitTorrent magnet link.

    Attributes:
        info_hash: 40 lower-case hex characters: the v1 hash, or for a v2-only magnet the first 20 bytes of the v2
            hash (BEP 52 uses the same truncation on trackers and in the DHT).
        info_hash_v2: 64 lower-case hex characters of the v2 hash, when the magnet names one.
        name: display name (``dn``), untrusted text, possibly empty.
        trackers: ``tr`` values, http(s), udp or ws(s) only, in order, without repetitions.
        web_seeds: ``ws`` values, http(s) only.
        size: ``xl`` in bytes, when given.
        peers: ``x.pe`` values as ``host:port`` or ``[IPv6]:port``; chosen by whoever wrote the magnet, so whoever
            connects to them checks the address first.
    """

    info_hash: str
    info_hash_v2: str | None = None
    name: str = ""
    trackers: tuple[str, ...] = ()
    web_seeds: tuple[str, ...] = ()
    size: int | None = None
    peers: tuple[str, ...] = ()

    kind = SourceKind.TORRENT

    @property
    def v2_only(self) -> bool:
        """True when only the v2 hash is known, so that ``info_hash`` is its truncation."""
        return self.info_hash_v2 is not None and self.info_hash_v2.startswith(self.info_hash)


@dataclass(frozen=True, slots=True)
class TorrentEntry:
    """One file that a torrent promises.

    Attributes:
        path: relative, POSIX and safe, unique in its torrent; the torrent's root folder is not part of it.
        size: bytes.
        index: position in the torrent's own list, padding files counted, as every BitTorrent engine numbers files.
    """

    path: str
    size: int
    index: int = 0


@dataclass(frozen=True, slots=True)
class TorrentFile:
    """An uploaded ``.torrent``, already checked against bombs and hostile names.

    Attributes:
        info_hash: as in ``Magnet``.
        info_hash_v2: the v2 hash of a v2 or hybrid torrent.
        name: name of the root folder, or of the single file.
        files: in the torrent's order, padding files left out.
        raw: the uploaded bytes, unchanged.
        private: the torrent forbids DHT and peer exchange (BEP 27).
        trackers: announce URLs, flattened, in order.
    """

    info_hash: str
    info_hash_v2: str | None
    name: str
    files: tuple[TorrentEntry, ...]
    raw: bytes = field(repr=False)
    private: bool = False
    trackers: tuple[str, ...] = ()

    kind = SourceKind.TORRENT

    @property
    def v2_only(self) -> bool:
        """True for a torrent without v1 metadata."""
        return self.info_hash_v2 is not None and self.info_hash_v2.startswith(self.info_hash)


@dataclass(frozen=True, slots=True)
class WebLink:
    """An http(s) link without credentials: a file, a hoster page or a media page.

    It has no fragment either, except on hosters that keep the decryption key there (see ``core.web_links``).

    Attributes:
        name: what the download should be called, where a provider takes a name.
        password: what opens it, where it is protected.
    """

    url: str
    name: str = ""
    password: str = field(default="", repr=False)

    kind = SourceKind.WEB


@dataclass(frozen=True, slots=True)
class Nzb:
    """A Usenet index file, by content or link (exactly one of ``raw`` and ``url``); ``password`` opens its archive."""

    name: str
    raw: bytes | None = field(default=None, repr=False)
    url: str | None = None
    password: str = field(default="", repr=False)

    kind = SourceKind.USENET


Source = Magnet | TorrentFile | WebLink | Nzb
