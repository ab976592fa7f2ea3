"""JSON web tokens as credentials: short-lived ones of our own, and those of one other issuer (OIDC, Supabase).

Which keys and algorithms count is decided by the issuer that a token names, never by the token's header: an issuer with
public keys has no shared secret in its list, so that a public key is never taken for one (RFC 8725, section 3.1).

The library for tokens is loaded by the first token: three megabytes, which processes without tokens save.
"""

import base64
import binascii
import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final, Protocol
from uuid import UUID, uuid5

from sluicegate.core.errors import NotFound, Unauthenticated
from sluicegate.core.keys import KeyKind, TokenKey
from sluicegate.core.ports import Clock, UnitOfWorkFactory
from sluicegate.core.secrets import Secret

if TYPE_CHECKING:
    from joserfc.jwk import Key as WebKey
    from joserfc.jwk import OctKey

__all__ = [
    "AUDIENCE",
    "ISSUER",
    "TOKEN_LENGTH_MAX",
    "KeyFinder",
    "OtherIssuer",
    "OwnTokens",
    "People",
    "SessionStanding",
    "SharedSecret",
    "TokenReader",
]

ISSUER: Final = "sluicegate"
AUDIENCE: Final = "sluicegate-api"
TOKEN_LENGTH_MAX: Final = 8192
"""Anything longer is refused before it is decoded."""

_SECONDS_MAX: Final = 3600
_LEEWAY: Final = 30
_REFUSED: Final = "This token is not valid, or not any more."
_RENEW: Final = "Sign in again, or use a key 'tu_…'."
_TOKEN_NAMESPACE: Final = UUID("5b0d4a5c-7a51-4c0e-9d5c-5a1f6d3a9b10")


class KeyFinder(Protocol):
    """The keys of an issuer."""

    async def find(self, algorithm: str, key_id: str | None) -> "WebKey | None":
        """The key that may have signed with this algorithm under this id; an algorithm that is not allowed has none."""
        ...


class People(Protocol):
    """Which user a subject of an issuer is (``services.identities``)."""

    async def user_of(self, issuer: str, subject: str, *, email: str) -> UUID:
        """The user. Raises Unauthenticated when there is none here, and none may be made."""
        ...


@dataclass(frozen=True, slots=True)
class SharedSecret:
    """The key of an issuer that signs with HS256 (Supabase's legacy secret)."""

    key: "OctKey" = field(repr=False)

    @classmethod
    def of(cls, secret: Secret) -> "SharedSecret":
        """From the secret as text."""
        from joserfc.jwk import OctKey

        return cls(OctKey.import_key(secret.reveal()))

    async def find(self, algorithm: str, key_id: str | None) -> "WebKey | None":
        """See ``KeyFinder``; the id does not matter, as there is one key only."""
        del key_id
        return self.key if algorithm == "HS256" else None


class OwnTokens:
    """Makes and reads the tokens that our own pages use.

    Args:
        keys: at least 32 bytes each; the first one signs, all verify, as in ``web.signing``.
        clock: for the times in tokens.
    """

    def __init__(self, keys: Sequence[bytes], clock: Clock) -> None:
        self._keys = {_key_id(key): _derived(key) for key in reversed(keys)}
        self._current = _key_id(keys[0])
        self._clock = clock

    def issue(self, user_id: UUID, *, seconds: int = 900, session: str = "") -> Secret:
        """A token for the API.

        Args:
            user_id: whose.
            seconds: how long it works, an hour at most.
            session: the sign-in it belongs to; whoever reads the token can ask whether that still stands.
        """
        now = int(self._clock.now().timestamp())
        claims = {"iss": ISSUER, "aud": AUDIENCE, "sub": str(user_id), "iat": now, "nbf": now}
        claims["exp"] = now + min(seconds, _SECONDS_MAX)
        if session:
            claims["session_id"] = session
        header = {"alg": "HS256", "kid": self._current}
        from joserfc import jwt

        return Secret(jwt.encode(header, claims, self._key(self._current), algorithms=["HS256"]))

    async def find(self, algorithm: str, key_id: str | None) -> "WebKey | None":
        """See ``KeyFinder``."""
        return self._key(key_id) if algorithm == "HS256" and key_id in self._keys else None

    def _key(self, key_id: str) -> "OctKey":
        from joserfc.jwk import OctKey

        return OctKey.import_key(self._keys[key_id])


class SessionStanding(Protocol):
    """Whether a sign-in still stands."""

    async def check(self, session: str, user_id: UUID) -> None:
        """Raises AccessDenied when it has ended."""
        ...


@dataclass(frozen=True, slots=True)
class OtherIssuer:
    """An issuer that the operator trusts.

    Attributes:
        name: its ``iss``, letter by letter.
        audience: what ``aud`` must be or hold.
    """

    name: str
    audience: str
    keys: KeyFinder


class TokenReader:
    """Turns tokens into callers.

    Args:
        own: our own tokens.
        others: issuers besides.
        people: maps their subjects to users.
        transactions: to see that a user still exists.
        clock: decides what has expired.
        sessions: asked about own tokens that belong to a sign-in.
    """

    def __init__(
        self,
        own: OwnTokens,
        others: Sequence[OtherIssuer],
        people: People,
        transactions: UnitOfWorkFactory,
        clock: Clock,
        *,
        sessions: SessionStanding | None = None,
    ) -> None:
        self._issuers = {other.name: other for other in others} | {ISSUER: OtherIssuer(ISSUER, AUDIENCE, own)}
        self._people = people
        self._transactions = transactions
        self._clock = clock
        self._sessions = sessions

    async def read(self, text: str) -> TokenKey:
        """The caller behind a token.

        Raises:
            Unauthenticated: malformed, altered, expired, for somebody else, by an unknown issuer, or of nobody here.
            UpstreamError: the issuer's keys are not known, and it does not give them right now.
        """
        header, claimed = _unverified(text)
        issuer = self._issuers.get(_text(claimed.get("iss")))
        if issuer is None:
            raise _refused()
        claims = await self._verified(text, header, issuer)
        try:
            user_id = await self._user(issuer, claims)
        except NotFound as error:
            raise _refused() from error
        ends, made = _moment(claims["exp"] + _LEEWAY), _moment(claims.get("iat", claims["exp"]))
        named = "" if issuer.name == ISSUER else issuer.name
        return TokenKey(
            uuid5(_TOKEN_NAMESPACE, text), user_id, KeyKind.LIBRARY, "", "token", made, revoked_at=ends,
            issuer=named, email=_text(claims.get("email"))[:320],
        )  # fmt: skip

    async def _verified(self, text: str, header: Mapping[str, Any], issuer: OtherIssuer) -> dict[str, Any]:
        from joserfc import jwt
        from joserfc.errors import JoseError

        algorithm, key_id = _text(header.get("alg")), header.get("kid")
        if "crit" in header:  # whatever it demands, it is not done here
            raise _refused()
        key = await issuer.keys.find(algorithm, key_id if isinstance(key_id, str) else None)
        if key is None:
            raise _refused()
        now = int(self._clock.now().timestamp())
        rules = jwt.JWTClaimsRegistry(
            now=now, leeway=_LEEWAY,
            iss={"essential": True, "value": issuer.name}, aud={"essential": True, "value": issuer.audience},
            exp={"essential": True}, sub={"essential": True},
        )  # fmt: skip
        try:
            claims: dict[str, Any] = jwt.decode(text, key, algorithms=[algorithm]).claims
            rules.validate(claims)
        except (JoseError, ValueError, TypeError, OverflowError) as error:
            raise _refused() from error
        return claims

    async def _user(self, issuer: OtherIssuer, claims: Mapping[str, Any]) -> UUID:
        subject = _text(claims.get("sub"))
        if issuer.name != ISSUER:
            return await self._people.user_of(issuer.name, subject, email=_text(claims.get("email")))
        try:
            user_id = UUID(subject)
        except ValueError as error:
            raise _refused() from error
        if self._sessions is not None and (session := _text(claims.get("session_id"))):
            await self._sessions.check(session, user_id)
        async with self._transactions() as tx:
            return (await tx.users.get(user_id)).id


def _unverified(text: str) -> tuple[dict[str, Any], dict[str, Any]]:
    """Header and claims of something that looks like a token; nothing of it is believed yet."""
    parts = text.split(".")
    if len(text) > TOKEN_LENGTH_MAX or not text.isascii() or len(parts) != 3:
        raise _refused()
    found = [_segment(part) for part in parts[:2]]
    if not all(isinstance(value, dict) for value in found):
        raise _refused()
    return found[0], found[1]


def _segment(part: str) -> Any:  # noqa: ANN401 - whatever a stranger sent
    try:
        return json.loads(base64.urlsafe_b64decode(part + "=" * (-len(part) % 4)))
    except (binascii.Error, ValueError, RecursionError):
        return None


def _moment(seconds: float) -> datetime:
    try:
        return datetime.fromtimestamp(seconds, UTC)
    except (ValueError, OverflowError, OSError) as error:
        raise _refused() from error


def _text(value: object) -> str:
    return value if isinstance(value, str) else ""


def _refused() -> Unauthenticated:
    return Unauthenticated(_REFUSED, action=_RENEW)


def _derived(key: bytes) -> bytes:
    """A key of its own for tokens, so that a signature made for a link is never one for a token."""
    return hashlib.blake2b(b"sluicegate web tokens v1", key=key[:64], digest_size=32).digest()


def _key_id(key: bytes) -> str:
    return hashlib.sha256(b"sluicegate web tokens v1 id" + key).hexdigest()[:16]
