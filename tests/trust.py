"""What the HTTP clients of tests trust is read once: to read it again for every client takes longer than most tests."""

import ssl
from typing import Any

from httpx._transports import default

__all__ = ["read_once"]


def read_once() -> None:
    """Has all clients of httpx that are told nothing else share one context; nearly all of them speak plain HTTP."""
    make, kept = default.create_ssl_context, list[ssl.SSLContext]()

    def shared(verify: Any = True, cert: Any = None, trust_env: bool = True) -> ssl.SSLContext:
        if verify is not True or cert is not None or not trust_env:
            return make(verify=verify, cert=cert, trust_env=trust_env)
        if not kept:
            kept.append(make())
        return kept[0]

    default.create_ssl_context = shared
