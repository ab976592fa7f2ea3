"""Refusing addresses that may not be connected to from here, before they are kept."""

import contextlib
from dataclasses import dataclass

from sluicegate.core.errors import ConnectionFailed, UpstreamTimeout
from sluicegate.net.egress import Egress

__all__ = ["AddressCheck"]


@dataclass(frozen=True, slots=True)
class AddressCheck:
    """Refuses URLs that the egress guard would refuse."""

    egress: Egress

    async def __call__(self, url: str) -> None:
        """Raises ForbiddenAddress; a name that does not resolve now may do so later."""
        target = self.egress.check_url(url)
        with contextlib.suppress(ConnectionFailed, UpstreamTimeout):  # see above
            await self.egress.approve(target.host, target.port)
