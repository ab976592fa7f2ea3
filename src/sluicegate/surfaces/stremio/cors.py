"""Opens the add-on, and nothing else of this server, to every origin.

An add-on must answer every route so (sheet, section 12), refusals and unknown paths included; that is decided before a
framework knows the route. Its answers depend on nothing but the key in the path: no cookie, no header.
"""

from typing import Final

from sluicegate.web.asgi import Application, Message, Receive, Scope, Send

__all__ = ["BASE", "with_cors"]

BASE: Final = "/stremio"

_HEADERS: Final = (
    (b"access-control-allow-origin", b"*"),
    (b"access-control-allow-headers", b"*"),
    (b"access-control-allow-methods", b"GET, HEAD, OPTIONS"),
)
_PREFLIGHT_SECONDS: Final = b"86400"


def with_cors(app: Application) -> Application:
    """``app`` with the headers on whatever it answers below the add-on's path."""

    async def opened(scope: Scope, receive: Receive, send: Send) -> None:
        path = scope.get("path", "")
        if scope["type"] != "http" or not (path == BASE or path.startswith(BASE + "/")):
            await app(scope, receive, send)
            return
        if scope["method"] == "OPTIONS":
            headers = [*_HEADERS, (b"access-control-max-age", _PREFLIGHT_SECONDS), (b"content-length", b"0")]
            await send({"type": "http.response.start", "status": 204, "headers": headers})
            await send({"type": "http.response.body", "body": b""})
            return

        async def adding(message: Message) -> None:
            if message["type"] == "http.response.start":
                message = {**message, "headers": [*message.get("headers", ()), *_HEADERS]}
            await send(message)

        await app(scope, receive, adding)

    return opened
