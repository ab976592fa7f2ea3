"""A provider's manifest: the facts about it that are data, not code (``providers/<name>/manifest.toml``)."""

import tomllib
from dataclasses import dataclass
from functools import cache
from importlib import resources
from typing import Any

from sluicegate.core.errors import InternalError

__all__ = ["CallLimit", "Manifest", "read_manifest"]


@dataclass(frozen=True, slots=True)
class CallLimit:
    """A published limit: at most ``count`` calls of a class within ``seconds``.

    Attributes:
        calls: what it covers: names of ``Provider`` methods, separated by spaces, that are counted together; ``*``
            covers every call of the account.
        source: where it is published, or how it became known.
    """

    calls: str
    count: int
    seconds: float
    source: str = ""

    def covers(self, calls: str) -> bool:
        """Whether a call of this class counts against it."""
        return self.calls == "*" or calls in self.calls.split()


@dataclass(frozen=True, slots=True)
class Manifest:
    """Facts about one provider.

    Attributes:
        name: house name, equal to the folder's and the adapter's.
        title: as people write it.
        slug: the gateway's public name for it.
        base_url: published address of its API, without a trailing slash; empty when every account brings its own.
        token_help: where a person finds the token.
        kinds: what it takes: ``torrent``, ``web``, ``usenet``.
        link_seconds: how long a direct link lives, None when not published.
        limits: published limits per account.
        transfers_max: transfers that may be active at the same time, None when not published or depending on the plan.
        poll_seconds: least time between two listings of one account that is considerate.
    """

    name: str
    title: str
    slug: str
    base_url: str
    token_help: str
    kinds: tuple[str, ...]
    link_seconds: int | None
    limits: tuple[CallLimit, ...]
    transfers_max: int | None
    poll_seconds: float


@cache
def read_manifest(package: str) -> Manifest:
    """The manifest beside the adapter in ``package`` (``sluicegate.providers.torbox``).

    Raises:
        InternalError: there is none, or a field is missing or unknown; a packaging fault.
    """
    try:
        text = resources.files(package).joinpath("manifest.toml").read_text("utf-8")
        return _manifest(tomllib.loads(text))
    except (OSError, KeyError, TypeError, ValueError) as error:
        raise InternalError(f"The manifest of {package} cannot be read: {error}") from error


def _manifest(table: dict[str, Any]) -> Manifest:
    limits = tuple(CallLimit(**limit) for limit in table.pop("limits", []))
    return Manifest(
        kinds=tuple(table.pop("kinds")),
        limits=limits,
        link_seconds=table.pop("link_seconds", None),
        transfers_max=table.pop("transfers_max", None),
        poll_seconds=float(table.pop("poll_seconds", 10.0)),
        **table,
    )
