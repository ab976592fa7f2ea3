"""Headers that every answer carries unless its route has set them itself."""

from typing import Final

from sluicegate.web.asgi import Application, Message, Receive, Scope, Send

__all__ = ["with_security_headers"]

_DEFAULTS: Final = (
    (b"x-content-type-options", b"nosniff"),
    (b"referrer-policy", b"no-referrer"),
    (b"x-frame-options", b"DENY"),
    (b"cross-origin-opener-policy", b"same-origin"),
    (b"content-security-policy", b"default-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"),
)
"""The policy suits answers that are no pages; a page names what it loads in its own."""

_ONLY_TLS: Final = (b"strict-transport-security", b"max-age=31536000")
"""Not for subdomains: of those we know nothing."""


def with_security_headers(app: Application, *, tls: bool = False) -> Application:
    """``app`` with the headers added. Cross-origin reading stays closed: no CORS header is ever added.

    Args:
        app: what answers.
        tls: this server speaks TLS itself, so browsers are told to come by it from now on.
    """
    defaults = (*_DEFAULTS, _ONLY_TLS) if tls else _DEFAULTS
    names = frozenset(name for name, _ in defaults)

    async def guarded(scope: Scope, receive: Receive, send: Send) -> None:
        async def adding(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = list(message.get("headers", ()))
                present = {name.lower() for name, _ in headers}
                missing = [line for line in defaults if line[0] not in present] if present & names else defaults
                headers += missing
                message = {**message, "headers": headers}
            await send(message)

        await app(scope, receive, adding if scope["type"] == "http" else send)

    return guarded
