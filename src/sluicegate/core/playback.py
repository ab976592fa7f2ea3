"""How a user wants to play: straight from the provider, through this server, or through a stream proxy of their own."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Final, Self, TypeVar

from sluicegate.core.errors import InvalidInput
from sluicegate.core.stream_proxies import ProxyKind

__all__ = ["PLAYBACK_NAMES", "PlaybackChoice", "PlaybackMode"]

_Word = TypeVar("_Word", bound=StrEnum)

PLAYBACK_NAMES: Final = ("playback", "use_proxy", "proxy_kind", "plain_proxy_links", "bind_address")
"""The preferences that ``PlaybackChoice`` is read from."""


class PlaybackMode(StrEnum):
    """Whose address a player talks to."""

    DIRECT = "direct"
    """The provider's own link, or the user's stream proxy in front of it."""
    PROXIED = "proxied"
    """A link of this server, which renews the provider's link and falls over to another account while it plays."""


@dataclass(frozen=True, slots=True)
class PlaybackChoice:
    """A user's preference.

    Attributes:
        mode: None leaves it to who asks: the library API answers direct links, players' surfaces proxied ones.
        use_proxy: whether direct links are wrapped by the user's connected stream proxy.
        proxy_kind: which one of several, None for the one that there is.
        plain: whether wrapped links are plain; encrypted ones hide the provider's link and the proxy's password.
        bind_address: whether links of this server work only from the address that asked for them.
    """

    mode: PlaybackMode | None = None
    use_proxy: bool = False
    proxy_kind: ProxyKind | None = None
    plain: bool = False
    bind_address: bool = False

    @classmethod
    def read(cls, chosen: Mapping[str, Any]) -> Self:
        """The choice in a user's preferences; what is missing has its default.

        Raises:
            InvalidInput: a value that no preference has; ``field`` names it.
        """
        return cls(
            mode=_word(chosen, "playback", PlaybackMode),
            use_proxy=_flag(chosen, "use_proxy"),
            proxy_kind=_word(chosen, "proxy_kind", ProxyKind),
            plain=_flag(chosen, "plain_proxy_links"),
            bind_address=_flag(chosen, "bind_address"),
        )


def _flag(chosen: Mapping[str, Any], name: str) -> bool:
    value = chosen.get(name)
    if value is None or isinstance(value, bool):
        return bool(value)
    raise InvalidInput(f"'{name}' is true or false.", field=name)


def _word(chosen: Mapping[str, Any], name: str, words: type[_Word]) -> _Word | None:
    value = chosen.get(name)
    if value is None:
        return None
    try:
        return words(value)
    except ValueError:
        raise InvalidInput(f"'{name}' is one of: {', '.join(words)}; or null.", field=name) from None
