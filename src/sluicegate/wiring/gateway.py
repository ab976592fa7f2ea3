"""The canonical gateway of an installation, put together."""

from sluicegate.core.accounts import Credential
from sluicegate.surfaces.gateway.admission import Admission
from sluicegate.surfaces.gateway.application import GatewayApplication
from sluicegate.surfaces.gateway.description import describe
from sluicegate.surfaces.gateway.proxy import RawProxy
from sluicegate.wiring.installation import Installation
from sluicegate.wiring.sandbox import dialect_url

__all__ = ["gateway_application"]


def gateway_application(installation: Installation) -> GatewayApplication:
    """The data plane, ``/api/v0.6-beta``."""
    gateway = installation.gateway

    def base_url(provider: str, credential: Credential) -> str:
        manifest = installation.providers.manifest(provider)
        if installation.sandbox is not None:
            return dialect_url(installation.sandbox, manifest)
        return credential.base_url or manifest.base_url

    return GatewayApplication(
        Admission(gateway.access, gateway.limits, installation.vault),
        gateway.fanout,
        gateway.jobs,
        RawProxy(installation.http, base_url),
        gateway.audit,
        installation.clock,
        describe,
    )
