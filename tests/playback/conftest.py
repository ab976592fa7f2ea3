"""Playback as a player meets it: real links of a real sandbox, a real byte server, real sockets.

One stage serves all tests of this folder; every test defines content of its own and makes users of its own.
"""

import asyncio
import hashlib
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from dataclasses import dataclass, field, replace
from typing import Any
from uuid import UUID, uuid4

import aiohttp
import pytest
from litestar import Litestar
from litestar.exceptions import HTTPException
from tests.databases import fresh_database
from tests.sandbox.caller import Caller
from tests.surfaces.serving import serving

from sluicegate.core.accounts import Account, AccountState, token_kind
from sluicegate.core.blocklist import OpenGate
from sluicegate.core.cascade import CascadeRules
from sluicegate.core.clock import SystemClock
from sluicegate.core.errors import ContentBlocked, SluicegateError
from sluicegate.core.files import JobFile
from sluicegate.core.jobs import Job, JobState
from sluicegate.core.keys import Key, KeyKind
from sluicegate.core.magnets import parse_info_hash
from sluicegate.core.pacing import Priority
from sluicegate.core.sources import SourceKind
from sluicegate.core.stream_proxies import ProxyCheck, ProxyKind, StreamProxy, stream_proxy_kind
from sluicegate.db.connector import Connector
from sluicegate.db.database import Database, open_at
from sluicegate.net.egress import EgressPolicy
from sluicegate.net.flights import Flights
from sluicegate.net.http import Http, open_http
from sluicegate.net.pacing import Pacing
from sluicegate.sandbox.server import SandboxServer
from sluicegate.services.availability import AvailabilityService
from sluicegate.services.gateway_learned import LearnedAvailability
from sluicegate.services.keys import KeyService
from sluicegate.services.listing import find_by_hash
from sluicegate.services.stream_rights import StreamRights
from sluicegate.services.users import UserService
from sluicegate.services.vault import AesVault
from sluicegate.settings import Settings
from sluicegate.storages.memory import MemoryStorage
from sluicegate.surfaces.bytes.open_streams import OpenStreams
from sluicegate.surfaces.bytes.routes import router as byte_router
from sluicegate.surfaces.bytes.stream_watch import StreamWatch
from sluicegate.surfaces.library.availability_routes import AvailabilityServices
from sluicegate.surfaces.library.availability_routes import router as availability_router
from sluicegate.surfaces.library.errors import answer_error
from sluicegate.surfaces.library.playback_routes import PlaybackServices
from sluicegate.surfaces.library.playback_routes import router as playback_router
from sluicegate.web.auth import Carrier, behind_guards, key_guard
from sluicegate.web.signing import ByteLinks, TokenSigner
from sluicegate.wiring.paced import Pacer
from sluicegate.wiring.playback import playback_service
from sluicegate.wiring.providers import provider_registry
from sluicegate.wiring.registry import ProviderRegistry, StorageRegistry

POOL = "pool"


class Gate(OpenGate):
    """Blocks hashes."""

    def __init__(self) -> None:
        self.blocked: set[str] = set()

    async def check_job(self, info_hash: str, name: str, uri: str) -> None:
        if info_hash in self.blocked:
            raise ContentBlocked


@dataclass
class Player:
    """A user with a key, who plays."""

    stage: "Stage"
    user_id: UUID
    key: Key
    secret: str
    accounts: dict[str, Account] = field(default_factory=dict)

    async def account(self, provider: str, token: str = "", *, label: str = "home") -> Account:
        """Connects an account of the sandbox."""
        token = token or f"sandbox-{self.user_id.hex[:12]}"
        account = Account(uuid4(), self.user_id, provider, label, AccountState.OK, SystemClock().now())
        sealed = self.stage.vault.seal(token, owner=str(self.user_id), kind=token_kind(provider, account.id))
        async with self.stage.database.transactions() as tx:
            await tx.accounts.add(account, sealed_token=sealed, sealed_proxy=None)
        self.accounts[provider] = account
        return account

    async def prefer(self, **chosen: Any) -> None:
        """Sets preferences."""
        async with self.stage.database.transactions() as tx:
            await tx.preferences.change(self.user_id, chosen)

    async def connect(self, kind: ProxyKind, base_url: str, secret: str) -> None:
        """Connects a stream proxy."""
        now = SystemClock().now()
        proxy = StreamProxy(self.user_id, kind, "mine", base_url, "…", ProxyCheck.OK, now, now)
        sealed = self.stage.vault.seal(secret, owner=str(self.user_id), kind=stream_proxy_kind(kind, base_url))
        async with self.stage.database.transactions() as tx:
            await tx.stream_proxies.put(proxy, sealed_token=sealed)

    async def stream(self, job: Job, file: JobFile) -> tuple[int, dict[str, Any]]:
        """Asks for a stream URL."""
        headers = {"authorization": f"Bearer {self.secret}"}
        url = f"{self.stage.url}/v1/torrents/{job.id}/files/{file.id}/stream"
        async with self.stage.session.get(url, headers=headers) as answer:
            return answer.status, await answer.json()


@dataclass
class Stage:
    """Everything that a test of playback moves."""

    database: Database
    vault: AesVault
    sandbox: Caller
    providers: ProviderRegistry
    http: Http
    keys: KeyService
    users: UserService
    storage: MemoryStorage
    streams: OpenStreams
    session: aiohttp.ClientSession
    url: str = ""
    gate: Gate = field(default_factory=Gate)

    async def player(self, name: str = "") -> Player:
        """A new user."""
        user = await self.users.create(name or f"player-{uuid4().hex[:10]}")
        key, secret = await self.keys.create(user.id, KeyKind.LIBRARY)
        return Player(self, user.id, key, secret.reveal())

    async def torrent(self, size: int = 3_000_000, *, cached_on: tuple[str, ...]) -> str:
        """A torrent with one film of that size; its hash."""
        info_hash = hashlib.sha1(uuid4().bytes).hexdigest()
        film = {"path": "film.mkv", "size": size}
        await self.sandbox.define(info_hash, name="Film", files=[film], cached_on=list(cached_on))
        return info_hash

    async def sha256(self, info_hash: str) -> str:
        """Of the film, as the sandbox says."""
        content = await self.sandbox.control("GET", f"/content/{info_hash}")
        return str(content["files"][0]["sha256"])

    async def hold(self, account: Account, info_hash: str) -> tuple[str, str]:
        """Puts the torrent into an account, past the product; its transfer's id and its film's locator."""
        async with self.database.transactions() as tx:
            credential = await tx.accounts.credential(account.id)
        async with self.providers.open(account.provider, credential, priority=Priority.PLAY) as provider:
            submission = await provider.submit_magnet(parse_info_hash(info_hash))
            found = await find_by_hash(provider, info_hash)
            assert found is not None
            if found.state.value == "selecting":
                await provider.select(found.id)
            files = await provider.files(submission.transfer_id)
        assert files[0].locator is not None, "the sandbox has it at once"
        return submission.transfer_id, files[0].locator

    async def ready(
        self, player: Player, account: Account, info_hash: str, size: int = 3_000_000
    ) -> tuple[Job, JobFile]:
        """A ready job of the player at an account that has the torrent."""
        transfer_id, locator = await self.hold(account, info_hash)
        now = SystemClock().now()
        magnet = f"magnet:?xt=urn:btih:{info_hash}"
        job = Job(
            uuid4(), player.user_id, info_hash, SourceKind.TORRENT, magnet, JobState.QUEUED, now, now, name="Film"
        )
        file = JobFile(uuid4(), job.id, 0, "film.mkv", size, "video/x-matroska", locator)
        async with self.database.transactions() as tx:
            job, _ = await tx.jobs.add(job)
            placed = replace(job, provider=account.provider, account_id=account.id, transfer_id=transfer_id)
            await tx.files.replace(job.id, [file])
            job = await tx.jobs.update(replace(placed, state=JobState.READY, progress=1.0, size=size))
        return job, file

    async def links_made(self, provider: str, *paths: str) -> int:
        """Calls that made a link, as the sandbox's tap has them."""
        calls = (await self.sandbox.control("GET", f"/calls?provider={provider}"))["items"]
        return sum(any(path in call["path"] for path in paths) for call in calls)


@pytest.fixture(scope="package")
async def running_stage(server: Connector, vault: AesVault) -> AsyncIterator[Stage]:
    async with AsyncExitStack() as stack:
        connector = await stack.enter_async_context(fresh_database(server, "playback"))
        sandbox = await stack.enter_async_context(SandboxServer())
        database = await stack.enter_async_context(open_at(connector, vault))
        http = await stack.enter_async_context(open_http(EgressPolicy.parse("127.0.0.0/8")))
        stage = _stage(database, vault, sandbox.url, http)
        stage.session = await stack.enter_async_context(aiohttp.ClientSession())
        stage.url = await stack.enter_async_context(serving(_application(stage)))
        yield stage


@pytest.fixture
async def stage(running_stage: Stage) -> Stage:
    """The stage with an empty sandbox."""
    await running_stage.sandbox.control("POST", "/reset")
    return running_stage


def _stage(database: Database, vault: AesVault, sandbox: str, http: Http) -> Stage:
    clock = SystemClock()
    pacer = Pacer(Pacing(database.ledger(), clock), Flights())
    return Stage(
        database=database,
        vault=vault,
        sandbox=Caller(sandbox),
        providers=provider_registry(http, pacer, sandbox=sandbox),
        http=http,
        keys=KeyService(database.transactions, vault, clock),
        users=UserService(database.transactions, clock),
        storage=MemoryStorage(),
        streams=OpenStreams(per_user=30),
        session=None,  # type: ignore[arg-type]
    )


def _application(stage: Stage) -> Litestar:
    clock = SystemClock()
    signer = TokenSigner([bytes(range(32))], clock)
    links = ByteLinks(signer, lambda: stage.url, clock)
    storages = StorageRegistry({"local": stage.storage})
    settings = Settings.load()
    transactions = stage.database.transactions
    providers, http = stage.providers, stage.http
    rules = CascadeRules(pool_user=POOL)
    playback = playback_service(
        settings, transactions, providers, storages, http, links, clock, rules=rules, gate=stage.gate
    )
    rights = StreamRights(transactions)
    StreamWatch(stage.streams, rights, stage.database.access_changes)
    learned = LearnedAvailability(transactions, clock)
    availability = AvailabilityService(transactions, providers, learned, clock, gate=stage.gate)
    surfaces = [
        byte_router(playback, signer, streams=stage.streams, keys=rights),
        playback_router(PlaybackServices(playback)),
        availability_router(AvailabilityServices(availability, clock)),
    ]
    handlers = {HTTPException: answer_error, SluicegateError: answer_error}
    guarded = behind_guards(surfaces, {"library_key": key_guard(stage.keys, KeyKind.LIBRARY, Carrier.BEARER)})
    return Litestar(guarded, exception_handlers=handlers, logging_config=None, openapi_config=None)


async def settled(condition: Any, seconds: float = 60.0) -> None:
    """Waits for something that happens elsewhere."""
    async with asyncio.timeout(seconds):
        while not condition():
            await asyncio.sleep(0.02)
