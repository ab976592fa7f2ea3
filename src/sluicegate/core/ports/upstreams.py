"""Where adapters of providers and storages come from."""

from typing import Protocol

from sluicegate.core.accounts import Credential
from sluicegate.core.manifest import Manifest
from sluicegate.core.pacing import Priority
from sluicegate.core.provider import Provider
from sluicegate.core.storage import Storage

__all__ = ["Providers", "Storages"]


class Providers(Protocol):
    """Makes adapters; the only place that knows which ones exist."""

    def names(self) -> tuple[str, ...]:
        """House names of all providers of this build."""
        ...

    def local_names(self) -> tuple[str, ...]:
        """Those that need no account, in the order in which they are tried."""
        ...

    def kind(self, name: str) -> type[Provider]:
        """The adapter class, for its capabilities. Raises NotFound."""
        ...

    def manifest(self, name: str) -> Manifest:
        """Facts about a provider that needs an account. Raises NotFound."""
        ...

    def open(self, name: str, credential: Credential | None, *, priority: Priority = Priority.SYNC) -> Provider:
        """An adapter for one account whose calls are spent through the ledger; None for the local providers.

        ``priority`` says how long its calls may wait for their turn; one that would wait longer raises ``HeldBack``.
        Raises NotFound.
        """
        ...


class Storages(Protocol):
    """Finds storages by id."""

    def get(self, storage: str) -> Storage:
        """Raises NotFound."""
        ...
