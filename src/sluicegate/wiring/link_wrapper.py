"""Asks the stream proxies that users connect: MediaFlow and StremThru (library sheet, section 14).

Their addresses come from users, so every call goes through the egress guard, and follows no redirect.
"""

import time
from collections import OrderedDict
from typing import Any, Final

from sluicegate.core.errors import CredentialsRejected, ProtocolError, UpstreamError, UpstreamServerError
from sluicegate.core.links import Link
from sluicegate.core.ports import Clock
from sluicegate.core.stream_proxies import ProxyCredential, ProxyKind
from sluicegate.net.answers import Answer
from sluicegate.net.http import Http
from sluicegate.services.play_wrapping import (
    mediaflow_url,
    stremthru_address,
    stremthru_authorization,
    stremthru_form,
    stremthru_link,
)

__all__ = ["HttpLinkWrapper"]

_SECONDS: Final = 10.0
_BODY_MAX: Final = 256 * 1024
_ADDRESS_SECONDS: Final = 600.0
_ADDRESSES_MAX: Final = 1_024


class HttpLinkWrapper:
    """Implements ``services.playback.LinkWrapper``."""

    def __init__(self, http: Http, clock: Clock) -> None:
        self._http = http
        self._clock = clock
        self._addresses: OrderedDict[ProxyCredential, tuple[float, str | None]] = OrderedDict()

    async def address(self, proxy: ProxyCredential) -> str | None:
        """See the port. A proxy that is out of reach tells when the link is wrapped or played."""
        until, address = self._addresses.get(proxy, (0.0, None))
        if until > time.monotonic():
            return address
        try:
            address = await self.probe(proxy)
        except UpstreamError:
            return None
        self._addresses[proxy] = (time.monotonic() + _ADDRESS_SECONDS, address)
        while len(self._addresses) > _ADDRESSES_MAX:
            self._addresses.popitem(last=False)
        return address

    async def probe(self, proxy: ProxyCredential) -> str | None:
        """Tries a proxy's secret; the address that it fetches from, None when it does not tell.

        Raises:
            CredentialsRejected: it does not accept the secret.
            UpstreamError: it cannot be reached, or is no such proxy.
        """
        if proxy.kind is ProxyKind.MEDIAFLOW:
            answer = await self._get(proxy, "/proxy/ip", ("api_password", proxy.token.reveal()))
            told = _object(answer).get("ip")
            return told if isinstance(told, str) else None
        header = ("x-stremthru-authorization", stremthru_authorization(proxy))
        document = _object(await self._get(proxy, "/v0/health/__debug__", header))
        data = document.get("data")
        if not isinstance(data, dict) or "user" not in data:
            raise CredentialsRejected("The stream proxy does not accept this user and password.")
        return stremthru_address(document)

    async def wrap(self, proxy: ProxyCredential, link: Link, name: str, *, seconds: int, plain: bool) -> str:
        """See the port."""
        if proxy.kind is ProxyKind.MEDIAFLOW:
            expires_at = int(self._clock.now().timestamp()) + seconds
            return mediaflow_url(proxy, link, name, expires_at=expires_at, plain=plain)
        # The secret as a query parameter instead of a header is how StremThru is asked for a plain link.
        authorization = stremthru_authorization(proxy)
        answer = await self._http.request(
            "POST",
            f"{proxy.base_url}/v0/proxy",
            headers=() if plain else (("x-stremthru-authorization", authorization),),
            params=[("token", authorization.removeprefix("Basic "))] if plain else None,
            form=stremthru_form(link, name, seconds=seconds),
            timeout=_SECONDS,
            max_body=_BODY_MAX,
        )
        return stremthru_link(_object(_accepted(answer)))

    async def _get(self, proxy: ProxyCredential, path: str, header: tuple[str, str]) -> Answer:
        url = f"{proxy.base_url}{path}"
        return _accepted(await self._http.request("GET", url, headers=(header,), timeout=_SECONDS, max_body=_BODY_MAX))


def _accepted(answer: Answer) -> Answer:
    if answer.status in {401, 403}:
        raise CredentialsRejected(
            "The stream proxy does not accept its password.",
            upstream_code=str(answer.status),
            action="Connect the stream proxy again with the right password.",
        )
    if answer.status >= 500:
        raise UpstreamServerError("The stream proxy reports a fault.", upstream_code=str(answer.status))
    if not answer.ok:
        raise ProtocolError(f"The stream proxy answered {answer.status}.", upstream_code=str(answer.status))
    return answer


def _object(answer: Answer) -> dict[str, Any]:
    return answer.json(dict[str, Any])
