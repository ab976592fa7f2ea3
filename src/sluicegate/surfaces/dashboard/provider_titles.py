"""Providers under the names that people know."""

from collections.abc import Callable

from sluicegate.core.ports import Providers

__all__ = ["provider_titles"]


def provider_titles(providers: Providers) -> Callable[[str], str]:
    """``Real-Debrid`` for ``realdebrid``; names that are no provider's stay as they are."""
    known = frozenset(providers.names())
    return lambda name: providers.manifest(name).title if name in known else name
