"""Providers under the names that people know."""

from collections.abc import Callable

from sluicegate.core.ports import Providers

__all__ = ["provider_titles"]


def provider_titles(providers: Providers) -> Callable[[str], str]:
    """``Real-Debrid`` for ``realdebrid``, this server for its own engines; other names stay as they are."""
    local = frozenset(providers.local_names())
    remote = frozenset(providers.names()) - local

    def title(name: str) -> str:
        if name in local:
            return f"this server ({name})"
        return providers.manifest(name).title if name in remote else name

    return title
