"""A mail server on the loopback: a real one, that keeps what it takes and misbehaves where a test wants it to."""

import asyncio
import ssl
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from email import message_from_bytes
from email.message import EmailMessage
from email.policy import default

from aiosmtpd.smtp import SMTP, AuthResult, Envelope, Session


@dataclass
class Mailbox:
    """Where mails go.

    Attributes:
        port: where it answers.
        refuse_recipient: what the next recipients are answered instead of being taken.
        refuse_mail: the same for mails.
        hang: silence instead of an answer to DATA.
        cut: the connection ends instead.
        mails: what was taken, oldest first.
        seen: how often somebody got as far as naming a recipient.
    """

    port: int = 0
    refuse_recipient: list[str] = field(default_factory=list)
    refuse_mail: list[str] = field(default_factory=list)
    hang: bool = False
    cut: bool = False
    mails: list[EmailMessage] = field(default_factory=list)
    envelopes: list[Envelope] = field(default_factory=list)
    encrypted: list[bool] = field(default_factory=list)
    users: list[str] = field(default_factory=list)
    seen: int = 0

    async def handle_RCPT(  # noqa: N802 - the library calls it so
        self, server: SMTP, session: Session, envelope: Envelope, address: str, options: Sequence[str]
    ) -> str:
        self.seen += 1
        if self.refuse_recipient:
            return self.refuse_recipient.pop(0)
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:  # noqa: N802 - as above
        if self.hang:
            await asyncio.sleep(3600)
        if self.cut:
            server.transport.abort()
            return "250 nobody hears this"
        if self.refuse_mail:
            return self.refuse_mail.pop(0)
        assert isinstance(envelope.content, bytes)
        self.mails.append(message_from_bytes(envelope.content, policy=default))
        self.envelopes.append(envelope)
        self.encrypted.append(session.ssl is not None or server.transport.get_extra_info("sslcontext") is not None)
        return "250 OK"

    def authenticate(
        self, server: SMTP, session: Session, envelope: Envelope, mechanism: str, data: object
    ) -> AuthResult:
        login, password = data.login.decode(), data.password.decode()  # type: ignore[attr-defined]
        self.users.append(login)
        return AuthResult(success=(login, password) == ("sluice", "gate"), handled=False)

    async def arrived(self, count: int) -> EmailMessage:
        """The ``count``-th mail."""
        async with asyncio.timeout(60):
            while len(self.mails) < count:
                await asyncio.sleep(0.02)
        return self.mails[count - 1]


@asynccontextmanager
async def mail_server(
    *,
    tls: ssl.SSLContext | None = None,
    starttls: ssl.SSLContext | None = None,
    sign_in: bool = False,
    port: int = 0,
    mailbox: Mailbox | None = None,
) -> AsyncIterator[Mailbox]:
    """A running server.

    Args:
        tls: encrypted from the first byte.
        starttls: offers STARTTLS, and takes no mail without.
        sign_in: takes mails of those who have signed in alone.
        port: where; by default a free one.
        mailbox: of a server that ran before.
    """
    box = mailbox or Mailbox()
    loop = asyncio.get_running_loop()
    standing: set[SMTP] = set()

    def connection() -> SMTP:
        made = SMTP(
            box,
            hostname="mail.test",
            tls_context=starttls,
            require_starttls=starttls is not None,
            authenticator=box.authenticate if sign_in else None,
            auth_required=sign_in,
            auth_require_tls=starttls is not None,
            loop=loop,
        )
        standing.add(made)
        return made

    server = await loop.create_server(connection, "127.0.0.1", port, ssl=tls)
    box.port = server.sockets[0].getsockname()[1]
    try:
        yield box
    finally:
        server.close()
        for one in standing:
            if one.transport is not None:
                one.transport.abort()
            if one._handler_coroutine is not None:
                one._handler_coroutine.cancel()
        await asyncio.wait_for(server.wait_closed(), 60)
