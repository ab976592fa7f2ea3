"""What services need from the outside, as protocols: the database, the task queue, events, the clock.

A unit of work is one transaction. Services open one, read or write, leave it, and only then call an upstream: no
transaction spans a network call. Leaving the block without an exception commits; an exception rolls back.
"""

from collections.abc import AsyncIterator, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol
from uuid import UUID

from sluicegate.core.accounts import Account, Credential
from sluicegate.core.addons import AddonRepository
from sluicegate.core.audit import AuditRepository
from sluicegate.core.availability import HeldCopyRepository
from sluicegate.core.blocklist import BlocklistRepository
from sluicegate.core.cascade import CascadePreferenceRepository, PlacementRepository
from sluicegate.core.destinations import DestinationRepository, StoreJobRepository, UploadRepository
from sluicegate.core.entitlements import EntitlementRepository
from sluicegate.core.feeds import FeedRepository
from sluicegate.core.files import JobFile
from sluicegate.core.jobs import Job, JobState, KeptJob
from sluicegate.core.keys import Key, KeyKind
from sluicegate.core.learned import LearnedRepository, RateRepository
from sluicegate.core.looks import LookRepository
from sluicegate.core.manifest import Manifest
from sluicegate.core.media_batches import MediaBatchRepository
from sluicegate.core.media_jobs import MediaJob, MediaNews, MediaState
from sluicegate.core.media_queue import MediaQueueRepository
from sluicegate.core.media_usage import MediaUsageRepository
from sluicegate.core.pacing import Priority
from sluicegate.core.policies import PolicyRepository
from sluicegate.core.preferences import PreferenceRepository
from sluicegate.core.provider import Provider
from sluicegate.core.repeats import RepeatRepository
from sluicegate.core.sealed_values import SealedRepository
from sluicegate.core.secrets import Secret
from sluicegate.core.sign_in import SignInRepository
from sluicegate.core.sources import Source
from sluicegate.core.storage import Storage
from sluicegate.core.stream_proxies import StreamProxyRepository
from sluicegate.core.stream_rights import StreamRightRepository
from sluicegate.core.task_overview import TaskOverviewRepository
from sluicegate.core.titles import ReadyLibrary, TitleRepository
from sluicegate.core.trace import TraceEntry
from sluicegate.core.usage import UsageRepository
from sluicegate.core.usage_history import UsageHistoryRepository
from sluicegate.core.users import IdentityRepository, User, UserLimitRepository
from sluicegate.core.webhooks import WebhookRepository

__all__ = [
    "AccountRepository",
    "Change",
    "Changes",
    "Clock",
    "FileRepository",
    "IntentRepository",
    "JobRepository",
    "KeyRepository",
    "KeyVerifier",
    "MasterKeyMarkRepository",
    "MediaJobRepository",
    "Providers",
    "Storages",
    "Task",
    "TaskQueue",
    "TraceRepository",
    "UnitOfWork",
    "UnitOfWorkFactory",
    "UserRepository",
    "Vault",
]


class Clock(Protocol):
    """Time, handed in so that tests can move it."""

    def now(self) -> datetime:
        """Aware UTC time."""
        ...

    def monotonic(self) -> float:
        """Seconds that never go backwards."""
        ...


class Vault(Protocol):
    """Encrypts what must be readable again (AES-256-GCM, key id, associated data) and hashes what must not."""

    def seal(self, plaintext: str, *, owner: str, kind: str) -> bytes:
        """Ciphertext bound to ``owner`` and ``kind``: opening it for another owner or kind fails."""
        ...

    def open(self, ciphertext: bytes, *, owner: str, kind: str) -> Secret:
        """The plaintext again.

        Raises:
            InternalError: wrong master key, or the row was moved or altered.
        """
        ...

    def fingerprint(self, text: str) -> bytes:
        """Keyed SHA-256 (32 bytes) of a high-entropy secret, for looking it up and comparing it."""
        ...


@dataclass(frozen=True, slots=True)
class Task:
    """A piece of background work: a kind and ids only. It may run twice and keeps its state on the domain row.

    Attributes:
        kind: name of the task (``place``, ``sync``, ``store``, ``media`` …).
        subject: id of the row it is about.
        delay: seconds before it may start.
        priority: larger runs first.
        again: when the same task is running right now, run it once more afterwards. False for whoever only makes sure
            that there is one.
        at_once: when the same task waits for a later time, run it now.
    """

    kind: str
    subject: str
    delay: float = 0.0
    priority: int = 0
    again: bool = True
    at_once: bool = False

    @property
    def dedupe_key(self) -> str:
        """At most one waiting or running task per kind and subject."""
        return f"{self.kind}:{self.subject}"


class TaskQueue(Protocol):
    """Enqueues inside the unit of work: the task exists exactly when the transaction commits."""

    async def add(self, task: Task) -> bool:
        """Adds a task; False when the same one already waits or runs (then nothing happens)."""
        ...


class UserRepository(Protocol):
    """Users."""

    async def add(self, user: User) -> None:
        """Raises AlreadyExists when the name is taken."""
        ...

    async def get(self, user_id: UUID) -> User:
        """Raises NotFound."""
        ...

    async def by_name(self, name: str) -> User:
        """Raises NotFound."""
        ...

    async def page(self, *, limit: int, offset: int) -> list[User]:
        """By name."""
        ...

    async def remove(self, user_id: UUID) -> None:
        """Deletes a user with everything that is theirs: keys, accounts, jobs, choices. Removing twice is fine."""
        ...

    async def own_objects(
        self, user_id: UUID, *, limit: int, after: tuple[str, str] = ("", "")
    ) -> list[tuple[str, str]]:
        """Storage and key of what is stored for this user and for nobody else, in order, after the given pair."""
        ...


class KeyRepository(Protocol):
    """Keys that we issued."""

    async def add(self, key: Key, *, fingerprint: bytes, sealed: bytes | None) -> None:
        """Keeps a key; ``sealed`` is the encrypted plaintext, for library keys only."""
        ...

    async def verify(self, prefix: str, fingerprint: bytes) -> Key | None:
        """The valid key with this prefix and fingerprint (compared in constant time), or None."""
        ...

    async def touch(self, key_id: UUID, at: datetime) -> None:
        """Notes the last use."""
        ...

    async def current(self, user_id: UUID, kind: KeyKind) -> tuple[Key, bytes | None] | None:
        """The newest unrevoked key of a user and kind with its sealed plaintext, or None."""
        ...

    async def page(self, user_id: UUID, *, limit: int, offset: int) -> list[Key]:
        """Newest first, revoked ones included."""
        ...

    async def revoke(self, key_id: UUID, at: datetime) -> bool:
        """Ends a key at this time, which may be ahead; True when it is valid now."""
        ...

    async def lock(self, user_id: UUID) -> None:
        """Lets one unit of work at a time change this user's keys, until it ends. Raises NotFound: no such user."""
        ...


class AccountRepository(Protocol):
    """Accounts and their sealed tokens."""

    async def add(self, account: Account, *, sealed_token: bytes, sealed_proxy: bytes | None) -> None:
        """Raises AlreadyExists when the user has an account with this provider and label."""
        ...

    async def get(self, account_id: UUID) -> Account:
        """Raises NotFound."""
        ...

    async def credential(self, account_id: UUID) -> Credential:
        """Opens the token. Raises NotFound, InternalError (wrong master key)."""
        ...

    async def page(self, user_id: UUID) -> list[Account]:
        """All of one user, oldest first."""
        ...

    async def update(self, account: Account) -> None:
        """Writes state, reason, facts and times. Never touches the token."""
        ...

    async def rotate(self, account_id: UUID, *, sealed_token: bytes, token_hint: str) -> None:
        """Replaces the token."""
        ...

    async def remove(self, account_id: UUID) -> None:
        """Deletes the account and its token; jobs that used it stay."""
        ...


class JobRepository(Protocol):
    """Library jobs."""

    async def add(self, job: Job, *, torrent: bytes | None = None) -> tuple[Job, bool]:
        """Adds a job, or finds the user's job with this hash that is not failed or cancelled: (job, created).

        One that was removed and is found comes back into the library.
        Two concurrent calls with one hash yield one job. ``torrent`` is the uploaded ``.torrent``.
        """
        ...

    async def get(self, job_id: UUID, *, user_id: UUID | None = None, lock: bool = False, removed: bool = False) -> Job:
        """One job; ``lock`` holds its row until the unit of work ends.

        Raises:
            NotFound: unknown, or when ``user_id`` is given: not theirs, or removed by them (unless ``removed`` is set).
        """
        ...

    async def source(self, job_id: UUID) -> Source:
        """The source as handed in, ``.torrent`` bytes included."""
        ...

    async def resource(self, job_id: UUID, uri: str) -> None:
        """Replaces the magnet of a job by one of the same hash that knows more."""
        ...

    async def page(
        self, user_id: UUID, *, limit: int, offset: int, states: frozenset[JobState] | None = None
    ) -> list[Job]:
        """Newest first."""
        ...

    async def update(self, job: Job) -> Job:
        """Writes every changeable field if ``job.version`` is still the stored one; returns it with the next version.

        Publishes the change. Raises Conflict when somebody else was faster; IllegalMove never (services check).
        """
        ...

    async def in_flight(self, provider: str, account_id: UUID | None) -> list[Job]:
        """Active jobs that have a transfer at this provider and account."""
        ...

    async def current(self, user_id: UUID, info_hash: str) -> Job | None:
        """The user's job with this hash that is not failed or cancelled."""
        ...

    async def kept(self, account_id: UUID) -> list[KeptJob]:
        """Ready jobs whose files this account keeps, as little of them as comparing with a listing needs."""
        ...

    async def advance(self, jobs: Sequence[Job]) -> int:
        """``update`` for many at once, in one statement; how many.

        Those that somebody else has changed since they were read, or that were removed, are left alone.
        """
        ...

    async def mark_missing(self, job_ids: Sequence[UUID], since: datetime, words: str) -> int:
        """Notes that a provider does not list these jobs' transfers; one that is marked already keeps its time."""
        ...

    async def mark_seen(self, job_ids: Sequence[UUID]) -> int:
        """Takes that note back; how many had it."""
        ...

    async def removed(self, user_id: UUID, *, limit: int, offset: int) -> list[Job]:
        """What a user removed and may still bring back, the last removed first."""
        ...

    async def removed_before(self, at: datetime, *, limit: int) -> list[Job]:
        """Removed jobs of anybody whose time is over, the longest removed first."""
        ...

    async def erase(self, job_id: UUID) -> None:
        """Deletes the row of a removed job with its files and trace; nothing happens to one that is not removed."""
        ...

    async def unfinished(self, *, limit: int, after: UUID | None = None) -> list[Job]:
        """Active jobs in id order, for the sweep that makes sure that each has its task."""
        ...


class FileRepository(Protocol):
    """Files of jobs."""

    async def replace(self, job_id: UUID, files: Sequence[JobFile]) -> None:
        """Makes these the job's files; a file that is already there by index keeps its id and stored copy."""
        ...

    async def page(self, job_id: UUID) -> list[JobFile]:
        """In index order."""
        ...

    async def get(self, job_id: UUID, file_id: UUID) -> JobFile:
        """Raises NotFound."""
        ...

    async def stored(self, file_id: UUID, *, storage: str, key: str, size: int) -> None:
        """Notes the own copy of a file."""
        ...

    async def last_copies(self, job_id: UUID) -> list[JobFile]:
        """Files of a job with an own copy that no other job's file names; none while another fetches that hash."""
        ...

    async def stored_copies(self, info_hash: str) -> list[JobFile]:
        """Files of the newest ready torrent job of anybody with this hash, in index order; empty when not all are kept.

        A link's content may change, so only torrents are found; whose job it was must not show (record 12).
        """
        ...


class TraceRepository(Protocol):
    """Decision traces, append-only."""

    async def add(self, job_id: UUID, entry: TraceEntry) -> None:
        """Appends one entry."""
        ...

    async def page(self, job_id: UUID, *, limit: int = 500, offset: int = 0) -> list[TraceEntry]:
        """Oldest first."""
        ...


class IntentRepository(Protocol):
    """Create intents: written before an upstream create, so that after a crash nothing is created twice."""

    async def open(self, job_id: UUID, provider: str, account_id: UUID | None) -> bool:
        """Notes the intent; True when one was already open (a crash came in between: look before creating)."""
        ...

    async def close(self, job_id: UUID, provider: str, account_id: UUID | None) -> None:
        """The create is answered and its outcome is on the job."""
        ...


class MediaJobRepository(Protocol):
    """Media jobs."""

    async def add(self, job: MediaJob) -> None:
        """Adds a job."""
        ...

    async def add_all(self, jobs: Sequence[MediaJob]) -> None:
        """Adds many jobs of one user at once."""
        ...

    async def get(self, job_id: UUID, *, user_id: UUID | None = None, lock: bool = False) -> MediaJob:
        """Raises NotFound, also for a foreign job."""
        ...

    async def page(self, user_id: UUID, *, limit: int, offset: int, state: MediaState | None = None) -> list[MediaJob]:
        """Newest first."""
        ...

    async def count(self, user_id: UUID, *, state: MediaState | None = None) -> int:
        """How many there are."""
        ...

    async def update(self, job: MediaJob) -> MediaJob:
        """As ``JobRepository.update``; AlreadyExists when another job's file is stored under the same key."""
        ...

    async def advance(self, news: Sequence[MediaNews]) -> set[UUID]:
        """Writes progress of jobs that are still in these steps; which, as those being changed now are left out."""
        ...

    async def of_batch(self, batch_id: UUID, *, limit: int, offset: int) -> list[MediaJob]:
        """The jobs of a batch in its own order."""
        ...

    async def unfinished(self, *, limit: int, after: UUID | None = None, admitted: bool = False) -> list[MediaJob]:
        """Pending and processing ones in id order, for the sweep; or only those that hold a place at work."""
        ...


class MasterKeyMarkRepository(Protocol):
    """Marks that only the right master key opens."""

    async def ensure(self, name: str, sealed: bytes) -> bytes:
        """The mark that is there, or this one, which is kept then."""
        ...

    async def find(self, name: str) -> bytes | None:
        """The mark with this name, or None."""
        ...

    async def replace(self, name: str, sealed: bytes) -> None:
        """Puts another in its place, when the master key changes."""
        ...


class UnitOfWork(Protocol):
    """One transaction over all repositories."""

    users: UserRepository
    keys: KeyRepository
    accounts: AccountRepository
    jobs: JobRepository
    files: FileRepository
    traces: TraceRepository
    intents: IntentRepository
    media_jobs: MediaJobRepository
    media_batches: MediaBatchRepository
    media_queue: MediaQueueRepository
    media_usage: MediaUsageRepository
    tasks: TaskQueue
    addons: AddonRepository
    policies: PolicyRepository
    audits: AuditRepository
    learned: LearnedRepository
    rates: RateRepository
    feeds: FeedRepository
    blocklists: BlocklistRepository
    titles: TitleRepository
    ready: ReadyLibrary
    cascade_preferences: CascadePreferenceRepository
    placements: PlacementRepository
    looks: LookRepository
    webhooks: WebhookRepository
    destinations: DestinationRepository
    uploads: UploadRepository
    store_jobs: StoreJobRepository
    sign_in: SignInRepository
    identities: IdentityRepository
    limits: UserLimitRepository
    plans: EntitlementRepository
    preferences: PreferenceRepository
    stream_proxies: StreamProxyRepository
    stream_rights: StreamRightRepository
    held_copies: HeldCopyRepository
    library_usage: UsageRepository
    usage_history: UsageHistoryRepository
    task_overview: TaskOverviewRepository
    repeats: RepeatRepository
    key_marks: MasterKeyMarkRepository
    sealed: SealedRepository


class UnitOfWorkFactory(Protocol):
    """Opens units of work: ``async with transactions() as tx``."""

    def __call__(self) -> AbstractAsyncContextManager[UnitOfWork]:
        """A fresh transaction."""
        ...


@dataclass(frozen=True, slots=True)
class Change:
    """Something a user sees has changed: enough to refetch it, never the thing itself.

    Attributes:
        kind: ``job`` or ``media_job``.
        state: the state's wire word after the change.
    """

    kind: str
    user_id: UUID
    subject: UUID
    state: str
    version: int


class Changes(Protocol):
    """The installation's change feed, over all processes (PostgreSQL NOTIFY)."""

    def follow(self, user_id: UUID) -> AbstractAsyncContextManager[AsyncIterator[Change]]:
        """Follows one user's changes from now on; the buffer is bounded and drops the oldest change when full."""
        ...


class Providers(Protocol):
    """Makes adapters; the only place that knows which ones exist."""

    def names(self) -> tuple[str, ...]:
        """House names of all providers of this build."""
        ...

    def local_names(self) -> tuple[str, ...]:
        """Those that need no account, in the order in which they are tried."""
        ...

    def kind(self, name: str) -> type[Provider]:
        """The adapter class, for its capabilities. Raises NotFound."""
        ...

    def manifest(self, name: str) -> Manifest:
        """Facts about a provider that needs an account. Raises NotFound."""
        ...

    def open(self, name: str, credential: Credential | None, *, priority: Priority = Priority.SYNC) -> Provider:
        """An adapter for one account whose calls are spent through the ledger; None for the local providers.

        ``priority`` says how long its calls may wait for their turn; one that would wait longer raises ``HeldBack``.
        Raises NotFound.
        """
        ...


class Storages(Protocol):
    """Finds storages by id."""

    def get(self, storage: str) -> Storage:
        """Raises NotFound."""
        ...


class KeyVerifier(Protocol):
    """Verifies a presented key."""

    async def verify(self, text: str, kind: KeyKind) -> Key:
        """The key, or raises Unauthenticated: one answer for every cause."""
        ...
