"""Signed links to bytes: compact, expiring, bound to one user and one file. They name no address to fetch from.

A token is ``base64url(fields | mac)`` without padding. The fields, big-endian:

    version 1 | signing key id 2 | flags 1 | methods 1 | job kind 1 | expiry in Unix seconds 4 | user 16 | job 16
    | issuing key 16, when its flag is set | file 16, or as text to the end, when its flag is set

``mac`` is HMAC-SHA256 cut to 16 bytes (RFC 2104 allows half of the output). An address, when the token is bound to one,
is not among the fields, only under the MAC: a link tells nobody where it may be used from.
"""

import base64
import binascii
import hashlib
import hmac
import ipaddress
import struct
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final
from urllib.parse import quote
from uuid import UUID

from sluicegate.core.errors import Unauthenticated
from sluicegate.core.names import safe_segment
from sluicegate.core.ports import Clock

__all__ = ["TOKEN_LENGTH_MAX", "ByteLinks", "Grant", "TokenSigner"]

TOKEN_LENGTH_MAX: Final = 256
"""Anything longer is refused before it is decoded."""

_HEAD: Final = struct.Struct(">B2sBBBI16s16s")
_VERSION: Final = 1
_MAC_BYTES: Final = 16
_CONTEXT: Final = b"sluicegate bytes token v1"
_KINDS: Final = ("job", "media")
_REFUSED: Final = "This link is not valid, or not any more."
_RENEW: Final = "Ask for a fresh link."


_BOUND_TO_ADDRESS: Final = 1
_MADE_FOR_KEY: Final = 2
_FILE_AS_TEXT: Final = 4
_METHODS: Final = {"GET": 1, "HEAD": 2}


@dataclass(frozen=True, slots=True)
class Grant:
    """What a valid token allows: reading one file as one user.

    Attributes:
        job_kind: ``job`` or ``media``.
        file_id: the file's UUID as text, or a short ASCII name of a part of the job.
        key_id: the key on whose behalf the link was made, when the link should die with it.
    """

    user_id: UUID
    job_kind: str
    job_id: UUID
    file_id: str
    expires_at: int
    key_id: UUID | None = None


class TokenSigner:
    """Signs and reads tokens.

    Args:
        keys: signing keys of at least 32 bytes; the first one signs, all of them verify. To rotate, put a new one in
            front; links of the old one work until it is taken away.
        clock: for expiry.
    """

    def __init__(self, keys: Sequence[bytes], clock: Clock) -> None:
        if not keys or any(len(key) < 32 for key in keys):
            raise ValueError("signing keys have at least 32 bytes, and there is at least one")
        self._keys = {_key_id(key): key for key in reversed(keys)}
        self._current = _key_id(keys[0])
        self._clock = clock

    def sign(self, grant: Grant, *, address: str | None = None) -> str:
        """A token for GET and HEAD; with ``address`` it works for that client address (IPv6: its /64) alone."""
        file, is_text = _packed_file(grant.file_id)
        flags = _BOUND_TO_ADDRESS if address is not None else 0
        flags |= _MADE_FOR_KEY if grant.key_id is not None else 0
        flags |= _FILE_AS_TEXT if is_text else 0
        fields = _HEAD.pack(
            _VERSION,
            self._current,
            flags,
            _METHODS["GET"] | _METHODS["HEAD"],
            _KINDS.index(grant.job_kind),
            grant.expires_at,
            grant.user_id.bytes,
            grant.job_id.bytes,
        )
        fields += (grant.key_id.bytes if grant.key_id is not None else b"") + file
        return _encode(fields + _mac(self._keys[self._current], fields, address))

    def read(self, token: str, *, method: str, address: str | None) -> Grant:
        """What ``token`` grants to a request with ``method`` from ``address``.

        Raises:
            Unauthenticated: altered, malformed, expired, for another method or address, or signed by a key that is
                gone. One answer for every cause.
        """
        raw = _decode(token)
        if raw is None or len(raw) < _HEAD.size + _MAC_BYTES + 1:
            raise Unauthenticated(_REFUSED, action=_RENEW)
        fields, mac = raw[:-_MAC_BYTES], raw[-_MAC_BYTES:]
        version, key_id, flags, methods, kind, expires_at, user, job = _HEAD.unpack_from(fields)
        key = self._keys.get(key_id)
        bound = address if flags & _BOUND_TO_ADDRESS else None
        genuine = key is not None and hmac.compare_digest(mac, _mac(key, fields, bound))
        if not genuine or version != _VERSION or (flags & _BOUND_TO_ADDRESS and address is None):
            raise Unauthenticated(_REFUSED, action=_RENEW)
        if expires_at <= self._clock.now().timestamp() or not methods & _METHODS.get(method, 0):
            raise Unauthenticated(_REFUSED, action=_RENEW)
        rest = fields[_HEAD.size :]
        issuer, file = (UUID(bytes=rest[:16]), rest[16:]) if flags & _MADE_FOR_KEY else (None, rest)
        file_id = file.decode("ascii") if flags & _FILE_AS_TEXT else str(UUID(bytes=file))
        return Grant(UUID(bytes=user), _KINDS[kind], UUID(bytes=job), file_id, expires_at, issuer)


class ByteLinks:
    """Makes whole URLs for ``services.playback``; ``base_url`` is asked each time, as a port may be known late."""

    def __init__(self, signer: TokenSigner, base_url: Callable[[], str], clock: Clock) -> None:
        self._signer = signer
        self._base_url = base_url
        self._clock = clock

    def sign(
        self,
        *,
        user_id: UUID,
        job_kind: str,
        job_id: UUID,
        file_id: str,
        name: str,
        expires_in: int,
        key_id: UUID | None = None,
        address: str | None = None,
    ) -> str:
        """An absolute URL that yields this one file, for GET and HEAD only, until it expires.

        The file's name at its end is for players that go by the extension; nothing trusts it.
        """
        expires_at = int(self._clock.now().timestamp()) + expires_in
        grant = Grant(user_id, job_kind, job_id, file_id, expires_at, key_id)
        token = self._signer.sign(grant, address=address)
        return f"{self._base_url().rstrip('/')}/bytes/{token}/{quote(safe_segment(name), safe='')}"


def _key_id(key: bytes) -> bytes:
    return hashlib.sha256(_CONTEXT + key).digest()[:2]


def _mac(key: bytes, fields: bytes, address: str | None) -> bytes:
    bound = _network(address) if address is not None else b""
    return hmac.digest(key, _CONTEXT + fields + bound, "sha256")[:_MAC_BYTES]


def _network(address: str) -> bytes:
    """The IPv4 address, or the /64 of an IPv6 address, within which one host changes its address at will."""
    try:
        parsed = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        return b"?" + address.encode("utf-8", "replace")
    if isinstance(parsed, ipaddress.IPv6Address):
        return parsed.packed[:8] if parsed.ipv4_mapped is None else parsed.ipv4_mapped.packed
    return parsed.packed


def _packed_file(file_id: str) -> tuple[bytes, bool]:
    try:
        packed = UUID(file_id)
    except ValueError:
        return file_id.encode("ascii"), True
    return (packed.bytes, False) if str(packed) == file_id else (file_id.encode("ascii"), True)


def _encode(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode("ascii")


def _decode(token: str) -> bytes | None:
    """The bytes of a token in its one spelling: Python's decoder skips foreign characters and ignores spare bits."""
    if len(token) > TOKEN_LENGTH_MAX or not token.isascii():
        return None
    try:
        raw = base64.urlsafe_b64decode(token + "=" * (-len(token) % 4))
    except binascii.Error:
        return None
    return raw if _encode(raw) == token else None
