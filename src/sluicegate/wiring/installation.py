"""One opened installation: the database, the way out and every service, for a server process or a single command."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager, closing
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Final

from sluicegate.core.clock import SystemClock
from sluicegate.core.ports import Changes
from sluicegate.db.database import Database, open_database
from sluicegate.net.egress import Egress, EgressPolicy
from sluicegate.net.flights import Flights
from sluicegate.net.http import Http
from sluicegate.net.pacing import Pacing
from sluicegate.services.absence import SyncRules
from sluicegate.services.account_calls import AccountCallService
from sluicegate.services.account_looks import AccountLooks
from sluicegate.services.account_probe import AccountProbe
from sluicegate.services.accounts import AccountService
from sluicegate.services.availability import AvailabilityService
from sluicegate.services.availability_probing import AvailabilityProbing
from sluicegate.services.blocklist import BlocklistService
from sluicegate.services.cascade import CascadeService
from sluicegate.services.cascade_preferences import CascadePreferenceService
from sluicegate.services.collection import CollectionService
from sluicegate.services.destinations import DestinationService
from sluicegate.services.gateway import Gateway
from sluicegate.services.gateway_limits import RateAllowance
from sluicegate.services.keys import KeyService
from sluicegate.services.leftovers import LeftoverService
from sluicegate.services.library import LibraryService
from sluicegate.services.master_key import check_master_key
from sluicegate.services.media_webhooks import MediaWebhooks
from sluicegate.services.passwords import Passwords
from sluicegate.services.playback import PlaybackService
from sluicegate.services.recascade import RecascadeService
from sluicegate.services.sign_in import SignInService
from sluicegate.services.simulate import SimulateService
from sluicegate.services.store import StoreService
from sluicegate.services.submit import SubmitService
from sluicegate.services.sweep import SweepService
from sluicegate.services.sync import SyncService
from sluicegate.services.tombstones import TombstoneService
from sluicegate.services.users import UserService
from sluicegate.services.vault import AesVault
from sluicegate.services.vault_keys import MasterKeys
from sluicegate.services.webhook_outbox import WebhookOutbox
from sluicegate.services.webhooks import WebhookService
from sluicegate.settings import Settings
from sluicegate.storages.local import LocalStorage
from sluicegate.web.signing import ByteLinks, TokenSigner
from sluicegate.wiring.address_check import AddressCheck
from sluicegate.wiring.buckets import bucket_opener
from sluicegate.wiring.cascade_rules import cascade_rules
from sluicegate.wiring.feeds import FeedParts, blocklist_service, feed_parts
from sluicegate.wiring.mail import RegistrationParts, make_registration
from sluicegate.wiring.master_keys import master_keys_of
from sluicegate.wiring.media import MediaParts, media_parts
from sluicegate.wiring.paced import Pacer
from sluicegate.wiring.people import People, make_people, make_plans
from sluicegate.wiring.playback import playback_service
from sluicegate.wiring.providers import provider_registry
from sluicegate.wiring.registry import ProviderRegistry, StorageRegistry
from sluicegate.wiring.restore_moves import settle_restore
from sluicegate.wiring.sandbox import allowance, running_sandbox
from sluicegate.wiring.tls import serves_tls
from sluicegate.wiring.told_address import server_address

__all__ = ["BaseUrl", "Installation", "open_installation"]

FILES_FOLDER: Final = "files"


@dataclass(slots=True)
class BaseUrl:
    """Where clients reach this installation; a server with a free port learns it only when it listens."""

    value: str

    def __call__(self) -> str:
        """The URL without a trailing slash."""
        return self.value.rstrip("/")


@dataclass(slots=True)
class Installation:
    """Everything that surfaces, tasks and commands need; made once per process."""

    settings: Settings
    database: Database
    egress: Egress
    http: Http
    providers: ProviderRegistry
    storages: StorageRegistry
    signer: TokenSigner
    base_url: BaseUrl
    clock: SystemClock
    changes: Changes
    users: UserService
    keys: KeyService
    gateway: Gateway
    availability: AvailabilityService
    vault: AesVault
    master_keys: MasterKeys
    sandbox: str | None
    accounts: AccountService
    account_calls: AccountCallService
    pacing: Pacing
    submit: SubmitService
    blocklist: BlocklistService
    feeds: FeedParts
    library: LibraryService
    sync: SyncService
    looks: AccountLooks
    tombstones: TombstoneService
    cascade: CascadeService
    recascade: RecascadeService
    leftovers: LeftoverService
    simulate: SimulateService
    cascade_preferences: CascadePreferenceService
    collection: CollectionService
    playback: PlaybackService
    media: MediaParts
    sweep: SweepService
    people: People
    destinations: DestinationService
    store: StoreService
    sign_in: SignInService
    registration: RegistrationParts
    webhook_outbox: WebhookOutbox
    webhooks: WebhookService
    notes: dict[str, str] = field(default_factory=dict)


@asynccontextmanager
async def open_installation(settings: Settings, *, sandbox: str | None = None) -> AsyncIterator[Installation]:
    """Opens the data folder or database that ``settings`` name; leaving the block closes everything.

    Args:
        settings: the settings.
        sandbox: address of the sandbox that stands in for every provider; by default that of a server which runs
            beside this process on the same data folder, if it has one.

    Raises:
        InternalError: the database cannot be started or reached, or the master key is wrong.
        InvalidInput: the egress allow-list cannot be read.
    """
    settings.data_dir.mkdir(mode=0o711, parents=True, exist_ok=True)
    await asyncio.to_thread(settle_restore, settings.data_dir)
    async with AsyncExitStack() as stack:
        clock = SystemClock()
        master_keys = master_keys_of(settings)
        vault = AesVault(master_keys)
        database = await stack.enter_async_context(_database(settings, vault))
        await check_master_key(database.transactions, vault)
        sandbox = sandbox or running_sandbox(settings)
        egress = Egress(EgressPolicy.parse(_allowed(settings, sandbox)))
        stack.callback(egress.close)
        http = Http(egress)
        stack.push_async_callback(http.aclose)
        files = LocalStorage(settings.data_dir / FILES_FOLDER)
        stack.push_async_callback(files.aclose)
        base_url = BaseUrl(settings.public_url or server_address(settings.data_dir).read() or _configured(settings))
        signer = TokenSigner([vault.signing_key], clock)
        links = ByteLinks(signer, base_url, clock)
        ledger = database.ledger()
        transactions = database.transactions
        account_calls = AccountCallService(transactions, clock)
        await stack.enter_async_context(account_calls.running())
        pacing = Pacing(ledger, clock, note=account_calls.note)
        pacer = Pacer(pacing, Flights())
        providers = provider_registry(http, pacer, sandbox=sandbox)
        destinations = DestinationService(transactions, vault, bucket_opener(http, clock), AddressCheck(egress), clock)
        stack.push_async_callback(destinations.aclose)
        storages = StorageRegistry({"local": files}, destinations.storage)
        keys = KeyService(transactions, vault, clock)
        rules, probe = cascade_rules(settings), AccountProbe(transactions, providers, clock)
        outbox = WebhookOutbox(clock)
        blocklist = blocklist_service(settings, transactions, http, clock)
        egress.hop_gate = blocklist.check_hop
        plans = make_plans(settings, transactions, http, clock)
        submit = SubmitService(transactions, database.changes, clock, blocklist, plans)
        accounts = AccountService(transactions, providers, vault, ledger, clock, AddressCheck(egress))
        playback = playback_service(
            settings, transactions, providers, storages, http, links, clock, rules=rules, gate=blocklist
        )
        media = await stack.enter_async_context(
            media_parts(
                settings, transactions, http, storages, links, destinations, MediaWebhooks(outbox), clock, blocklist
            )
        )
        gateway = Gateway.of(
            transactions,
            providers,
            vault,
            keys,
            clock,
            allowance=_rates(settings),
            retention=timedelta(days=settings.gateway_audit_days),
            gate=blocklist,
        )
        probing = AvailabilityProbing(
            transactions, providers, ledger, gateway.learned, per_day=settings.availability_probes_per_day
        )
        stack.push_async_callback(probing.aclose)
        availability = AvailabilityService(
            transactions,
            providers,
            gateway.learned,
            clock,
            share_copies=settings.share_copies,
            curious=probing.consider,
            gate=blocklist,
        )
        yield Installation(
            settings=settings,
            database=database,
            egress=egress,
            http=http,
            providers=providers,
            storages=storages,
            signer=signer,
            base_url=base_url,
            clock=clock,
            changes=database.changes,
            users=UserService(transactions, clock),
            keys=keys,
            gateway=gateway,
            availability=availability,
            vault=vault,
            master_keys=master_keys,
            sandbox=sandbox,
            accounts=accounts,
            account_calls=account_calls,
            pacing=pacing,
            submit=submit,
            blocklist=blocklist,
            feeds=feed_parts(settings, transactions, http, blocklist, submit, playback, keys, base_url, clock, plans),
            library=LibraryService(transactions),
            sync=(sync := SyncService(transactions, providers, clock, sync_rules(settings), blocklist)),
            looks=AccountLooks(transactions, sync, clock),
            tombstones=TombstoneService(
                transactions, providers, storages, clock, grace=timedelta(days=settings.removed_days)
            ),
            cascade=CascadeService(
                transactions,
                providers,
                probe,
                clock,
                share_copies=settings.share_copies,
                rules=rules,
            ),
            recascade=RecascadeService(transactions, providers, clock, rules),
            leftovers=LeftoverService(
                transactions,
                providers,
                clock,
                rules,
                settled=settings.recascade_leftover_seconds,
                every=settings.recascade_leftover_seconds,
            ),
            simulate=SimulateService(
                transactions, providers, probe, share_copies=settings.share_copies, rules=rules, gate=blocklist
            ),
            cascade_preferences=CascadePreferenceService(transactions, providers),
            collection=CollectionService(transactions, providers, storages, clock),
            playback=playback,
            media=media,
            destinations=destinations,
            store=StoreService(transactions, storages, playback, clock),
            sign_in=SignInService(transactions, vault, (passwords := Passwords()), clock),
            registration=stack.enter_context(
                closing(make_registration(settings, transactions, vault, passwords, clock, base_url))
            ),
            webhook_outbox=outbox,
            webhooks=WebhookService(transactions, vault, outbox, clock, timedelta(days=settings.webhook_log_days)),
            sweep=SweepService(transactions, clock, kept_every=settings.sync_library_minutes * 60),
            people=make_people(settings, transactions, vault, clock, http, egress, keys, accounts, plans),
        )


def _configured(settings: Settings) -> str:
    return f"{'https' if serves_tls(settings) else 'http'}://{settings.host}:{settings.port}"


def _allowed(settings: Settings, sandbox: str | None) -> str:
    """The egress allow-list; of the sandbox only its own address and port are added."""
    return ",".join(entry for entry in (settings.egress_allow, allowance(sandbox) if sandbox else "") if entry)


def _rates(settings: Settings) -> RateAllowance:
    return RateAllowance(
        address=settings.gateway_address_rate, addon=settings.gateway_addon_rate, key=settings.gateway_key_rate
    )


def sync_rules(settings: Settings) -> SyncRules:
    """What the settings say about transfers that vanish."""
    return SyncRules(
        patience=settings.sync_missing_minutes * 60,
        brake_count=settings.sync_brake_count,
        brake_share=settings.sync_brake_share,
    )


def _database(settings: Settings, vault: AesVault) -> AbstractAsyncContextManager[Database]:
    url = settings.database_url.get_secret_value() if settings.database_url else None
    return open_database(vault, data_dir=None if url else settings.data_dir, database_url=url)
