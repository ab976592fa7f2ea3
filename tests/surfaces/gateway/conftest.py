from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, AsyncExitStack
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID, uuid4

import httpx
import pytest
from tests.databases import fresh_database
from tests.surfaces.serving import serving

from sluicegate.core.accounts import Account, AccountState, Credential, token_kind
from sluicegate.core.addons import AddonState
from sluicegate.core.blocklist import OpenGate, parse_blocklist
from sluicegate.core.clock import SystemClock
from sluicegate.core.gateway import PROVIDERS
from sluicegate.core.manifest import Manifest, read_manifest
from sluicegate.core.pacing import Priority
from sluicegate.core.provider import Provider
from sluicegate.core.sources import Source, WebLink
from sluicegate.db.connector import Connector
from sluicegate.db.database import Database, open_at
from sluicegate.net.egress import EgressPolicy
from sluicegate.net.http import open_http
from sluicegate.net.pacing import Pacing
from sluicegate.providers.memory.adapter import Memory
from sluicegate.providers.memory.world import World
from sluicegate.services.gateway import Gateway
from sluicegate.services.gateway_limits import RateAllowance
from sluicegate.services.keys import KeyService
from sluicegate.services.users import UserService
from sluicegate.services.vault import AesVault
from sluicegate.surfaces.gateway.admission import Admission
from sluicegate.surfaces.gateway.application import BASE, GatewayApplication
from sluicegate.surfaces.gateway.description import describe
from sluicegate.surfaces.gateway.proxy import RawProxy
from sluicegate.web.asgi import Application
from sluicegate.web.limits import BoundedBody
from sluicegate.web.peer import RealPeer, TrustedProxies

_MISSING = "torrin"
"""The one provider of the catalogue that this build has no adapter for."""


class Twins:
    """Each provider of the catalogue as a twin with a world of its own; implements ``core.ports.Providers``."""

    def __init__(self) -> None:
        self.worlds = {name: World() for name in PROVIDERS.values() if name != _MISSING}
        self.kinds = {name: type(name, (Memory,), {"name": name}) for name in self.worlds}

    def names(self) -> tuple[str, ...]:
        return tuple(self.worlds)

    def local_names(self) -> tuple[str, ...]:
        return ()

    def kind(self, name: str) -> type[Provider]:
        return self.kinds[name]

    def manifest(self, name: str) -> Manifest:
        return read_manifest(f"sluicegate.providers.{name}")

    def open(self, name: str, credential: Credential, *, priority: Priority = Priority.SYNC) -> Provider:
        return self.kinds[name](self.worlds[name], credential)


class Listed(OpenGate):
    """A gate with the rules that a test sets."""

    rules = parse_blocklist("")

    async def check_source(self, source: Source) -> None:
        self.rules.check_source(source)

    async def check_link(self, url: str) -> None:
        self.rules.check_source(WebLink(url))

    async def check_job(self, info_hash: str, name: str, uri: str) -> None:
        self.rules.check_hash(info_hash)


@dataclass
class Stage:
    """A running gateway, one approved add-on, and the means to move everything."""

    url: str
    gateway: Gateway
    database: Database
    vault: AesVault
    users: UserService
    keys: KeyService
    twins: Twins
    client: httpx.AsyncClient
    listed: "Listed"
    app: Application
    addon: str = ""
    secret: str = ""
    upstream: str = ""
    tokens: dict[str, str] = field(default_factory=dict)

    async def user(self, *slugs: str) -> tuple[UUID, str]:
        """A user with accounts at these providers, and a proxy key."""
        user = await self.users.create(f"user-{uuid4().hex[:8]}")
        for slug in slugs:
            await self.account(user.id, slug, f"token-{slug}-{user.name}")
        _, secret = await self.gateway.keys.create(user.id)
        return user.id, secret.reveal()

    async def account(self, user_id: UUID, slug: str, token: str, state: AccountState = AccountState.OK) -> None:
        name = PROVIDERS[slug]
        account = Account(uuid4(), user_id, name, "main", state, SystemClock().now(), base_url=self.upstream or None)
        sealed = self.vault.seal(token, owner=str(user_id), kind=token_kind(name, account.id))
        async with self.database.transactions() as tx:
            await tx.accounts.add(account, sealed_token=sealed, sealed_proxy=None)

    def headers(self, providers: str, *, key: str | None = None, tokens: str | None = None) -> dict[str, str]:
        headers = {
            "x-relaygate-provider": providers,
            "x-relaygate-addon-id": self.addon,
            "x-relaygate-addon-secret": self.secret,
        }
        if key is not None:
            headers["authorization"] = f"Bearer {key}"
        if tokens is not None:
            headers["x-relaygate-provider-api-key"] = tokens
        return headers

    async def ask(
        self, method: str, path: str, providers: str, *, key: str | None = None, tokens: str | None = None, **more: Any
    ) -> httpx.Response:
        headers = self.headers(providers, key=key, tokens=tokens) | more.pop("headers", {})
        return await self.client.request(method, BASE + path, headers=headers, **more)

    async def audited(self) -> list[dict[str, Any]]:
        """Every audited call, oldest first, as the table has it."""
        await self.gateway.audit.flush()
        connection = await self.database._connector.connect()
        try:
            rows = await connection.fetch("SELECT * FROM gateway_request_audits ORDER BY created_at")
            return [dict(row) for row in rows]
        finally:
            await connection.close()


@pytest.fixture(scope="package")
async def shared(server: Connector, vault: AesVault) -> AsyncIterator[Database]:
    async with fresh_database(server, "gateway") as connector, open_at(connector, vault) as database:
        yield database


@pytest.fixture
def allowance() -> RateAllowance:
    return RateAllowance(stranger=0, address=0, addon=0, key=0)


@pytest.fixture
async def stage(shared: Database, vault: AesVault, allowance: RateAllowance) -> AsyncIterator[Stage]:
    clock = SystemClock()
    async with AsyncExitStack() as stack:
        twins, listed = Twins(), Listed()
        keys = KeyService(shared.transactions, vault, clock)
        gateway = Gateway.of(shared.transactions, twins, vault, keys, clock, allowance=allowance)
        http = await stack.enter_async_context(open_http(EgressPolicy.parse("127.0.0.0/8")))
        pacing = Pacing(shared.ledger(), clock)

        def turn(provider: str, credential: Credential, calls: str) -> AbstractAsyncContextManager[None]:
            limits = twins.manifest(provider).limits
            return pacing.turn(credential.account_id, limits, calls=calls, priority=Priority.PLAY, provider=provider)

        app = GatewayApplication(
            Admission(gateway.access, gateway.limits, vault),
            gateway.fanout,
            gateway.jobs,
            RawProxy(http, lambda provider, credential: credential.base_url or stage.upstream, turn, gate=listed),
            gateway.audit,
            clock,
            describe,
        )
        await stack.enter_async_context(gateway.running(shared.access_changes))
        url = await stack.enter_async_context(
            serving(RealPeer(BoundedBody(app, limit=64 * 1024 * 1024), TrustedProxies()))
        )
        client = await stack.enter_async_context(httpx.AsyncClient(base_url=url, timeout=30))
        users = UserService(shared.transactions, clock)
        stage = Stage(url, gateway, shared, vault, users, keys, twins, client, listed, app)
        stage.addon = f"addon-{uuid4().hex[:8]}"
        _, secret = await gateway.addons.apply(stage.addon)
        await gateway.addons.decide(stage.addon, AddonState.APPROVED)
        stage.secret = secret.reveal()
        yield stage
