"""Signatures of Azure Storage: Shared Key for requests, a service SAS for links.

Sources: "Authorize with Shared Key" and "Create a service SAS" in the Azure Storage REST reference.
"""

import base64
import binascii
import hmac
from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from typing import Final
from urllib.parse import parse_qsl, quote

from sluicegate.core.errors import InvalidInput
from sluicegate.core.secrets import Secret

__all__ = ["VERSION", "AccountKey", "Query", "SasToken", "encoded"]

VERSION: Final = "2021-12-02"
_LINES: Final = (
    "content-encoding", "content-language", "content-length", "content-md5", "content-type", "date",
    "if-modified-since", "if-match", "if-none-match", "if-unmodified-since", "range",
)  # fmt: skip

Query = Iterable[tuple[str, str]]


class AccountKey:
    """Signs with an account's key.

    Raises:
        InvalidInput: the key is not Base64.
    """

    def __init__(self, account: str, key: Secret) -> None:
        self._account = account
        try:
            self._key = base64.b64decode(key.reveal(), validate=True)
        except (binascii.Error, ValueError) as error:
            raise InvalidInput("account_key is not valid Base64.", field="account_key") from error

    def sign(self, method: str, path: str, query: Query, headers: Mapping[str, str]) -> tuple[Query, dict[str, str]]:
        """Query and headers of a request that proves who asks; ``path`` is encoded, as it is sent."""
        lower = {name.lower(): value for name, value in headers.items()}
        if lower.get("content-length") == "0":
            lower["content-length"] = ""
        lines = "".join(lower.get(name, "") + "\n" for name in _LINES)
        extra = "".join(f"{name}:{lower[name]}\n" for name in sorted(lower) if name.startswith("x-ms-"))
        named = "".join(f"\n{name}:{value}" for name, value in sorted(query))
        text = f"{method}\n{lines}{extra}/{self._account}{path}{named}"
        return query, dict(headers) | {"Authorization": f"SharedKey {self._account}:{self._mac(text)}"}

    def link(self, container: str, key: str, *, https: bool, expires_in: int, now: datetime) -> list[tuple[str, str]]:
        """The query of a link that reads one blob."""
        expiry = (now + timedelta(seconds=expires_in)).strftime("%Y-%m-%dT%H:%M:%SZ")
        protocol = "https" if https else "https,http"
        resource = f"/blob/{self._account}/{container}/{key}"
        fields = ("r", "", expiry, resource, "", "", protocol, VERSION, "b", "", "", "", "", "", "", "")
        signature = self._mac("\n".join(fields))
        return [("sp", "r"), ("se", expiry), ("spr", protocol), ("sv", VERSION), ("sr", "b"), ("sig", signature)]

    def _mac(self, text: str) -> str:
        return base64.b64encode(hmac.digest(self._key, text.encode(), "sha256")).decode()


class SasToken:
    """Adds a shared access signature that somebody else has made.

    Raises:
        InvalidInput: it has no signature.
    """

    def __init__(self, token: Secret) -> None:
        self._pairs = parse_qsl(token.reveal().strip().removeprefix("?"), keep_blank_values=True)
        if not any(name == "sig" for name, _ in self._pairs):
            raise InvalidInput("sas_token has no signature; copy the whole token.", field="sas_token")

    def sign(self, method: str, path: str, query: Query, headers: Mapping[str, str]) -> tuple[Query, dict[str, str]]:
        """Query and headers of a request."""
        del method, path
        return [*query, *self._pairs], dict(headers)

    def link(self, container: str, key: str, *, https: bool, expires_in: int, now: datetime) -> list[tuple[str, str]]:
        """The token itself: nothing narrower can be made of it (media jobs sheet, section 5.3)."""
        del container, key, https, expires_in, now
        return list(self._pairs)


def encoded(query: Query) -> str:
    """A query as it is sent."""
    return "&".join(f"{quote(name, safe='')}={quote(value, safe='')}" for name, value in query)
