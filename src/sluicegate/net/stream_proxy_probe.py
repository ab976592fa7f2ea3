"""Tries the secret of a user's stream proxy at the proxy itself (library sheet, section 7).

MediaFlow: ``GET /proxy/ip?api_password=…`` answers ``{"ip": "…"}``. StremThru: ``GET /v0/health/__debug__`` tells the
user only to whoever is authorised.
"""

import base64
import json
from typing import Any, Final

from sluicegate.core.errors import CredentialsRejected, ProtocolError, UpstreamServerError
from sluicegate.core.stream_proxies import ProxyCredential, ProxyKind
from sluicegate.net.http import Answer, Http

__all__ = ["StreamProxyProbe"]

_SECONDS: Final = 10.0
_BODY_MAX: Final = 256 * 1024


class StreamProxyProbe:
    """Implements ``services.integrations.ProxyProbe`` through the egress guard, without following redirects."""

    def __init__(self, http: Http) -> None:
        self._http = http

    async def __call__(self, credential: ProxyCredential) -> None:
        """See the port."""
        if credential.kind is ProxyKind.MEDIAFLOW:
            answer = await self._get(credential, "/proxy/ip", params={"api_password": credential.token.reveal()})
            if not isinstance(_json(answer, credential.kind).get("ip"), str):
                raise ProtocolError("This is no MediaFlow proxy.", provider=credential.kind)
            return
        headers = {"X-StremThru-Authorization": f"Basic {_basic(credential.token.reveal())}"}
        answer = await self._get(credential, "/v0/health/__debug__", headers=headers)
        told = _json(answer, credential.kind).get("data")
        if not isinstance(told, dict):
            raise ProtocolError("This is no StremThru server.", provider=credential.kind)
        if not told.get("user"):
            raise CredentialsRejected("The proxy does not accept this user and password.", provider=credential.kind)

    async def _get(self, credential: ProxyCredential, path: str, **more: Any) -> Answer:  # noqa: ANN401 - as ``Http.request``
        return await self._http.request(
            "GET", credential.base_url + path, timeout=_SECONDS, max_body=_BODY_MAX, provider=credential.kind, **more
        )


def _json(answer: Answer, kind: ProxyKind) -> dict[str, Any]:
    if answer.status in {401, 403}:
        raise CredentialsRejected("The proxy does not accept this secret.", provider=kind)
    if answer.status != 200:
        raise UpstreamServerError(f"The proxy answered {answer.status}.", provider=kind)
    try:
        told = json.loads(answer.body)
    except (ValueError, RecursionError) as error:
        raise ProtocolError("The proxy's answer is no JSON.", provider=kind) from error
    return told if isinstance(told, dict) else {}


def _basic(text: str) -> str:
    """StremThru's users give their credential plain or in base64 already."""
    return base64.b64encode(text.encode()).decode() if ":" in text else text
