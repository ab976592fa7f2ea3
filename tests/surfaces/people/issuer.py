"""An issuer of JSON web tokens that publishes its keys over HTTP, and whose tokens can be wrong in every way."""

import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

from joserfc import jwt
from joserfc.jwk import ECKey, KeySet, RSAKey
from litestar import Litestar, Response, get
from tests.surfaces.serving import serving

__all__ = ["Issuer", "running_issuer"]


@dataclass
class Issuer:
    """Its keys, and what it publishes of them."""

    url: str = ""
    keys: dict[str, Any] = field(default_factory=dict)
    published: list[str] = field(default_factory=list)
    broken: bool = False
    fetched: int = 0

    @property
    def name(self) -> str:
        return f"{self.url}/auth/v1"

    def add(self, kid: str, *, kind: str = "RSA", publish: bool = True) -> None:
        parameters = {"kid": kid, "use": "sig"}
        self.keys[kid] = (
            RSAKey.generate_key(2048, parameters) if kind == "RSA" else ECKey.generate_key("P-256", parameters)
        )
        if publish:
            self.published.append(kid)

    def document(self) -> dict[str, Any]:
        return KeySet([self.keys[kid] for kid in self.published]).as_dict(private=False)

    def token(self, kid: str = "one", alg: str = "RS256", *, key: Any = None, header: Any = None, **claims: Any) -> str:
        now = int(time.time())
        body = {"iss": self.name, "aud": "authenticated", "sub": "person", "exp": now + 600, "iat": now} | claims
        body = {name: value for name, value in body.items() if value is not ...}
        return jwt.encode({"alg": alg, "kid": kid} | (header or {}), body, key or self.keys[kid], algorithms=[alg])


@asynccontextmanager
async def running_issuer() -> AsyncIterator[Issuer]:
    issuer = Issuer()

    @get("/auth/v1/.well-known/jwks.json")
    async def keys() -> Response[Any]:
        issuer.fetched += 1
        if issuer.broken:
            return Response({"error": "away"}, status_code=503)
        return Response(issuer.document())

    async with serving(Litestar([keys], logging_config=None, openapi_config=None)) as url:
        issuer.url = url
        issuer.add("one")
        issuer.add("curve", kind="EC")
        issuer.add("hidden", publish=False)
        yield issuer
