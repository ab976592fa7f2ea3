"""What a call's headers say: which add-on, which providers, whose credentials. Nothing is proven here.

Tokens are matched to providers by position, so whatever would let the two lists be read differently is refused:
repeated headers, empty entries, other counts. A key can then never reach another provider than its own.
"""

from dataclasses import dataclass, field
from typing import Final

from sluicegate.core.gateway import PROVIDERS, GatewayRefused, ProblemCode
from sluicegate.web.asgi import Scope, header_lines

__all__ = [
    "AddonClaim",
    "CallerClaim",
    "addon_claim",
    "caller_claim",
    "presented_credentials",
    "requested_providers",
]

_PROVIDER: Final = b"x-relaygate-provider"
_ADDON_ID: Final = b"x-relaygate-addon-id"
_ADDON_SECRET: Final = b"x-relaygate-addon-secret"
_TOKENS: Final = b"x-relaygate-provider-api-key"
_TOKEN_LENGTH_MAX: Final = 4_096
_BLANKS: Final = " \t"
"""What may surround an entry of a list (RFC 9110, section 5.6.3); other spaces are part of it, and then wrong."""


@dataclass(frozen=True, slots=True)
class AddonClaim:
    """Who the caller says to be."""

    slug: str
    secret: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class CallerClaim:
    """On whose behalf: a proxy key, or one token for each requested provider, in order."""

    proxy_key: str | None = field(repr=False, default=None)
    tokens: tuple[str, ...] = field(repr=False, default=())


def addon_claim(scope: Scope) -> AddonClaim:
    """The add-on's identifier and secret.

    Raises:
        GatewayRefused: ``rg.missing_addon_id``, ``rg.missing_developer_secret``, or one occurs twice.
    """
    slug = _single(scope, _ADDON_ID)
    if not slug:
        raise GatewayRefused(ProblemCode.MISSING_ADDON_ID, "The header X-Relaygate-Addon-Id is missing.")
    secret = _single(scope, _ADDON_SECRET)
    if not secret:
        raise GatewayRefused(ProblemCode.MISSING_DEVELOPER_SECRET, "The header X-Relaygate-Addon-Secret is missing.")
    return AddonClaim(slug, secret)


def requested_providers(scope: Scope) -> tuple[str, ...]:
    """The requested slugs in order, each known and named once.

    Raises:
        GatewayRefused: ``rg.invalid_provider`` for unknown or missing ones, ``rg.validation_error`` for repeated ones.
    """
    text = _single(scope, _PROVIDER)
    if not text:
        raise GatewayRefused(ProblemCode.INVALID_PROVIDER, "The header X-Relaygate-Provider names no provider.")
    slugs = tuple(entry.strip(_BLANKS) for entry in text.split(","))
    for slug in slugs:
        if slug not in PROVIDERS:
            known = ", ".join(PROVIDERS)
            raise GatewayRefused(ProblemCode.INVALID_PROVIDER, f"Unknown provider {_shown(slug)}; there are: {known}.")
    if len(set(slugs)) != len(slugs):
        raise _invalid("The header X-Relaygate-Provider names a provider twice.")
    return slugs


def caller_claim(scope: Scope, providers: int) -> CallerClaim:
    """The end user's credential: a proxy key or direct tokens, never both.

    Args:
        scope: the request.
        providers: how many tokens direct mode needs.

    Raises:
        GatewayRefused: none, both, or not exactly one token per provider.
    """
    bearer = _bearer(scope)
    listed = _single(scope, _TOKENS)
    if bearer and listed:
        raise GatewayRefused(
            ProblemCode.CONFLICTING_CREDENTIALS, "Send a proxy key or provider tokens, not both at the same time."
        )
    if bearer:
        return CallerClaim(proxy_key=bearer)
    if not listed:
        raise GatewayRefused(
            ProblemCode.MISSING_END_USER_CREDENTIAL,
            "Send 'Authorization: Bearer <proxy key>' or X-Relaygate-Provider-Api-Key.",
        )
    tokens = tuple(entry.strip(_BLANKS) for entry in listed.split(","))
    if len(tokens) != providers:
        raise _invalid(f"There are {len(tokens)} provider tokens for {providers} providers; tokens hold no commas.")
    if not all(0 < len(token) <= _TOKEN_LENGTH_MAX and token.isascii() and token.isprintable() for token in tokens):
        raise _invalid("A provider token is empty, too long or not printable ASCII.")
    return CallerClaim(tokens=tokens)


def presented_credentials(scope: Scope) -> list[str]:
    """Whatever could be a credential in the headers, proven or not, so that it is kept out of what is recorded."""
    found = header_lines(scope, _ADDON_SECRET)
    found += [token for line in header_lines(scope, _TOKENS) for token in line.split(",")]
    found += [line.rpartition(" ")[2] for line in header_lines(scope, b"authorization")]
    return [text for text in map(str.strip, found) if text]


def _bearer(scope: Scope) -> str:
    scheme, _, text = _single(scope, b"authorization").partition(" ")
    return text.strip(_BLANKS) if scheme.lower() == "bearer" else ""


def _single(scope: Scope, name: bytes) -> str:
    """The header's value, empty when it is absent. Two lines could be read in two ways, so they are refused."""
    lines = header_lines(scope, name)
    if len(lines) > 1:
        raise _invalid(f"The header {name.decode().title()} occurs more than once.")
    return lines[0].strip(_BLANKS) if lines else ""


def _shown(slug: str) -> str:
    """A strange slug in an answer: a credential that landed in the wrong header must not come back whole."""
    return f"'{slug[:12]}…'" if len(slug) > 12 else f"'{slug}'"


def _invalid(detail: str) -> GatewayRefused:
    return GatewayRefused(ProblemCode.VALIDATION_ERROR, detail)
