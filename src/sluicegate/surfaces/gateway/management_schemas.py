"""Wire shapes of the management API. Secrets appear in the answer that makes them, and never again."""

from datetime import datetime
from typing import Annotated
from uuid import UUID

import msgspec

from sluicegate.core.accounts import Account
from sluicegate.core.addons import Addon
from sluicegate.core.audit import AuditedCall
from sluicegate.core.gateway import PROVIDERS
from sluicegate.core.keys import Key
from sluicegate.core.policies import Judgement, Rule, Subject, Verdict

__all__ = [
    "AddonBody",
    "AddonRequest",
    "CallBody",
    "ErrorBody",
    "HistoryBody",
    "JudgementBody",
    "KeyBody",
    "KeyRequest",
    "NewAddonBody",
    "NewKeyBody",
    "RotateRequest",
    "RuleBody",
    "RuleRequest",
    "SecretBody",
    "UsageBody",
    "VaultBody",
    "VaultRequest",
    "VaultTokenRequest",
    "addon_body",
    "call_body",
    "judgement_body",
    "key_body",
    "rule_body",
    "vault_body",
]

_SLUGS = {name: slug for slug, name in PROVIDERS.items()}
Hours = Annotated[float, msgspec.Meta(ge=0, le=720)]


class ErrorBody(msgspec.Struct):
    """Every answer that is not a success."""

    error: str


class KeyRequest(msgspec.Struct):
    """A new proxy key."""

    label: str = ""


class RotateRequest(msgspec.Struct):
    """A rotation; the old secret works on for so long."""

    overlap_hours: Hours = 0.0


class KeyBody(msgspec.Struct):
    """A proxy key, without its secret; ``ends_at`` may lie ahead."""

    id: UUID
    prefix: str
    label: str
    created_at: datetime
    last_used_at: datetime | None
    ends_at: datetime | None


class NewKeyBody(msgspec.Struct):
    """A key that was just made; ``secret`` is shown this once."""

    key: KeyBody
    secret: str


class SecretBody(msgspec.Struct):
    """A developer secret, shown this once."""

    secret: str


class RuleRequest(msgspec.Struct):
    """A new rule."""

    verdict: Verdict
    subject: Subject
    value: str
    key_id: UUID | None = None


class RuleBody(msgspec.Struct):
    """A rule; it is about all keys of the user when ``key_id`` is null."""

    id: UUID
    verdict: Verdict
    subject: Subject
    value: str
    key_id: UUID | None
    created_at: datetime


class JudgementBody(msgspec.Struct):
    """Whether a call would get in, and which rule decides."""

    allowed: bool
    code: str | None
    rule: RuleBody | None
    words: str


class VaultRequest(msgspec.Struct):
    """A token for a provider; ``provider`` is the gateway's slug."""

    provider: str
    token: str
    label: str = "main"
    base_url: str | None = None


class VaultTokenRequest(msgspec.Struct):
    """A new token in place of the old one."""

    token: str


class VaultBody(msgspec.Struct):
    """A vault entry; of the token only the last four characters."""

    id: UUID
    provider: str
    label: str
    state: str
    reason: str
    token_hint: str
    created_at: datetime
    checked_at: datetime | None


class AddonRequest(msgspec.Struct):
    """An application of an add-on's developer."""

    slug: str
    name: str
    contact: str
    proof: str


class AddonBody(msgspec.Struct):
    """An add-on of the caller."""

    slug: str
    name: str
    contact: str
    proof: str
    state: str
    created_at: datetime
    decided_at: datetime | None


class NewAddonBody(msgspec.Struct):
    """A new application; its secret is shown this once and works when it is approved."""

    addon: AddonBody
    secret: str


class AnswerBody(msgspec.Struct):
    """What one provider contributed to a call."""

    provider: str
    status: int
    error_code: str | None
    duration_ms: float


class CallBody(msgspec.Struct):
    """One call of the history."""

    request_id: UUID
    created_at: datetime
    addon: str
    key_id: UUID | None
    caller_ip: str
    operation: str
    method: str
    path: str
    http_status: int
    error_code: str | None
    duration_ms: float
    upstream_ms: float
    providers: list[AnswerBody]


class HistoryBody(msgspec.Struct):
    """A page of calls, newest first; ``before`` and ``before_id`` continue it."""

    items: list[CallBody]
    before: datetime | None
    before_id: UUID | None


class UsageBody(msgspec.Struct):
    """Calls of one day, add-on and operation."""

    day: datetime
    addon: str
    operation: str
    calls: int
    refused: int
    mean_ms: float


def key_body(key: Key) -> KeyBody:
    """A key."""
    shown = f"{key.kind.prefix}{key.prefix}…"
    return KeyBody(key.id, shown, key.label, key.created_at, key.last_used_at, key.revoked_at)


def rule_body(rule: Rule) -> RuleBody:
    """A rule."""
    return RuleBody(rule.id, rule.verdict, rule.subject, rule.value, rule.key_id, rule.created_at)


def judgement_body(judgement: Judgement) -> JudgementBody:
    """A judgement."""
    rule = rule_body(judgement.rule) if judgement.rule else None
    return JudgementBody(
        judgement.allowed, str(judgement.problem) if judgement.problem else None, rule, judgement.words
    )


def vault_body(account: Account) -> VaultBody:
    """A vault entry."""
    return VaultBody(
        account.id,
        _SLUGS.get(account.provider, account.provider),
        account.label,
        str(account.state),
        account.reason,
        account.token_hint,
        account.created_at,
        account.checked_at,
    )


def addon_body(addon: Addon) -> AddonBody:
    """An add-on; why it was refused is told to operators only."""
    return AddonBody(
        addon.slug, addon.name, addon.contact, addon.proof, str(addon.state), addon.created_at, addon.decided_at
    )


def call_body(call: AuditedCall) -> CallBody:
    """A call."""
    return CallBody(
        call.request_id,
        call.created_at,
        call.addon,
        call.key_id,
        call.caller_ip,
        call.operation,
        call.method,
        call.path,
        call.http_status,
        call.error_code,
        round(call.duration_ms, 2),
        round(call.upstream_ms, 2),
        [AnswerBody(a.provider, a.status, a.error_code, round(a.duration_ms, 2)) for a in call.answers],
    )
