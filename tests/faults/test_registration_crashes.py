"""Registering at a whole server that speaks https, with a mail server beside it: also when both are killed or away."""

import asyncio
import html
import re
import ssl
from pathlib import Path
from urllib.parse import parse_qs, urlsplit
from uuid import uuid4

import httpx
import pytest
from tests.faults.server import Server
from tests.launching import run
from tests.mail_server import Mailbox, mail_server
from tests.net.certificates import Authority

PASSWORD = "quite a long sentence"
COOKIE = "sluicegate_session"


def token_in(box: Mailbox, place: int) -> str:
    """What the link of a mail carries."""
    (link,) = re.findall(r"https://\S+", box.mails[place].get_content().partition("choose a name")[2])
    assert urlsplit(link).path == "/app/register/confirm"
    return parse_qs(urlsplit(link).query)["token"][0]


def browser(server: Server, authority: Authority) -> httpx.AsyncClient:
    return httpx.AsyncClient(base_url=server.url, verify=authority.trusting(), timeout=90)


async def page(client: httpx.AsyncClient, path: str, status: int = 200) -> str:
    answer = await client.get(path)
    assert answer.status_code == status, (path, answer.status_code, answer.text[-500:])
    return html.unescape(answer.text)


async def becomes_operator(server: Server, client: httpx.AsyncClient) -> None:
    link = urlsplit(await server.invitation(admin=True))
    assert link.scheme == "https"
    form = {"token": parse_qs(link.query)["token"][0], "name": f"op-{uuid4().hex[:6]}", "password": PASSWORD}
    assert (await client.post("/app/welcome", data=form)).status_code == 303


@pytest.fixture
def authority(server: Server, tmp_path: Path) -> Authority:
    """Who vouches for both servers; the installation speaks https, and sends mails by a mail server on this machine."""
    authority = Authority()
    pem, certificate, key = (tmp_path / name for name in ("authority.pem", "certificate.pem", "key.pem"))
    pem.write_bytes(authority.certificate_pem)
    authority.write("127.0.0.1", certificate, key)
    server.environment = {
        "SLUICEGATE_TLS_CERTIFICATE": str(certificate),
        "SLUICEGATE_TLS_KEY": str(key),
        "SLUICEGATE_REGISTRATION": "open",
        "SLUICEGATE_SMTP_HOST": "127.0.0.1",
        "SLUICEGATE_SMTP_SENDER": "noreply@sluice.example",
        "SLUICEGATE_SMTP_USER": "sluice",
        "SLUICEGATE_SMTP_PASSWORD": "gate",
        "SLUICEGATE_EGRESS_ALLOW": "",  # the mail server needs no entry
        "SSL_CERT_FILE": str(pem),
    }
    return authority


async def test_a_registration_outlives_kill_9_and_a_mail_server_that_is_away(server: Server, authority: Authority):
    async with mail_server(starttls=_context(authority), sign_in=True) as box:
        server.environment["SLUICEGATE_SMTP_PORT"] = str(box.port)
        await server.start(crash_at="mailed")
        assert server.url.startswith("https://")
        async with browser(server, authority) as ann:
            assert "/app/register" in await page(ann, "/app/sign-in")
            await _limits(ann)
            answer = await ann.post("/app/register", data={"email": "Ann@EXAMPLE.org"})
            assert answer.status_code == 200
            assert "on its way to Ann@example.org" in answer.text
            assert answer.headers["strict-transport-security"]
        await box.arrived(1)
        assert await server.died() == -9
        await server.start()
        await box.arrived(2)
        assert box.mails[0]["message-id"] == box.mails[1]["message-id"]
        token = token_in(box, 1)
        assert token == token_in(box, 0), "whichever mail is opened"
        assert box.encrypted == [True, True]
        async with browser(server, authority) as ann, browser(server, authority) as operator:
            await _comes_in(ann, token)
            await becomes_operator(server, operator)
            await _is_seen_by_the_operator(operator)
            known = await ann.post("/app/register", data={"email": "ann@example.org"})
            assert known.status_code == 200
            assert "on its way" in known.text
            await box.arrived(3)
            assert "Your name is: ann" in box.mails[2].get_content()
            assert (await ann.post("/app/register", data={"email": "bob@example.org"})).status_code == 200
            await box.arrived(4)
            outcome = await run("mail", "test", "ann@example.org", data=server.data, **server.environment)
            assert (outcome.code, outcome.out) == (0, "127.0.0.1 has taken it\n"), outcome.err
            assert box.mails[4]["to"] == "ann@example.org"
    async with browser(server, authority) as eve, browser(server, authority) as operator:
        await becomes_operator(server, operator)
        assert (await eve.post("/app/register", data={"email": "eve@example.org"})).status_code == 200, "without it"
        async with asyncio.timeout(60):
            while "Mails that wait: 1, next attempt" not in (text := await page(operator, "/app/admin")):
                assert "open for anybody" in text
                await asyncio.sleep(0.1)
        assert "sluicegate mail test ADDRESS" in text
        for asked in range(4, 12):
            answer = await eve.post("/app/register", data={"email": f"eve{asked}@example.org"})
            assert answer.status_code == (200 if asked <= 10 else 422), asked
        assert "Too many registrations came from this address" in answer.text
    outcome = await run("mail", "test", "ann@example.org", data=server.data, **server.environment)
    assert (outcome.code, outcome.out) == (5, "")
    assert "broke" in outcome.err
    assert token not in server.log()
    assert "ann@example.org" not in server.log().lower(), "addresses are nobody's who reads logs"


def _context(authority: Authority) -> ssl.SSLContext:
    return authority.server_context("127.0.0.1")


async def _limits(stranger: httpx.AsyncClient) -> None:
    """What is no address, or comes from another site, sends nothing."""
    for wrong in ("", "ann", "ann@example.org\r\nBcc: all@example.org", "x" * 400):
        answer = await stranger.post("/app/register", data={"email": wrong})
        assert answer.status_code == 422, wrong
        assert 'id="email-problem"' in answer.text
    foreign = {"origin": "https://evil.example", "sec-fetch-site": "cross-site"}
    answer = await stranger.post("/app/register", data={"email": "eve@example.org"}, headers=foreign)
    assert answer.status_code == 403
    assert (await stranger.get("/app/register/confirm?token=made-up")).status_code == 404


async def _comes_in(ann: httpx.AsyncClient, token: str) -> None:
    """Behind the link, once."""
    for _ in range(2):
        assert "For Ann@example.org." in await page(ann, f"/app/register/confirm?token={token}")
    short = await ann.post("/app/register/confirm", data={"token": token, "name": "ann", "password": "short"})
    assert short.status_code == 422
    assert 'id="password-problem"' in short.text
    foreign = {"origin": "https://evil.example", "sec-fetch-site": "cross-site"}
    form = {"token": token, "name": "ann", "password": PASSWORD}
    assert (await ann.post("/app/register/confirm", data=form, headers=foreign)).status_code == 403
    home = await ann.post("/app/register/confirm", data=form | {"name": "home"})
    assert home.status_code == 422
    assert 'id="name-problem"' in home.text
    answer = await ann.post("/app/register/confirm", data=form)
    assert (answer.status_code, answer.headers["location"]) == (303, "/app")
    assert f"{COOKIE}=" in answer.headers["set-cookie"]
    assert "Secure" in answer.headers["set-cookie"]
    assert "Ann@example.org" in await page(ann, "/app/security")
    await page(ann, "/app/admin", 403)
    assert (await ann.post("/app/register/confirm", data=form | {"name": "ann2"})).status_code == 404


async def _is_seen_by_the_operator(operator: httpx.AsyncClient) -> None:
    text = await page(operator, "/app/admin/users")
    (path,) = re.findall(r'href="(/app/admin/users/[\w-]+)">ann</a>', text)
    assert "Ann@example.org" in await page(operator, path)
    assert "Ann@example.org" not in await page(operator, "/app/security")
