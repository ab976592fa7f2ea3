"""A service account of its own, and the token service that believes it."""

import base64
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from aiohttp import web
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey, generate_private_key
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

EMAIL = "robot@project.iam.gserviceaccount.com"


def new_key() -> RSAPrivateKey:
    return generate_private_key(65537, 2048)


def key_file(key: RSAPrivateKey, token_uri: str) -> str:
    pem = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()
    fields = {"type": "service_account", "project_id": "project", "private_key": pem, "client_email": EMAIL}
    return json.dumps(fields | {"token_uri": token_uri, "private_key_id": "1"})


@asynccontextmanager
async def token_service(key: RSAPrivateKey) -> AsyncIterator[str]:
    """Checks the signed statement and gives out tokens; yields its address."""

    async def token(request: web.Request) -> web.Response:
        head, claims, signature = str((await request.post())["assertion"]).split(".")
        try:
            key.public_key().verify(_from64(signature), f"{head}.{claims}".encode(), PKCS1v15(), SHA256())
        except InvalidSignature:
            return web.json_response({"error": "invalid_grant"}, status=400)
        told = json.loads(_from64(claims))
        assert told["iss"] == EMAIL
        assert told["aud"] == str(request.url)
        return web.json_response({"access_token": "ya29.token", "expires_in": 3600, "token_type": "Bearer"})

    app = web.Application()
    app.router.add_post("/token", token)
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=1)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    assert site._server is not None
    try:
        yield f"http://127.0.0.1:{site._server.sockets[0].getsockname()[1]}/token"  # type: ignore[attr-defined]
    finally:
        await runner.cleanup()


def _from64(text: str) -> bytes:
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
