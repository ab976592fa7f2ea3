"""URLs of the stream proxies that users connect: how MediaFlow and StremThru want a direct link wrapped.

Pure functions over the wire forms of the library sheet, section 14; nothing here opens a connection.
"""

import base64
import json
import os
from collections.abc import Mapping
from typing import Any, Final
from urllib.parse import quote, urlencode

from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from cryptography.hazmat.primitives.padding import PKCS7

from sluicegate.core.errors import ProtocolError
from sluicegate.core.links import Link
from sluicegate.core.names import safe_segment
from sluicegate.core.stream_proxies import ProxyCredential

__all__ = ["mediaflow_url", "stremthru_address", "stremthru_authorization", "stremthru_form", "stremthru_link"]

_ENDPOINT: Final = "/proxy/stream"
_KEY_BYTES: Final = 32
_BLOCK_BITS: Final = 128
_PER_REQUEST: Final = frozenset({"range", "if-range"})
"""Headers that the player sends anew with each request; one that is fixed in the link would break every seek."""


def mediaflow_url(
    proxy: ProxyCredential,
    link: Link,
    name: str,
    *,
    expires_at: int,
    plain: bool = False,
    address: str | None = None,
) -> str:
    """A MediaFlow URL that plays ``link``; needs no call to the proxy.

    Args:
        proxy: whose.
        link: what to play; the headers it demands are handed on.
        name: file name at the end of the path, for players that go by it.
        expires_at: Unix seconds; acts on the encrypted form only.
        plain: the form that shows the link and the password; the only one for a proxy without a password.
        address: client address to which the encrypted form is bound.
    """
    file = quote(safe_segment(name), safe="")
    fields = {f"h_{key}": value for key, value in link.headers if key.lower() not in _PER_REQUEST} | {"d": link.url}
    password = proxy.token.reveal()
    if password:
        fields["api_password"] = password
    if plain or not password:
        return f"{proxy.base_url}{_ENDPOINT}/{file}?{urlencode(fields)}"
    told: dict[str, object] = {**fields, "exp": expires_at} | ({"ip": address} if address else {})
    return f"{proxy.base_url}/_token_{_sealed(password, told)}{_ENDPOINT}/{file}"


def stremthru_authorization(proxy: ProxyCredential) -> str:
    """The value of ``X-StremThru-Authorization``, whether the secret was stored plain or in base64."""
    text = proxy.token.reveal()
    return f"Basic {base64.b64encode(text.encode()).decode() if ':' in text else text}"


def stremthru_form(link: Link, name: str, *, seconds: int) -> list[tuple[str, str]]:
    """The form of ``POST /v0/proxy`` for one link that works for ``seconds``."""
    form = [("url", link.url), ("exp", f"{seconds}s"), ("filename[0]", safe_segment(name))]
    headers = "\n".join(f"{key}: {value}" for key, value in link.headers if key.lower() not in _PER_REQUEST)
    return [*form, ("req_headers[0]", headers)] if headers else form


def stremthru_link(answer: Any) -> str:  # noqa: ANN401 - a JSON document of a stranger
    """The one link of an answer to ``POST /v0/proxy``, in the server's envelope or without it.

    Raises:
        ProtocolError: the answer holds no link.
    """
    body = answer.get("data", answer) if isinstance(answer, Mapping) else None
    items = body.get("items") if isinstance(body, Mapping) else None
    if isinstance(items, list) and len(items) == 1:
        url = items[0]
        if isinstance(url, str) and url.lower().startswith(("https://", "http://")):
            return url
    raise ProtocolError("The stream proxy did not answer with a link.")


def stremthru_address(answer: Any) -> str | None:  # noqa: ANN401 - a JSON document of a stranger
    """The address that StremThru connects from, as ``GET /v0/health/__debug__`` tells it, or None."""
    address = _below(answer, "data", "ip", "exposed", "*") or _below(answer, "data", "ip", "machine")
    return address if isinstance(address, str) else None


def _below(document: Any, *names: str) -> Any:  # noqa: ANN401 - a JSON document of a stranger
    for name in names:
        document = document.get(name) if isinstance(document, Mapping) else None
    return document


def _sealed(password: str, fields: Mapping[str, object]) -> str:
    """MediaFlow's token: IV and AES-256-CBC of the JSON, the key being the password padded with spaces."""
    key = password.encode().ljust(_KEY_BYTES)[:_KEY_BYTES]
    vector = os.urandom(_BLOCK_BITS // 8)
    padder = PKCS7(_BLOCK_BITS).padder()
    padded = padder.update(json.dumps(fields).encode()) + padder.finalize()
    encryptor = Cipher(algorithms.AES(key), modes.CBC(vector)).encryptor()
    return base64.urlsafe_b64encode(vector + encryptor.update(padded) + encryptor.finalize()).decode().rstrip("=")
