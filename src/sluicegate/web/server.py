"""How uvicorn is set up to serve us."""

import ssl
from typing import Final

import uvicorn
from uvicorn._types import ASGIApplication

from sluicegate.web.protocol import ByteProtocol

__all__ = ["server_config"]

_KEEP_ALIVE_SECONDS: Final = 30
_SHUTDOWN_SECONDS: Final = 10
_BACKLOG: Final = 1024


def server_config(
    app: ASGIApplication, *, host: str = "127.0.0.1", port: int = 0, tls: ssl.SSLContext | None = None
) -> uvicorn.Config:
    """The configuration of one server process; with ``tls`` it speaks nothing else.

    No access log: request targets carry tokens. No ``Server`` header: it tells attackers only. No proxy headers: who
    may set ``X-Forwarded-For`` is decided in ``web.peer``, on the real peer. Web sockets are not spoken here.
    """
    return uvicorn.Config(
        app,
        host=host,
        port=port,
        ssl_context_factory=None if tls is None else lambda _config, _default: tls,
        http=ByteProtocol,
        ws="none",
        log_config=None,
        access_log=False,
        server_header=False,
        proxy_headers=False,
        backlog=_BACKLOG,
        timeout_keep_alive=_KEEP_ALIVE_SECONDS,
        timeout_graceful_shutdown=_SHUTDOWN_SECONDS,
    )
