"""Wire shapes of a person's own settings: integrations, key, plan, usage and preferences (sheet, sections 7, 8, 10)."""

from datetime import UTC, datetime
from typing import Any

import msgspec

from sluicegate.core.entitlements import Entitlement
from sluicegate.core.keys import Key, TokenKey
from sluicegate.core.secrets import Secret
from sluicegate.core.usage import LibraryUsage
from sluicegate.services.integrations import Integration

__all__ = [
    "ConfigBody",
    "IntegrationBody",
    "IntegrationListBody",
    "IntegrationRequestBody",
    "KeyBody",
    "MeBody",
    "PreferencesBody",
    "TestBody",
    "UsageBody",
    "integration_body",
    "key_body",
    "me_body",
    "preferences_body",
    "usage_body",
]


class ConfigBody(msgspec.Struct, forbid_unknown_fields=True, omit_defaults=True):
    """What depends on the kind: the address of what people host themselves."""

    base_url: str | None = None


class IntegrationRequestBody(msgspec.Struct, forbid_unknown_fields=True):
    """Connects a backend or a stream proxy, or replaces its secret.

    Attributes:
        token: the provider's API key; MediaFlow's password; ``user:password`` of StremThru.
    """

    kind: str
    token: str
    label: str | None = None
    config: ConfigBody | None = None


class IntegrationBody(msgspec.Struct, kw_only=True):
    """A connected backend or proxy; its secret is never shown, only ``token_hint`` (ours)."""

    kind: str
    label: str
    status: str
    last_checked_at: str | None
    last_error: str | None
    config: ConfigBody
    token_hint: str
    created_at: str
    updated_at: str


class IntegrationListBody(msgspec.Struct):
    """All integrations of the caller, oldest first."""

    items: list[IntegrationBody]


class TestBody(msgspec.Struct, omit_defaults=True):
    """Whether the secret is acknowledged; ``error`` says what is wrong when it is not."""

    ok: bool
    error: str | None = None


class KeyBody(msgspec.Struct, kw_only=True):
    """The caller's library key with its plaintext, as the contract wants it."""

    id: str
    key_prefix: str
    name: str
    created_at: str
    last_used_at: str | msgspec.UnsetType = msgspec.UNSET
    revoked_at: str | msgspec.UnsetType = msgspec.UNSET
    plaintext: str


class LimitsBody(msgspec.Struct):
    """Figures of a plan; 0 stands for no limit."""

    max_concurrent_jobs: int
    max_torrent_bytes: int
    max_rss_feeds: int


class MeBody(msgspec.Struct, kw_only=True):
    """Who the caller is, and what the plan includes; ``email`` is what the token's issuer says, empty for keys."""

    user_id: str
    name: str
    email: str
    plan: str
    entitlements: list[str]
    is_active: bool
    expires_at: str | None
    management_url: str | None
    limits: LimitsBody


class UsageBody(msgspec.Struct, kw_only=True):
    """Counters of the current period, a calendar month in UTC."""

    period_start: str
    period_end: str
    jobs_submitted: int
    jobs_ready: int
    bytes_streamed: int
    stream_urls_minted: int
    rss_items_grabbed: int


class PreferencesBody(msgspec.Struct, kw_only=True):
    """A user's preferences; from ``playback`` on they are ours.

    Attributes:
        preferred_backends: these go first, in this order.
        use_proxy: whether direct links are wrapped by the connected stream proxy.
        proxy_kind: which one of several.
        preferred_quality: ``1080p``, ``4k`` or ``any``.
        max_file_size_bytes: larger content is refused.
        hide_uncached: whether Stremio is not shown what would have to be downloaded again first.
        playback: ``direct``, ``proxied``, or null for the usual way of each surface.
        bind_address: whether links of this server work only from the address that asked for them.
        plain_proxy_links: whether links of the stream proxy are plain instead of encrypted.
        only_cached: nothing is downloaded: only copies that are there at once are taken.
        min_seeds: content that must be downloaded needs as many seeders.
    """

    preferred_backends: list[str]
    use_proxy: bool
    proxy_kind: str | None
    preferred_quality: str
    max_file_size_bytes: int | None
    hide_uncached: bool
    playback: str | None
    bind_address: bool
    plain_proxy_links: bool
    only_cached: bool
    min_seeds: int | None


def integration_body(integration: Integration) -> IntegrationBody:
    """An integration without its secret."""
    return IntegrationBody(
        kind=integration.kind,
        label=integration.label,
        status=integration.status,
        last_checked_at=_instant(integration.last_checked_at) if integration.last_checked_at else None,
        last_error=integration.last_error,
        config=ConfigBody(integration.base_url),
        token_hint=integration.token_hint,
        created_at=_instant(integration.created_at),
        updated_at=_instant(integration.updated_at),
    )


def key_body(key: Key, secret: Secret) -> KeyBody:
    """A key with its plaintext."""
    return KeyBody(
        id=str(key.id),
        key_prefix=key.prefix,
        name=key.label,
        created_at=_instant(key.created_at),
        last_used_at=_instant(key.last_used_at) if key.last_used_at else msgspec.UNSET,
        revoked_at=_instant(key.revoked_at) if key.revoked_at else msgspec.UNSET,
        plaintext=secret.reveal(),
    )


def me_body(caller: Key, name: str, plan: Entitlement) -> MeBody:
    """A person and the plan."""
    limits = plan.limits
    return MeBody(
        user_id=str(caller.user_id),
        name=name,
        email=caller.email if isinstance(caller, TokenKey) else "",
        plan=plan.plan,
        entitlements=list(plan.names),
        is_active=plan.active,
        expires_at=_instant(plan.expires_at) if plan.expires_at else None,
        management_url=plan.management_url,
        limits=LimitsBody(limits.max_concurrent_jobs, limits.max_torrent_bytes, limits.max_rss_feeds),
    )


def usage_body(usage: LibraryUsage) -> UsageBody:
    """Figures of a period."""
    return UsageBody(
        period_start=_instant(usage.period.start),
        period_end=_instant(usage.period.end),
        jobs_submitted=usage.jobs_submitted,
        jobs_ready=usage.jobs_ready,
        bytes_streamed=usage.bytes_streamed,
        stream_urls_minted=usage.stream_urls_minted,
        rss_items_grabbed=usage.rss_items_grabbed,
    )


def preferences_body(chosen: dict[str, Any]) -> PreferencesBody:
    """All preferences."""
    return PreferencesBody(**chosen)


def _instant(at: datetime) -> str:
    """RFC 3339 in UTC, to the millisecond."""
    return at.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
