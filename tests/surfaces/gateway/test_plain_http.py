"""Secrets of add-ons and users travel in headers: what came in plain HTTP over the internet is refused, and audited."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import httpx
import pytest
from tests.net.certificates import Authority
from tests.surfaces.serving import serving

from sluicegate.core.clock import SystemClock
from sluicegate.surfaces.gateway.admission import Admission
from sluicegate.surfaces.gateway.application import BASE, GatewayApplication
from sluicegate.surfaces.gateway.description import describe
from sluicegate.web.asgi import Application
from sluicegate.web.certificates import ServerCertificate
from sluicegate.web.peer import RealPeer, TrustedProxies

ACCOUNT = BASE + "/canonical/account"
PUBLIC = "8.8.8.8"
PROXY = "127.0.0.1"


def as_from(address: str, app: Application) -> Application:
    """The same, as if the kernel had named another peer: nobody connects to the loopback from the internet."""

    async def renamed(scope, receive, send):
        await app(scope | {"client": (address, 4711)}, receive, send)

    return renamed


@asynccontextmanager
async def reached(stage, *, peer: str, trusted: str = PROXY, app=None, tls=None) -> AsyncIterator[httpx.AsyncClient]:
    """The gateway as somebody at ``peer`` reaches it."""
    whole = as_from(peer, RealPeer(app or stage.app, TrustedProxies.parse(trusted)))
    verify = tls[1] if tls else True
    async with (
        serving(whole, tls=tls[0] if tls else None) as url,
        httpx.AsyncClient(base_url=url, verify=verify, timeout=30) as client,
    ):
        yield client


async def status(stage, client: httpx.AsyncClient, key: str, **told: str) -> int:
    headers = stage.headers("torbox", key=key) | {name.replace("_", "-"): value for name, value in told.items()}
    return (await client.get(ACCOUNT, headers=headers)).status_code


async def test_a_plain_call_from_the_internet_is_refused_and_audited(stage):
    _, key = await stage.user("torbox")
    async with reached(stage, peer=PUBLIC) as client:
        for method, path in (("GET", "/canonical/account"), ("POST", "/canonical/jobs"), ("GET", "/proxy/v1/api/user")):
            answer = await client.request(method, BASE + path, headers=stage.headers("torbox", key=key))
            assert answer.status_code == 403, path
            problem = answer.json()
            assert answer.headers["content-type"] == "application/problem+json"
            assert (problem["code"], problem["title"]) == ("rg.tls_required", "TLS required")
            assert problem["instance"] == answer.headers["x-request-id"]
            assert "https" in problem["detail"]
            (row,) = [row for row in await stage.audited() if str(row["request_id"]) == problem["instance"]]
            assert (row["error_code"], row["http_status"], str(row["caller_ip"])) == ("rg.tls_required", 403, PUBLIC)
            assert row["user_id"] is None, "nothing that came along was looked at"


async def test_whether_the_secret_was_right_is_not_told(stage):
    _, key = await stage.user("torbox")
    async with reached(stage, peer=PUBLIC) as client:
        right = await client.get(ACCOUNT, headers=stage.headers("torbox", key=key))
        wrong = await client.get(
            ACCOUNT, headers=stage.headers("torbox", key=key) | {"x-relaygate-addon-secret": "as_x"}
        )
    strip = {"instance"}
    assert {k: v for k, v in right.json().items() if k not in strip} == {
        k: v for k, v in wrong.json().items() if k not in strip
    }


@pytest.mark.parametrize("told", ["https", "HTTPS", "http", "https, https"])
async def test_nobody_but_a_trusted_proxy_is_believed_about_the_scheme(stage, told: str):
    """T29: a stranger's own X-Forwarded-Proto changes nothing, nor does his X-Forwarded-For."""
    _, key = await stage.user("torbox")
    async with reached(stage, peer=PUBLIC) as client:
        assert await status(stage, client, key, x_forwarded_proto=told, x_forwarded_for="10.0.0.1") == 403


@pytest.mark.parametrize(
    ("client_told", "scheme_told", "wanted"),
    [
        (PUBLIC, "https", 200),
        (PUBLIC, "http", 403),
        (PUBLIC, "", 403),
        ("2001:4860:4860::8888", "http", 403),
        ("::ffff:8.8.8.8", "http", 403),
        ("192.168.1.20", "http", 200),
        ("100.100.1.2", "", 200),
        ("fd00::5", "", 200),
        ("::1", "", 200),
    ],
)
async def test_a_trusted_proxy_is_believed(stage, client_told: str, scheme_told: str, wanted: int):
    _, key = await stage.user("torbox")
    told = {"x_forwarded_for": client_told} | ({"x_forwarded_proto": scheme_told} if scheme_told else {})
    async with reached(stage, peer=PROXY) as client:
        assert await status(stage, client, key, **told) == wanted


@pytest.mark.parametrize("peer", ["127.0.0.1", "10.1.2.3", "172.31.0.9", "192.168.0.7", "169.254.1.1", "fe80::1%eth0"])
async def test_at_home_plain_http_goes_on(stage, peer: str):
    _, key = await stage.user("torbox")
    async with reached(stage, peer=peer, trusted="") as client:
        assert await status(stage, client, key) == 200


@pytest.mark.parametrize("peer", ["172.32.0.1", "11.0.0.1", "192.169.0.1", "100.128.0.1", "2001:db8::1", "unknown"])
async def test_just_beside_a_private_network_it_does_not(stage, peer: str):
    _, key = await stage.user("torbox")
    async with reached(stage, peer=peer, trusted="") as client:
        assert await status(stage, client, key) == 403


async def test_by_tls_anybody_may_call(stage, tmp_path: Path):
    authority = Authority()
    authority.write("127.0.0.1", tmp_path / "cert", tmp_path / "key")
    certificate = ServerCertificate(tmp_path / "cert", tmp_path / "key")
    _, key = await stage.user("torbox")
    async with reached(stage, peer=PUBLIC, tls=(certificate.context, authority.trusting())) as client:
        assert await status(stage, client, key) == 200
        assert await status(stage, client, key, x_forwarded_proto="http") == 200


async def test_an_operator_may_allow_it(stage):
    gateway = stage.gateway
    allowing = Admission(gateway.access, gateway.limits, stage.vault, plain_http=True)
    app = GatewayApplication(
        allowing, gateway.fanout, gateway.jobs, stage.app._proxy, gateway.audit, SystemClock(), describe
    )
    _, key = await stage.user("torbox")
    async with reached(stage, peer=PUBLIC, app=app) as client:
        assert await status(stage, client, key) == 200
