"""Signatures of version 4, as Amazon drew them up and Alibaba took them over.

Sources: "Signature Version 4 for API requests" in the AWS documentation, and "V4 signature" in that of Alibaba OSS. The
two differ in names, in which headers are signed, and in whether the path begins with the bucket.
"""

import hashlib
import hmac
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Final
from urllib.parse import quote

from sluicegate.core.secrets import Secret

__all__ = ["OSS", "S3", "UNSIGNED", "Dialect", "Query", "SignerV4", "canonical_query", "quoted"]

UNSIGNED: Final = "UNSIGNED-PAYLOAD"

Query = Iterable[tuple[str, str]]


@dataclass(frozen=True, slots=True)
class Dialect:
    """The words of one signature family."""

    algorithm: str
    key_prefix: str
    service: str
    terminator: str
    header_prefix: str
    signs_host: bool


S3: Final = Dialect("AWS4-HMAC-SHA256", "AWS4", "s3", "aws4_request", "x-amz-", signs_host=True)
OSS: Final = Dialect("OSS4-HMAC-SHA256", "aliyun_v4", "oss", "aliyun_v4_request", "x-oss-", signs_host=False)


class SignerV4:
    """Signs requests and links for one key in one region."""

    def __init__(self, dialect: Dialect, *, access_key: str, secret_key: Secret, region: str) -> None:
        self._dialect = dialect
        self._access_key = access_key
        self._secret_key = secret_key
        self._region = region

    def headers(
        self, method: str, path: str, query: Query, headers: Mapping[str, str], *, payload: str, now: datetime
    ) -> dict[str, str]:
        """``headers`` and those that prove who asks.

        Args:
            method: HTTP method.
            path: percent-encoded, with a leading slash, as the dialect wants it signed.
            query: in plain text.
            headers: must hold ``Host`` where the dialect signs it.
            payload: SHA-256 of the body in hex, or ``UNSIGNED-PAYLOAD``.
            now: aware UTC.
        """
        dialect = self._dialect
        stamp = _stamp(now)
        sent = dict(headers) | {
            f"{dialect.header_prefix}content-sha256": payload,
            f"{dialect.header_prefix}date": stamp,
        }
        lines = self._signed_headers(sent)
        signature = self._sign(stamp, self._canonical(method, path, query, lines, payload))
        scope = f"{self._access_key}/{self._scope(stamp)}"
        signed = f"SignedHeaders={';'.join(name for name, _ in lines)}, " if dialect.signs_host else ""
        joint = f"{dialect.algorithm} Credential={scope}, {signed}Signature={signature}"
        return sent | {"Authorization": joint if dialect.signs_host else joint.replace(", ", ",")}

    def link(self, path: str, query: Query, *, host: str, expires_in: int, now: datetime) -> list[tuple[str, str]]:
        """The query of a link that lets anybody GET ``path`` for ``expires_in`` seconds."""
        dialect = self._dialect
        stamp = _stamp(now)
        scope = f"{self._access_key}/{self._scope(stamp)}"
        if dialect.signs_host:
            names = ("X-Amz-Algorithm", "X-Amz-Credential", "X-Amz-Date", "X-Amz-Expires")
            extra = [("X-Amz-SignedHeaders", "host")]
            lines, signature_name = [("host", host)], "X-Amz-Signature"
        else:
            names = ("x-oss-signature-version", "x-oss-credential", "x-oss-date", "x-oss-expires")
            extra, lines, signature_name = [], [], "x-oss-signature"
        values = (dialect.algorithm, scope, stamp, str(expires_in))
        full = [*query, *zip(names, values, strict=True), *extra]
        signature = self._sign(stamp, self._canonical("GET", path, full, lines, UNSIGNED))
        return [*full, (signature_name, signature)]

    def _signed_headers(self, headers: Mapping[str, str]) -> list[tuple[str, str]]:
        wanted = {"content-type", "content-md5"} | ({"host", "range"} if self._dialect.signs_host else set())
        lower = {name.lower(): " ".join(value.split()) for name, value in headers.items()}
        return sorted(
            (name, value)
            for name, value in lower.items()
            if name in wanted or name.startswith(self._dialect.header_prefix)
        )

    def _canonical(self, method: str, path: str, query: Query, lines: list[tuple[str, str]], payload: str) -> str:
        headers = "".join(f"{name}:{value}\n" for name, value in lines)
        # Alibaba lists only additional headers here, and we sign none of those.
        names = ";".join(name for name, _ in lines) if self._dialect.signs_host else ""
        shown = canonical_query(query, bare=not self._dialect.signs_host)
        return f"{method}\n{path}\n{shown}\n{headers}\n{names}\n{payload}"

    def _scope(self, stamp: str) -> str:
        return f"{stamp[:8]}/{self._region}/{self._dialect.service}/{self._dialect.terminator}"

    def _sign(self, stamp: str, canonical: str) -> str:
        dialect = self._dialect
        digest = hashlib.sha256(canonical.encode()).hexdigest()
        text = f"{dialect.algorithm}\n{stamp}\n{self._scope(stamp)}\n{digest}"
        key = (dialect.key_prefix + self._secret_key.reveal()).encode()
        for step in (stamp[:8], self._region, dialect.service, dialect.terminator, text):
            key = hmac.digest(key, step.encode(), "sha256")
        return key.hex()


def quoted(text: str, *, safe: str = "/") -> str:
    """Percent-encoded as RFC 3986 has it, and as every signature wants it."""
    return quote(text, safe=f"{safe}-._~")


def canonical_query(query: Query, *, bare: bool = False) -> str:
    """Sorted and encoded; ``bare`` leaves the equals sign of empty values out, as Alibaba does."""
    pairs = sorted((quoted(name, safe=""), quoted(value, safe="")) for name, value in query)
    return "&".join(name if bare and not value else f"{name}={value}" for name, value in pairs)


def _stamp(now: datetime) -> str:
    return now.strftime("%Y%m%dT%H%M%SZ")
