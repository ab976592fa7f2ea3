"""Wire shapes of sync, looks at accounts, and removal; all but ``SyncBody`` are ours."""

from datetime import UTC, datetime

import msgspec

from sluicegate.core.jobs import Job
from sluicegate.core.looks import Outcome
from sluicegate.services.account_looks import AccountLook
from sluicegate.services.account_pause import is_usable
from sluicegate.services.sync import SyncOutcome
from sluicegate.surfaces.library.schemas import JobBody, job_body

__all__ = [
    "AccountLookBody",
    "LooksBody",
    "RemovalBody",
    "RemovedJobBody",
    "RemovedPageBody",
    "SyncBody",
    "look_body",
    "looks_body",
    "removed_body",
    "sync_body",
]


class SyncReport(msgspec.Struct, kw_only=True):
    """What a sync did; ``reason`` only when the provider could not be asked."""

    action: str
    backend: str
    external_id: str
    note: str
    reason: str | msgspec.UnsetType = msgspec.UNSET


class SyncBody(msgspec.Struct):
    """Answer of ``POST /v1/torrents/{id}/sync``."""

    job: JobBody
    sync: SyncReport


class HeldBody(msgspec.Struct, kw_only=True):
    """What the brake on mass removal holds: so many of so many items vanished at once, and nothing was marked."""

    count: int
    of: int
    since: str
    words: str


class AccountLookBody(msgspec.Struct, kw_only=True):
    """The last look at one account.

    Attributes:
        outcome: ``complete``, ``partial``, ``failed``, ``paused`` (nobody looks until it is mended), ``under_way`` or
            ``never``.
        words: what a person should know, empty when all is well.
        looked_at: when its listing was read last, whatever came of it; null before the first time.
        complete_at: when it was last read to its end.
        listed: transfers that it showed.
        missing: jobs whose transfer it does not show.
    """

    account_id: str
    kind: str
    label: str
    state: str
    outcome: str
    words: str
    looked_at: str | None
    complete_at: str | None
    listed: int
    missing: int
    held: HeldBody | None


class LooksBody(msgspec.Struct, kw_only=True):
    """All accounts of a user; ``status`` is ``complete``, ``partial`` (some accounts or pages) or ``failed`` (all)."""

    status: str
    items: list[AccountLookBody]


class RemovalBody(msgspec.Struct, forbid_unknown_fields=True):
    """Body of a removal, which may be left out.

    Attributes:
        at_provider: the provider's copy goes as well, when the grace period is over.
    """

    at_provider: bool = False


class RemovedJobBody(JobBody, kw_only=True):
    """A removed job, and until when it can be brought back."""

    removed_at: str
    erased_after: str
    at_provider: bool


class RemovedPageBody(msgspec.Struct):
    """A page of removed jobs, the last removed first."""

    items: list[RemovedJobBody]
    limit: int
    offset: int


def sync_body(outcome: SyncOutcome) -> SyncBody:
    """The outcome of a sync; the provider and id are those the job has now."""
    report = SyncReport(
        action=outcome.action.value,
        backend=outcome.job.provider,
        external_id=outcome.job.transfer_id,
        note=outcome.note,
        reason=outcome.reason or msgspec.UNSET,
    )
    return SyncBody(job_body(outcome.job), report)


def look_body(found: AccountLook) -> AccountLookBody:
    """One account."""
    account, look = found.account, found.look
    return AccountLookBody(
        account_id=str(account.id),
        kind=account.provider,
        label=account.label,
        state=account.state.value,
        outcome=_outcome(found),
        words=_words(found),
        looked_at=_instant(look.looked_at) if look else None,
        complete_at=_instant(look.whole_at) if look and look.whole_at else None,
        listed=look.listed if look else 0,
        missing=look.missing if look else 0,
        held=_held(found),
    )


def looks_body(found: list[AccountLook]) -> LooksBody:
    """All accounts, and what that comes to."""
    items = [look_body(one) for one in found]
    outcomes = {item.outcome for item in items}
    whole = outcomes <= {str(Outcome.COMPLETE), "never"}
    nothing = bool(outcomes) and outcomes <= {str(Outcome.FAILED), "paused"}
    return LooksBody(status="complete" if whole else "failed" if nothing else "partial", items=items)


def removed_body(job: Job, erased_after: datetime) -> RemovedJobBody:
    """A removed job."""
    return RemovedJobBody(
        **msgspec.structs.asdict(job_body(job)),
        removed_at=_instant(job.removed_at or erased_after),
        erased_after=_instant(erased_after),
        at_provider=job.removes_upstream,
    )


def _outcome(found: AccountLook) -> str:
    if found.under_way:
        return "under_way"
    if not is_usable(found.account):
        return "paused"
    return found.look.outcome.value if found.look else "never"


def _words(found: AccountLook) -> str:
    if found.under_way:
        return "The provider takes its time; the look goes on in the background."
    if not is_usable(found.account):
        return found.account.reason
    return found.look.words if found.look else "Nobody has looked yet: there was nothing to look for."


def _held(found: AccountLook) -> HeldBody | None:
    look = found.look
    if look is None or not look.held or look.held_since is None:
        return None
    words = (
        f"{look.held} of {look.held_of} items vanished from the provider's listing at once, and none was marked as "
        "missing. They count as there until you confirm that they are gone; when the provider lists them again, this "
        "ends by itself."
    )
    return HeldBody(count=look.held, of=look.held_of, since=_instant(look.held_since), words=words)


def _instant(at: datetime) -> str:
    """RFC 3339 in UTC, to the millisecond."""
    return at.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
