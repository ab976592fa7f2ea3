"""Access policies: which add-ons and addresses may use a user's proxy keys, and which rule decides.

Rules belong to a user, and either to all keys or to one. Deny wins over allow; an allow list shuts out whatever is not
on it; no rule means no restriction.
"""

import ipaddress
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Protocol
from uuid import UUID

from sluicegate.core.addons import check_slug
from sluicegate.core.errors import InvalidInput
from sluicegate.core.gateway import ProblemCode

__all__ = ["Judgement", "PolicyRepository", "Rule", "Subject", "Verdict", "judge", "normalised"]

_Address = ipaddress.IPv4Address | ipaddress.IPv6Address


class Verdict(StrEnum):
    """What a rule says."""

    ALLOW = "allow"
    DENY = "deny"


class Subject(StrEnum):
    """What a rule is about."""

    ADDON = "addon"
    ADDRESS = "address"


@dataclass(frozen=True, slots=True)
class Rule:
    """One entry of a list.

    Attributes:
        key_id: the key that it is about; None for all keys of the user.
        value: an add-on's identifier, or a network in CIDR form.
    """

    id: UUID
    user_id: UUID
    key_id: UUID | None
    verdict: Verdict
    subject: Subject
    value: str
    created_at: datetime


@dataclass(frozen=True, slots=True)
class Judgement:
    """Who gets in, and why.

    Attributes:
        problem: None when access is granted.
        rule: the entry that decided; None when no entry matched (nothing restricts, or an allow list lacks the caller).
        words: the same as a sentence.
    """

    problem: ProblemCode | None
    rule: Rule | None
    words: str

    @property
    def allowed(self) -> bool:
        """True when access is granted."""
        return self.problem is None


class PolicyRepository(Protocol):
    """Rules."""

    async def add(self, rule: Rule) -> Rule:
        """Adds a rule, or finds the one that says the same."""
        ...

    async def of_user(self, user_id: UUID) -> list[Rule]:
        """All of one user, oldest first."""
        ...

    async def remove(self, user_id: UUID | None, rule_id: UUID) -> bool:
        """True when there was such a rule, of this user unless None is given."""
        ...


def normalised(subject: Subject, value: str) -> str:
    """The one spelling of a rule's value.

    Raises:
        InvalidInput: neither an add-on's identifier, nor an address or network.
    """
    value = value.strip()
    if subject is Subject.ADDON:
        return check_slug(value)
    try:
        network = ipaddress.ip_network(value, strict=False)
    except ValueError as error:
        raise InvalidInput("This is neither an address nor a network such as 192.0.2.0/24.", field="address") from error
    mapped = getattr(network.network_address, "ipv4_mapped", None)
    if mapped is not None and network.prefixlen >= 96:
        return str(ipaddress.ip_network((mapped, network.prefixlen - 96), strict=False))
    return str(network)


def judge(rules: Sequence[Rule], *, key_id: UUID | None, addon: str, address: str | None) -> Judgement:
    """Whether ``addon`` may use this key from ``address``.

    Args:
        rules: the user's rules.
        key_id: the key in use.
        addon: the add-on's identifier.
        address: the caller's address as we see it; None when it cannot be told: then any rule about addresses refuses.
    """
    applying = [rule for rule in rules if rule.key_id is None or rule.key_id == key_id]
    about_addons = [rule for rule in applying if rule.subject is Subject.ADDON]
    refused = _decide(
        about_addons,
        [rule for rule in about_addons if rule.value == addon],
        denied=(ProblemCode.ADDON_ACCESS_DENIED, "The user of this key denies this add-on."),
        unlisted=(ProblemCode.ADDON_NOT_ALLOWLISTED, "The user of this key allows other add-ons only."),
    )
    about_addresses = [rule for rule in applying if rule.subject is Subject.ADDRESS]
    if refused is None and about_addresses:
        caller = _read(address)
        if caller is None:
            words = "The user of this key has rules about addresses, and the caller's address is not known."
            return Judgement(ProblemCode.EDGE_IP_REQUIRED, about_addresses[0], words)
        refused = _decide(
            about_addresses,
            list(_matching(about_addresses, caller)),
            denied=(ProblemCode.IP_ACCESS_DENIED, "The user of this key denies this address."),
            unlisted=(ProblemCode.IP_NOT_ALLOWLISTED, "The user of this key allows other addresses only."),
        )
    if refused is not None:
        return refused
    return Judgement(None, None, "Every rule that applies lets it in." if applying else "No rule restricts this key.")


def _decide(
    rules: Sequence[Rule],
    matching: Sequence[Rule],
    *,
    denied: tuple[ProblemCode, str],
    unlisted: tuple[ProblemCode, str],
) -> Judgement | None:
    deny = next((rule for rule in matching if rule.verdict is Verdict.DENY), None)
    if deny is not None:
        return Judgement(denied[0], deny, denied[1])
    allow_list = any(rule.verdict is Verdict.ALLOW for rule in rules)
    if allow_list and not any(rule.verdict is Verdict.ALLOW for rule in matching):
        return Judgement(unlisted[0], None, unlisted[1])
    return None


def _matching(rules: Iterable[Rule], caller: _Address) -> Iterable[Rule]:
    for rule in rules:
        network = ipaddress.ip_network(rule.value)
        if network.version == caller.version and caller in network:
            yield rule


def _read(address: str | None) -> _Address | None:
    try:
        found = ipaddress.ip_address((address or "").partition("%")[0])
    except ValueError:
        return None
    return getattr(found, "ipv4_mapped", None) or found
