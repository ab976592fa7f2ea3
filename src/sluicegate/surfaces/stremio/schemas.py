"""Wire shapes of the add-on protocol (library sheet, section 12); fields that say nothing are left out."""

import msgspec

__all__ = [
    "BehaviorHints",
    "Catalog",
    "CatalogBody",
    "CatalogExtra",
    "ErrorBody",
    "Manifest",
    "ManifestHints",
    "Meta",
    "MetaBody",
    "MetaHints",
    "Preview",
    "Resource",
    "Stream",
    "StreamsBody",
    "Video",
]


class ErrorBody(msgspec.Struct):
    """Every answer that is not a success."""

    error: str


class CatalogExtra(msgspec.Struct, rename="camel"):
    """A parameter that a catalog takes."""

    name: str
    is_required: bool = False


class Catalog(msgspec.Struct):
    """A catalog in the manifest."""

    type: str
    id: str
    name: str
    extra: list[CatalogExtra]


class Resource(msgspec.Struct, rename="camel"):
    """What the add-on answers for which ids."""

    name: str
    types: list[str]
    id_prefixes: list[str]


class ManifestHints(msgspec.Struct, rename="camel"):
    """How the add-on is set up."""

    configurable: bool = True
    configuration_required: bool = False


class Manifest(msgspec.Struct, rename="camel", kw_only=True):
    """``manifest.json``."""

    id: str
    version: str
    name: str
    description: str
    types: list[str]
    resources: list[str | Resource]
    id_prefixes: list[str]
    catalogs: list[Catalog]
    behavior_hints: ManifestHints


class Preview(msgspec.Struct, rename="camel", kw_only=True):
    """An entry of a catalog."""

    id: str
    type: str
    name: str
    poster: str
    poster_shape: str = "poster"
    description: str = ""
    release_info: str | msgspec.UnsetType = msgspec.UNSET


class CatalogBody(msgspec.Struct):
    """A page of a catalog; fewer than 100 end it."""

    metas: list[Preview]


class BehaviorHints(msgspec.Struct, rename="camel", kw_only=True):
    """What players need to know about a stream."""

    not_web_ready: bool
    filename: str
    binge_group: str
    video_size: int | msgspec.UnsetType = msgspec.UNSET


class Stream(msgspec.Struct, rename="camel", kw_only=True):
    """One way to play; ``title`` repeats ``description`` for old clients."""

    url: str
    name: str
    description: str
    title: str
    behavior_hints: BehaviorHints


class StreamsBody(msgspec.Struct):
    """Best first; an empty list means that there is nothing."""

    streams: list[Stream]


class Video(msgspec.Struct, rename="camel", kw_only=True):
    """One file of an entry."""

    id: str
    title: str
    released: str
    season: int | msgspec.UnsetType = msgspec.UNSET
    episode: int | msgspec.UnsetType = msgspec.UNSET
    streams: list[Stream]


class MetaHints(msgspec.Struct, rename="camel"):
    """Which video plays when there is one alone."""

    default_video_id: str | msgspec.UnsetType = msgspec.UNSET


class Meta(Preview, rename="camel", kw_only=True):
    """An entry with its files."""

    videos: list[Video]
    behavior_hints: MetaHints


class MetaBody(msgspec.Struct):
    """Answer of ``/meta/…``; null for what is not there."""

    meta: Meta | None
