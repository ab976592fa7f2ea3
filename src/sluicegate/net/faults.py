"""Turns what can go wrong on a connection into core errors, without letting the library's texts through.

Those texts contain whole URLs, and the keys of some providers are query parameters. So nothing is copied from them and
they are not chained: the error names the origin (scheme, host, port) and the kind of fault, no more.
"""

import asyncio
import ssl

import aiohttp

from sluicegate.core.errors import ConnectionFailed, ProtocolError, SluicegateError, UpstreamTimeout
from sluicegate.net.connection import CutAnswer
from sluicegate.net.targets import Target
from sluicegate.net.transport import RefusedSocket

__all__ = ["FAULTS", "translate"]

FAULTS = (aiohttp.ClientError, CutAnswer, asyncio.TimeoutError, OSError, ValueError)
"""What the connection pools raise; ``ValueError`` comes from their parsers."""


def translate(error: Exception, target: Target, *, provider: str = "", streaming: bool = False) -> SluicegateError:
    """The core error for a transport fault.

    A body that ends too early is a ProtocolError for a whole answer; for a stream it is a ConnectionFailed, as its
    reader can go on at the byte where it broke.
    """
    kind = type(error).__name__
    if isinstance(error, aiohttp.ClientConnectorError) and isinstance(error.os_error, RefusedSocket):
        return error.os_error.refusal
    if isinstance(error, asyncio.TimeoutError):
        return UpstreamTimeout(f"No answer in time from {target.origin}.", provider=provider, upstream_code=kind)
    if isinstance(error, RefusedSocket):
        return error.refusal
    if isinstance(error, aiohttp.ClientPayloadError | CutAnswer) and not streaming:
        return ProtocolError(
            f"The answer of {target.origin} ends before its end.", provider=provider, upstream_code=kind
        )
    if isinstance(error, aiohttp.ClientSSLError | aiohttp.ClientConnectorCertificateError | ssl.SSLError):
        return ConnectionFailed(
            f"The identity of {target.origin} cannot be verified (TLS).",
            provider=provider,
            upstream_code=kind,
            action="Check this machine's clock and, for an own certificate authority, the configured CA file.",
        )
    if isinstance(error, aiohttp.ClientHttpProxyError):
        return ConnectionFailed(
            f"The egress proxy refused the connection to {target.origin}.",
            provider=provider,
            upstream_code=str(error.status),
            action="Check the proxy address and credential of this account.",
        )
    if isinstance(error, aiohttp.ClientResponseError | ValueError) and not isinstance(error, UnicodeError):
        return ProtocolError(f"{target.origin} does not speak valid HTTP.", provider=provider, upstream_code=kind)
    return ConnectionFailed(
        f"The connection to {target.origin} failed or broke.", provider=provider, upstream_code=kind
    )
