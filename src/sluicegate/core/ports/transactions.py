"""One transaction over all repositories.

Services open one, read or write, leave it, and only then call an upstream: no transaction spans a network call.
Leaving the block without an exception commits; an exception rolls back.
"""

from contextlib import AbstractAsyncContextManager
from typing import Protocol

from sluicegate.core.account_calls import AccountCallRepository
from sluicegate.core.addons import AddonRepository
from sluicegate.core.audit import AuditRepository
from sluicegate.core.availability import HeldCopyRepository
from sluicegate.core.blocklist import BlocklistRepository
from sluicegate.core.cascade import CascadePreferenceRepository, PlacementRepository
from sluicegate.core.destinations import DestinationRepository, StoreJobRepository, UploadRepository
from sluicegate.core.entitlements import EntitlementRepository
from sluicegate.core.feeds import FeedRepository
from sluicegate.core.learned import LearnedRepository, RateRepository
from sluicegate.core.looks import LookRepository
from sluicegate.core.media_batches import MediaBatchRepository
from sluicegate.core.media_queue import MediaQueueRepository
from sluicegate.core.media_usage import MediaUsageRepository
from sluicegate.core.passkeys import PasskeyRepository
from sluicegate.core.policies import PolicyRepository
from sluicegate.core.ports.accounts import AccountRepository, IntentRepository
from sluicegate.core.ports.jobs import FileRepository, JobRepository, TraceRepository
from sluicegate.core.ports.media_jobs import MediaJobRepository
from sluicegate.core.ports.tasks import TaskQueue
from sluicegate.core.ports.users import KeyRepository, UserRepository
from sluicegate.core.ports.vault import MasterKeyMarkRepository
from sluicegate.core.preferences import PreferenceRepository
from sluicegate.core.registration import RegistrationRepository
from sluicegate.core.repeats import RepeatRepository
from sluicegate.core.sealed_values import SealedRepository
from sluicegate.core.sign_in import SignInRepository
from sluicegate.core.stream_proxies import StreamProxyRepository
from sluicegate.core.stream_rights import StreamRightRepository
from sluicegate.core.task_overview import TaskOverviewRepository
from sluicegate.core.titles import ReadyLibrary, TitleRepository
from sluicegate.core.usage import UsageRepository
from sluicegate.core.usage_history import UsageHistoryRepository
from sluicegate.core.users import IdentityRepository, UserLimitRepository
from sluicegate.core.webhooks import WebhookRepository

__all__ = ["UnitOfWork", "UnitOfWorkFactory"]


class UnitOfWork(Protocol):
    """One transaction over all repositories."""

    users: UserRepository
    keys: KeyRepository
    accounts: AccountRepository
    account_calls: AccountCallRepository
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
    passkeys: PasskeyRepository
    registrations: RegistrationRepository
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
