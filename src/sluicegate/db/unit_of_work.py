"""Units of work: one transaction over all repositories and the task queue."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from sluicegate.core import ports
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
from sluicegate.core.preferences import PreferenceRepository
from sluicegate.core.registration import RegistrationRepository
from sluicegate.core.repeats import CURRENT_ATTEMPT, RepeatRepository
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
from sluicegate.db.account_calls import AccountCalls
from sluicegate.db.accounts import Accounts
from sluicegate.db.addons import Addons
from sluicegate.db.audit import Audits
from sluicegate.db.blocklist import Blocklists
from sluicegate.db.cascade import CascadePreferenceRows
from sluicegate.db.destinations import Destinations
from sluicegate.db.failures import translated
from sluicegate.db.feeds import Feeds
from sluicegate.db.files import Files
from sluicegate.db.held_copies import HeldCopies
from sluicegate.db.intents import Intents
from sluicegate.db.jobs import Jobs
from sluicegate.db.keys import Keys
from sluicegate.db.learned import Learned, Rates
from sluicegate.db.looks import Looks
from sluicegate.db.media_batches import MediaBatches
from sluicegate.db.media_jobs import MediaJobs
from sluicegate.db.media_queue import MediaQueue
from sluicegate.db.media_usage import MediaUsages
from sluicegate.db.open_uploads import OpenUploads
from sluicegate.db.passkeys import Passkeys
from sluicegate.db.people import Identities, Limits, MasterKeyMarks, Plans, Preferences
from sluicegate.db.placements import Placements
from sluicegate.db.policies import Policies
from sluicegate.db.queue import Tasks
from sluicegate.db.registrations import Registrations
from sluicegate.db.repeats import Repeats, mark_effective
from sluicegate.db.sealed import SealedValues
from sluicegate.db.sign_in import SignIns
from sluicegate.db.store_jobs import StoreJobs
from sluicegate.db.stream_proxies import StreamProxies
from sluicegate.db.stream_rights import StreamRights
from sluicegate.db.task_overview import TaskOverview
from sluicegate.db.titles import ReadyJobs, Titles
from sluicegate.db.traces import Traces
from sluicegate.db.usage import Usage
from sluicegate.db.usage_history import UsageHistory
from sluicegate.db.users import Users
from sluicegate.db.webhooks import Webhooks

__all__ = ["Transaction", "Transactions"]


class Transaction:
    """Implements ``core.ports.UnitOfWork`` over one connection."""

    users: ports.UserRepository
    keys: ports.KeyRepository
    accounts: ports.AccountRepository
    account_calls: AccountCallRepository
    jobs: ports.JobRepository
    files: ports.FileRepository
    traces: ports.TraceRepository
    intents: ports.IntentRepository
    media_jobs: ports.MediaJobRepository
    media_batches: MediaBatchRepository
    media_queue: MediaQueueRepository
    media_usage: MediaUsageRepository
    tasks: ports.TaskQueue
    addons: AddonRepository
    policies: PolicyRepository
    audits: AuditRepository
    learned: LearnedRepository
    rates: RateRepository
    feeds: FeedRepository
    blocklists: BlocklistRepository
    titles: TitleRepository
    ready: ReadyLibrary
    looks: LookRepository
    cascade_preferences: CascadePreferenceRepository
    placements: PlacementRepository
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
    key_marks: ports.MasterKeyMarkRepository
    sealed: SealedRepository

    def __init__(self, connection: AsyncConnection, vault: ports.Vault) -> None:
        self.users = Users(connection)
        self.keys = Keys(connection)
        self.accounts = Accounts(connection, vault)
        self.account_calls = AccountCalls(connection)
        self.jobs = Jobs(connection)
        self.files = Files(connection)
        self.traces = Traces(connection)
        self.intents = Intents(connection)
        self.media_jobs = MediaJobs(connection)
        self.media_batches = MediaBatches(connection)
        self.media_queue = MediaQueue(connection)
        self.media_usage = MediaUsages(connection)
        self.tasks = Tasks(connection)
        self.addons = Addons(connection)
        self.policies = Policies(connection)
        self.audits = Audits(connection)
        self.learned = Learned(connection)
        self.rates = Rates(connection)
        self.feeds = Feeds(connection, vault)
        self.blocklists = Blocklists(connection)
        self.titles = Titles(connection)
        self.ready = ReadyJobs(connection)
        self.looks = Looks(connection)
        self.cascade_preferences = CascadePreferenceRows(connection)
        self.placements = Placements(connection)
        self.webhooks = Webhooks(connection)
        self.destinations = Destinations(connection, vault)
        self.uploads = OpenUploads(connection, vault)
        self.store_jobs = StoreJobs(connection)
        self.sign_in = SignIns(connection)
        self.passkeys = Passkeys(connection)
        self.registrations = Registrations(connection)
        self.identities = Identities(connection)
        self.limits = Limits(connection)
        self.plans = Plans(connection)
        self.preferences = Preferences(connection)
        self.stream_proxies = StreamProxies(connection, vault)
        self.stream_rights = StreamRights(connection)
        self.held_copies = HeldCopies(connection)
        self.library_usage = Usage(connection)
        self.usage_history = UsageHistory(connection)
        self.task_overview = TaskOverview(connection)
        self.repeats = Repeats(connection)
        self.key_marks = MasterKeyMarks(connection)
        self.sealed = SealedValues(connection)


class Transactions:
    """Implements ``core.ports.UnitOfWorkFactory``: ``async with transactions() as tx``."""

    def __init__(self, engine: AsyncEngine, vault: ports.Vault) -> None:
        self._engine = engine
        self._vault = vault

    @asynccontextmanager
    async def __call__(self) -> AsyncIterator[ports.UnitOfWork]:
        """A fresh transaction: read committed, every statement and every wait for a lock bounded.

        Raises:
            InternalError: the database is down, too busy, or refused a statement.
        """
        with translated():
            async with self._engine.begin() as connection:
                yield Transaction(connection, self._vault)
                if (attempt := CURRENT_ATTEMPT.get()) is not None:
                    await mark_effective(connection, attempt)
