"""Mails on the wire: a real mail server takes them, refuses them, hangs, breaks off, or shows a false certificate."""

import asyncio
import ssl
from datetime import UTC, datetime

import pytest
from tests.mail_server import Mailbox, mail_server
from tests.net.certificates import Authority

from sluicegate.core.clock import SystemClock
from sluicegate.core.errors import ForbiddenAddress
from sluicegate.core.mail import EmailAddress, Mail, MailVerdict
from sluicegate.core.secrets import Secret
from sluicegate.net.egress import Egress, EgressPolicy
from sluicegate.net.mail import MailSecurity, MailServer, SmtpSender

SENDER = EmailAddress.read("noreply@sluice.example")
MAIL = Mail(EmailAddress.read("ann@example.org"), "Sluicegate: hello", "One line.\nAnd ümläuts.\n", "reference-1")
TAKEN = MailVerdict(taken=True)


@pytest.fixture(scope="module")
def authority() -> Authority:
    return Authority()


def server(box: Mailbox, security: MailSecurity = MailSecurity.NONE, host: str = "127.0.0.1", **more) -> MailServer:
    return MailServer(host, box.port, security, SENDER, **more)


async def sent(to: MailServer, *, tls: ssl.SSLContext | None = None, step: float = 20.0) -> MailVerdict:
    sender = SmtpSender(to, SystemClock(), tls=tls, step=step)
    try:
        return await sender.send(MAIL)
    finally:
        sender.close()


async def test_a_mail_arrives_as_it_was_written():
    async with mail_server() as box:
        assert await sent(server(box)) == TAKEN
    mail, envelope = box.mails[0], box.envelopes[0]
    assert (mail["from"], mail["to"], mail["subject"]) == ("noreply@sluice.example", "ann@example.org", MAIL.subject)
    assert (envelope.mail_from, envelope.rcpt_tos) == ("noreply@sluice.example", ["ann@example.org"])
    assert mail["message-id"] == "<reference-1@sluice.example>"
    assert mail["auto-submitted"] == "auto-generated"
    assert abs((mail["date"].datetime - datetime.now(UTC)).total_seconds()) < 300
    assert mail.get_content().replace("\r\n", "\n") == MAIL.text
    assert mail.get_content_type() == "text/plain"


@pytest.mark.parametrize("way", ["starttls", "tls"])
async def test_the_way_is_encrypted_and_the_name_is_checked(authority: Authority, way: str):
    """T55: a certificate that nobody vouches for, or of another name, gets no mail and no password."""
    context, trusting = authority.server_context("127.0.0.1"), authority.trusting()
    async with mail_server(**{way: context}) as box:
        to = server(box, MailSecurity(way))
        assert await sent(to, tls=trusting) == TAKEN
        assert box.encrypted == [True]
        for bad in (ssl.create_default_context(), Authority().trusting()):
            assert "certificate" in (await sent(to, tls=bad)).words
    async with mail_server(**{way: authority.server_context("elsewhere.example")}) as box:
        verdict = await sent(server(box, MailSecurity(way)), tls=trusting)
        assert (verdict.taken, verdict.final) == (False, False)
        assert "certificate" in verdict.words
        assert not box.mails


async def test_without_starttls_nothing_is_said_that_matters(authority: Authority):
    async with mail_server() as box:
        to = server(box, MailSecurity.STARTTLS, user="sluice", password=Secret("gate"))
        verdict = await sent(to, tls=authority.trusting())
        assert (verdict.taken, verdict.final, box.seen, box.users) == (False, False, 0, [])
        assert "STARTTLS" in verdict.words


async def test_signing_in_happens_behind_tls(authority: Authority):
    async with mail_server(starttls=authority.server_context("127.0.0.1"), sign_in=True) as box:
        right = server(box, MailSecurity.STARTTLS, user="sluice", password=Secret("gate"))
        assert await sent(right, tls=authority.trusting()) == TAKEN
        wrong = server(box, MailSecurity.STARTTLS, user="sluice", password=Secret("a wrong one"))
        verdict = await sent(wrong, tls=authority.trusting())
        assert (verdict.taken, verdict.final) == (False, False), "the operator can set it right"
        assert "user and password (535" in verdict.words
        assert "a wrong one" not in verdict.words + repr(wrong)


@pytest.mark.parametrize(
    ("at", "said", "final", "words"),
    [
        ("recipient", "550 5.1.1 no <ann@example.org> here", True, "refuses this recipient for good (550 5.1.1)"),
        ("recipient", "450 4.2.1 busy", False, "does not take the mail now (450 4.2.1)"),
        ("mail", "451 later, ann@example.org", False, "does not take the mail now (451)"),
        ("mail", "554 5.7.1 looks like spam", False, "does not take the mail now (554 5.7.1)"),
    ],
)
async def test_a_refusal_is_told_in_our_words(at: str, said: str, final: bool, words: str):
    async with mail_server() as box:
        getattr(box, f"refuse_{at}").append(said)
        verdict = await sent(server(box))
        assert (verdict.taken, verdict.final) == (False, final)
        assert words in verdict.words
        assert "ann@" not in verdict.words, "what the server says may hold anything"
        assert await sent(server(box)) == TAKEN


async def test_a_server_that_hangs_or_breaks_off_costs_bounded_time():
    async with mail_server() as box:
        box.hang = True
        assert await sent(server(box), step=0.3) == MailVerdict(
            False, False, "The mail server does not answer in time."
        )
        box.hang, box.cut = False, True
        assert await sent(server(box)) == MailVerdict(False, False, "The connection to the mail server broke.")
        box.cut = False
        assert await sent(server(box)) == TAKEN
    assert "broke" in (await sent(server(box))).words, "it is gone"
    silent = await asyncio.start_server(lambda _, writer: asyncio.sleep(3600), "127.0.0.1", 0)
    async with silent:
        port = silent.sockets[0].getsockname()[1]
        assert "in time" in (await sent(server(Mailbox(port=port)), step=0.3)).words


async def test_the_mail_server_may_be_anywhere_and_nothing_else_may():
    """T7: the operator's own setting opens its host and port, for mails; a user's address there stays refused."""
    async with mail_server() as box:
        assert await sent(server(box, host="localhost")) == TAKEN
        guard = Egress(EgressPolicy(named=frozenset({("127.0.0.1", box.port)})))
        assert await guard.approve("127.0.0.1", box.port) == ("127.0.0.1",)
        for host, port in (("127.0.0.1", box.port + 1), ("127.0.0.2", box.port), ("localhost", box.port)):
            with pytest.raises(ForbiddenAddress):
                await guard.approve(host, port)
        guard.close()
        with pytest.raises(ForbiddenAddress):
            Egress().check_url(f"http://127.0.0.1:{box.port}/")


async def test_unencrypted_mails_stay_on_this_machine():
    async def elsewhere(host: str, port: int) -> list[str]:
        return ["192.168.7.7"]

    sender = SmtpSender(server(Mailbox(port=25), host="localhost"), SystemClock(), resolver=elsewhere)
    verdict = await sender.send(MAIL)
    assert not verdict.taken
    assert "Without encryption" in verdict.words
