"""Which providers and storages this build has, and how an adapter for one account is made."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from sluicegate.core.accounts import Credential
from sluicegate.core.errors import InternalError, NotFound
from sluicegate.core.manifest import Manifest, read_manifest
from sluicegate.core.pacing import Priority
from sluicegate.core.provider import Provider
from sluicegate.core.storage import Storage
from sluicegate.wiring.paced import Pacer

__all__ = ["ProviderRegistry", "RemoteProvider", "StorageRegistry"]


@dataclass(frozen=True, slots=True)
class RemoteProvider:
    """A provider that is reached over the network.

    Attributes:
        kind: the adapter's class.
        make: makes an adapter for an account.
        manifest: its facts; read from beside the adapter where it is not given.
    """

    kind: type[Provider]
    make: Callable[[Credential], Provider]
    manifest: Manifest | None = None

    def facts(self) -> Manifest:
        """The manifest."""
        return self.manifest or read_manifest(self.kind.__module__.rpartition(".")[0])


class ProviderRegistry:
    """Implements ``core.ports.Providers``.

    Local providers are known everywhere by their class; only the worker that holds the engines has them running.

    Args:
        remote: providers with accounts.
        local: providers without.
        pacer: spends the calls of accounts; None leaves them unpaced, for tests of other things.
    """

    def __init__(
        self,
        remote: Mapping[str, RemoteProvider],
        local: Mapping[str, type[Provider]],
        pacer: Pacer | None = None,
    ) -> None:
        self._remote = dict(remote)
        self._local = dict(local)
        self._pacer = pacer
        self._running: dict[str, Provider] = {}

    def names(self) -> tuple[str, ...]:
        """See the port."""
        return (*self._remote, *self._local)

    def local_names(self) -> tuple[str, ...]:
        """See the port."""
        return tuple(self._local)

    def kind(self, name: str) -> type[Provider]:
        """See the port."""
        if name in self._local:
            return self._local[name]
        return self._get(name).kind

    def manifest(self, name: str) -> Manifest:
        """See the port."""
        return self._get(name).facts()

    def open(self, name: str, credential: Credential | None, *, priority: Priority = Priority.SYNC) -> Provider:
        """See the port."""
        if name in self._local:
            if name not in self._running:
                raise InternalError(
                    f"This process does not run the local provider '{name}'.",
                    action="Wait until a worker with the data folder runs; it takes this over.",
                )
            return self._running[name]
        if credential is None:
            raise InternalError(f"The provider '{name}' needs an account.")
        remote = self._get(name)
        adapter = remote.make(credential)
        return self._pacer.pace(adapter, remote.facts(), credential, priority) if self._pacer else adapter

    def run_local(self, provider: Provider) -> None:
        """Makes a running local provider available; its owner closes it."""
        self._running[provider.name] = provider

    def _get(self, name: str) -> RemoteProvider:
        try:
            return self._remote[name]
        except KeyError:
            raise NotFound(f"There is no provider '{name}'; there are: {', '.join(self.names())}.") from None


class StorageRegistry:
    """Implements ``core.ports.Storages``.

    Args:
        storages: those of this machine by name.
        targets: finds users' own buckets by name; None for a name of another kind.
    """

    def __init__(
        self, storages: Mapping[str, Storage], targets: Callable[[str], Storage | None] = lambda _: None
    ) -> None:
        self._storages = dict(storages)
        self._targets = targets

    def get(self, storage: str) -> Storage:
        """See the port."""
        found = self._storages.get(storage) or self._targets(storage)
        if found is None:
            raise NotFound(f"There is no storage '{storage}'.")
        return found
