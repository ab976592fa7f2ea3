"""A Google service account: access tokens for requests, signatures for links.

Sources: "Using OAuth 2.0 for server to server applications" (RFC 7523) and "V4 signing process" of Cloud Storage.
"""

import asyncio
import base64
import binascii
import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final
from urllib.parse import urlencode

import msgspec
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from sluicegate.core.errors import InvalidInput, ProtocolError, StorageDenied, StorageUnavailable
from sluicegate.core.ports import Clock
from sluicegate.core.secrets import Secret
from sluicegate.storages.object_store.calls import Calls
from sluicegate.storages.object_store.faults import fault
from sluicegate.storages.object_store.signing_v4 import canonical_query

__all__ = ["GoogleKey", "GoogleTokens", "read_google_key"]

_SCOPE: Final = "https://www.googleapis.com/auth/devstorage.read_write"
_GRANT: Final = "urn:ietf:params:oauth:grant-type:jwt-bearer"
_TOKEN_URI: Final = "https://oauth2.googleapis.com/token"  # noqa: S105 - an address
_TOKEN_SECONDS: Final = 3600
_MARGIN: Final = 120.0
_FIELD: Final = "service_account_json"


class _KeyFile(msgspec.Struct):
    type: str
    project_id: str
    private_key: str
    client_email: str
    token_uri: str = _TOKEN_URI


class _Token(msgspec.Struct):
    access_token: str
    expires_in: int = _TOKEN_SECONDS


@dataclass(frozen=True, slots=True)
class GoogleKey:
    """A service account's key, ready to sign."""

    email: str
    token_uri: str
    private: RSAPrivateKey = field(repr=False)

    def assertion(self, now: datetime) -> str:
        """A signed statement of who we are (a JWT), to be exchanged for a token."""
        issued = int(now.timestamp())
        claims = {
            "iss": self.email,
            "scope": _SCOPE,
            "aud": self.token_uri,
            "iat": issued,
            "exp": issued + _TOKEN_SECONDS,
        }
        parts = [_url64(msgspec.json.encode(part)) for part in ({"alg": "RS256", "typ": "JWT"}, claims)]
        return ".".join([*parts, _url64(self._sign(".".join(parts)))])

    def link(self, host: str, path: str, *, expires_in: int, now: datetime) -> Sequence[tuple[str, str]]:
        """The query of a link that lets anybody GET ``path`` (encoded) for ``expires_in`` seconds."""
        stamp = now.strftime("%Y%m%dT%H%M%SZ")
        scope = f"{stamp[:8]}/auto/storage/goog4_request"
        query = [
            ("X-Goog-Algorithm", "GOOG4-RSA-SHA256"),
            ("X-Goog-Credential", f"{self.email}/{scope}"),
            ("X-Goog-Date", stamp),
            ("X-Goog-Expires", str(expires_in)),
            ("X-Goog-SignedHeaders", "host"),
        ]
        canonical = f"GET\n{path}\n{canonical_query(query)}\nhost:{host}\n\nhost\nUNSIGNED-PAYLOAD"
        digest = hashlib.sha256(canonical.encode()).hexdigest()
        signature = self._sign(f"GOOG4-RSA-SHA256\n{stamp}\n{scope}\n{digest}").hex()
        return [*query, ("X-Goog-Signature", signature)]

    def _sign(self, text: str) -> bytes:
        return self.private.sign(text.encode(), PKCS1v15(), SHA256())


def read_google_key(text: Secret) -> GoogleKey:
    """Reads a key file, as JSON or as Base64 of it.

    Raises:
        InvalidInput: it is not a service account's key file; the message tells nothing of its content.
    """
    raw = text.reveal().strip().encode()
    if not raw.startswith(b"{"):
        try:
            raw = base64.b64decode(raw, validate=True)
        except (binascii.Error, ValueError) as error:
            raise InvalidInput(f"{_FIELD} is neither JSON nor Base64 of it.", field=_FIELD) from error
    try:
        file = msgspec.json.decode(raw, type=_KeyFile)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        raise InvalidInput(
            f"{_FIELD} needs type, project_id, private_key and client_email as texts.", field=_FIELD
        ) from None
    if file.type != "service_account":
        raise InvalidInput(f"{_FIELD} must have the type 'service_account'.", field=_FIELD)
    try:
        private: Any = load_pem_private_key(file.private_key.encode(), password=None)
    except (ValueError, TypeError):
        private = None
    if not isinstance(private, RSAPrivateKey):
        raise InvalidInput(f"The private_key in {_FIELD} is not an RSA key in PEM form.", field=_FIELD)
    return GoogleKey(file.client_email, file.token_uri or _TOKEN_URI, private)


class GoogleTokens:
    """Access tokens of one service account, renewed before they expire; one request at a time asks for a new one."""

    def __init__(self, calls: Calls, key: GoogleKey, clock: Clock) -> None:
        self._calls = calls
        self._key = key
        self._clock = clock
        self._token = ""
        self._until = 0.0
        self._asking = asyncio.Lock()

    async def headers(self) -> dict[str, str]:
        """The header that proves who asks. Raises StorageDenied, StorageUnavailable."""
        async with self._asking:
            if self._clock.monotonic() >= self._until:
                await self._renew()
            return {"Authorization": f"Bearer {self._token}"}

    async def _renew(self) -> None:
        assertion = await asyncio.to_thread(self._key.assertion, self._clock.now())
        body = urlencode({"grant_type": _GRANT, "assertion": assertion}).encode()
        kind = {"Content-Type": "application/x-www-form-urlencoded"}
        answer = await self._calls.send("POST", self._key.token_uri, kind, body)
        try:
            if answer.status in {400, 401}:
                raise StorageDenied(
                    "invalid_grant: Google does not accept this service account key.", reason="invalid_grant"
                )
            if not answer.ok:
                raise fault(answer.status, "", retry_after=answer.retry_after)
            token = answer.json(_Token)
        except ProtocolError as error:
            raise StorageUnavailable("Google's token service answered something else than a token.") from error
        self._token = Secret(token.access_token).reveal()
        self._until = self._clock.monotonic() + max(0.0, token.expires_in - _MARGIN)


def _url64(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()
