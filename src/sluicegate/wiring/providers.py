"""The providers of this build."""

from sluicegate.net.http import Http
from sluicegate.providers.direct.adapter import Direct
from sluicegate.providers.swarm.adapter import Swarm
from sluicegate.wiring.registry import ProviderRegistry, RemoteProvider

__all__ = ["provider_registry"]


def provider_registry(http: Http) -> ProviderRegistry:
    """All of them; adapters share one HTTP client."""
    del http
    remote: dict[str, RemoteProvider] = {}
    return ProviderRegistry(remote, {"swarm": Swarm, "direct": Direct})
