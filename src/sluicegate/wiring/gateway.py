"""The canonical gateway of an installation, put together."""

from collections.abc import Callable, Mapping
from contextlib import AbstractAsyncContextManager
from typing import Final

from sluicegate.core.accounts import Credential
from sluicegate.core.errors import UpstreamError
from sluicegate.core.pacing import Priority
from sluicegate.net.answers import Answer
from sluicegate.providers.debridlink.errors import failure as debridlink_failure
from sluicegate.providers.realdebrid.errors import failure as realdebrid_failure
from sluicegate.providers.torbox.errors import failure as torbox_failure
from sluicegate.providers.torrin.errors import failure as torrin_failure
from sluicegate.surfaces.gateway.admission import Admission
from sluicegate.surfaces.gateway.application import GatewayApplication
from sluicegate.surfaces.gateway.description import describe
from sluicegate.surfaces.gateway.proxy import RawProxy
from sluicegate.wiring.installation import Installation
from sluicegate.wiring.sandbox import dialect_url

__all__ = ["admission_of", "gateway_application"]

_FAILURES: Final[Mapping[str, Callable[[Answer], UpstreamError]]] = {
    "debridlink": debridlink_failure,
    "realdebrid": realdebrid_failure,
    "torbox": torbox_failure,
    "torrin": torrin_failure,
}
"""Providers whose refusals can be read without knowing what was asked; of the others a 429 says enough."""


def gateway_application(installation: Installation) -> GatewayApplication:
    """The data plane, ``/api/v0.6-beta``."""
    gateway = installation.gateway

    def base_url(provider: str, credential: Credential) -> str:
        manifest = installation.providers.manifest(provider)
        if installation.sandbox is not None:
            return dialect_url(installation.sandbox, manifest)
        return credential.base_url or manifest.base_url

    def turn(provider: str, credential: Credential, calls: str) -> AbstractAsyncContextManager[None]:
        limits = installation.providers.manifest(provider).limits
        return installation.pacing.turn(
            credential.account_id, limits, calls=calls, priority=Priority.PLAY, provider=provider
        )

    return GatewayApplication(
        admission_of(installation),
        gateway.fanout,
        gateway.jobs,
        RawProxy(installation.http, base_url, turn, _judge, installation.blocklist),
        gateway.audit,
        installation.clock,
        describe,
    )


def admission_of(installation: Installation) -> Admission:
    """What lets calls in."""
    gateway, plain_http = installation.gateway, installation.settings.gateway_plain_http
    return Admission(gateway.access, gateway.limits, installation.vault, plain_http=plain_http)


def _judge(provider: str, answer: Answer) -> UpstreamError | None:
    read = _FAILURES.get(provider)
    return read(answer) if read else None
