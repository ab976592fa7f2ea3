"""The plan of a cascade: which rungs are asked in which order, and which are left out by which rule. It asks nobody."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Final
from uuid import UUID

from sluicegate.core.accounts import Account
from sluicegate.core.cascade import CascadePreferences, CascadeRules, Group
from sluicegate.core.ports import Providers
from sluicegate.core.sources import Magnet, Source, SourceKind, TorrentFile
from sluicegate.services.account_pause import is_usable
from sluicegate.services.account_probe import Answer
from sluicegate.services.rungs import Rung, submission_capability

__all__ = ["Circumstances", "Note", "Step", "known_size", "plan", "too_large"]

_TORRIN: Final = "torrin"


@dataclass(frozen=True, slots=True)
class Note:
    """Why a rung is left out, or what is worth telling about it."""

    verdict: str
    rule: str
    words: str


@dataclass(frozen=True, slots=True)
class Step:
    """One rung of a plan; a rung with a note is left out."""

    rung: Rung
    note: Note | None = None


@dataclass(frozen=True, slots=True)
class Circumstances:
    """Everything that a plan depends on.

    Attributes:
        own: the user's accounts, oldest first.
        pool: the operator's shared accounts, oldest first.
        answers: what accounts said, or are known to have, by account.
    """

    source: Source
    own: Sequence[Account]
    pool: Sequence[Account]
    answers: Mapping[UUID, Answer]
    preferences: CascadePreferences = field(default_factory=CascadePreferences)
    rules: CascadeRules = field(default_factory=CascadeRules)


def plan(given: Circumstances, providers: Providers) -> list[Step]:
    """The steps in order: first those that are left out because their account cannot be used, then the groups."""
    needed = submission_capability(given.source)
    able = [account for account in given.own if providers.kind(account.provider).can(needed)]
    steps = [Step(Rung(account.provider, account), _unusable(account)) for account in able if not is_usable(account)]
    usable = [account for account in able if is_usable(account)]
    groups = {
        Group.POOL: _pool(given, providers),
        Group.ENGINES: [Step(Rung(n)) for n in providers.local_names() if providers.kind(n).can(needed)],
        **_own(given, usable),
    }
    for group in Group:
        ordered = [Step(replace(step.rung, group=group), step.note) for step in groups.get(group, [])]
        if group not in given.rules.order:
            steps += [_left_out(step) for step in ordered if group is not Group.TORRIN]
    for group in given.rules.order:
        steps += [_conditioned(replace(step, rung=replace(step.rung, group=group)), given) for step in groups[group]]
    return steps


def known_size(source: Source, answers: Iterable[Answer]) -> int | None:
    """Bytes of the content, as far as the source itself or somebody who was asked tells."""
    if isinstance(source, TorrentFile):
        return sum(entry.size for entry in source.files)
    if isinstance(source, Magnet) and source.size is not None:
        return source.size
    return next((answer.size for answer in answers if answer.size), None)


def too_large(size: int | None, preferences: CascadePreferences) -> Note | None:
    """What the user's largest size says about content of this size; None where it sets no limit or is kept."""
    if preferences.max_size is None:
        return None
    if size is None:
        words = f"The size is not known yet; the largest one that you take is {preferences.max_size:,} bytes."
        return Note("unknown", "max-size", words)
    if size > preferences.max_size:
        words = f"It has {size:,} bytes; the largest size that you take is {preferences.max_size:,} bytes."
        return Note("refused", "max-size", words)
    return None


def _own(given: Circumstances, usable: Sequence[Account]) -> dict[Group, list[Step]]:
    """The user's accounts by group. A link or an NZB has no hash to ask about: the first own group is asked for it."""
    rungs = [Rung(a.provider, a, _cached(given, a)) for a in usable]
    rungs.sort(key=lambda rung: _preference(rung, given.preferences))
    order = given.rules.order
    if given.source.kind is not SourceKind.TORRENT:
        first = next((group for group in order if group in {Group.CACHED, Group.OWN}), Group.OWN)
        return {Group.CACHED: [], Group.TORRIN: [], Group.OWN: []} | {first: [Step(rung) for rung in rungs]}
    cached = [rung for rung in rungs if rung.cached and Group.CACHED in order]
    torrin = [rung for rung in rungs if rung.provider == _TORRIN and rung not in cached and Group.TORRIN in order]
    cold = [rung for rung in rungs if rung not in cached and rung not in torrin]
    cold.sort(key=lambda rung: (_preference(rung, given.preferences), rung.cached is False))
    return {group: [Step(rung) for rung in found] for group, found in
            ((Group.CACHED, cached), (Group.TORRIN, torrin), (Group.OWN, cold))}  # fmt: skip


def _pool(given: Circumstances, providers: Providers) -> list[Step]:
    """The shared accounts in the operator's order, who has it first; its Torrin rests where the user has one."""
    needed = submission_capability(given.source)
    own_torrin = any(account.provider == _TORRIN and is_usable(account) for account in given.own)
    steps: list[Step] = []
    for provider in given.rules.pool_order:
        for account in given.pool:
            if account.provider != provider or not providers.kind(provider).can(needed):
                continue
            note = None
            if not is_usable(account):
                note = Note("skipped", f"account-{account.state}", "The shared account cannot be used for now.")
            elif provider == _TORRIN and own_torrin:
                note = Note("skipped", "own-torrin-first", "You have a Torrin of your own.")
            steps.append(Step(Rung(provider, account, _cached(given, account), pool=True), note))
    return sorted(steps, key=lambda step: step.rung.cached is not True)


def _conditioned(step: Step, given: Circumstances) -> Step:
    """The step, left out where the user takes only what is there at once and this is not."""
    if step.note is not None or not given.preferences.only_cached or step.rung.cached:
        return step
    if step.rung.cached is False:
        words = "It does not have it, and you take only what is there at once."
    else:
        words = "Whether it has it is not known, and you take only what is there at once."
    return replace(step, note=Note("skipped", "only-cached", words))


def _left_out(step: Step) -> Step:
    words = "The operator has switched this group of the cascade off."
    return step if step.note else replace(step, note=Note("skipped", f"no-{step.rung.group}", words))


def _unusable(account: Account) -> Note:
    return Note("skipped", f"account-{account.state}", account.reason or f"The account is {account.state}.")


def _cached(given: Circumstances, account: Account) -> bool | None:
    answer = given.answers.get(account.id)
    return answer.cached if answer else None


def _preference(rung: Rung, preferences: CascadePreferences) -> int:
    prefer = preferences.prefer
    return prefer.index(rung.provider) if rung.provider in prefer else len(prefer)
