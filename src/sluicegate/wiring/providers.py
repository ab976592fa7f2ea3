"""The providers of this build."""

from typing import Final, Protocol, cast

from sluicegate.core.accounts import Credential
from sluicegate.core.manifest import read_manifest
from sluicegate.core.provider import Provider
from sluicegate.net.http import Http
from sluicegate.providers.alldebrid.adapter import AllDebrid
from sluicegate.providers.debridlink.adapter import DebridLink
from sluicegate.providers.direct.adapter import Direct
from sluicegate.providers.premiumize.adapter import Premiumize
from sluicegate.providers.realdebrid.adapter import RealDebrid
from sluicegate.providers.smokedebrid.adapter import SmokeDebrid
from sluicegate.providers.stremthru.adapter import StremThru
from sluicegate.providers.swarm.adapter import Swarm
from sluicegate.providers.torbox.adapter import TorBox
from sluicegate.providers.torrin.adapter import Torrin
from sluicegate.wiring.paced import Pacer
from sluicegate.wiring.registry import ProviderRegistry, RemoteProvider
from sluicegate.wiring.sandbox import dialect_url

__all__ = ["REMOTE", "provider_registry", "remote_providers"]

REMOTE: Final[tuple[type[Provider], ...]] = (
    RealDebrid,
    AllDebrid,
    Premiumize,
    TorBox,
    DebridLink,
    Torrin,
    StremThru,
    SmokeDebrid,
)
"""Providers with accounts; a new adapter is one line here."""


class _Make(Protocol):
    """How every adapter of a provider with accounts is made."""

    def __call__(self, http: Http, credential: Credential, *, base_url: str | None = None) -> Provider: ...


def provider_registry(http: Http, pacer: Pacer | None = None, *, sandbox: str | None = None) -> ProviderRegistry:
    """All of them; adapters share one HTTP client.

    Args:
        http: the client.
        pacer: spends the calls of accounts.
        sandbox: address of the sandbox that stands in for every provider, whatever an account's own address is.
    """
    return ProviderRegistry(remote_providers(http, sandbox=sandbox), {"swarm": Swarm, "direct": Direct}, pacer)


def remote_providers(http: Http, *, sandbox: str | None = None) -> dict[str, RemoteProvider]:
    """Those with accounts, by house name; arguments as for ``provider_registry``."""
    return {kind.name: _remote(kind, http, sandbox) for kind in REMOTE}


def _remote(kind: type[Provider], http: Http, sandbox: str | None) -> RemoteProvider:
    manifest = read_manifest(kind.__module__.rpartition(".")[0])
    base_url = dialect_url(sandbox, manifest) if sandbox else None
    make = cast("_Make", kind)
    return RemoteProvider(kind, lambda credential: make(http, credential, base_url=base_url), manifest)
