"""Mails to the operator's mail server by SMTP: one connection for each, encrypted, within bounds of time."""

import asyncio
import contextlib
import re
import socket
import ssl
from dataclasses import dataclass, field
from email.message import EmailMessage
from email.policy import SMTP as SMTP_POLICY
from email.utils import format_datetime
from enum import StrEnum
from ipaddress import ip_address
from typing import TYPE_CHECKING, Final

from sluicegate.core.errors import ConnectionFailed, SluicegateError
from sluicegate.core.mail import EmailAddress, Mail, MailVerdict
from sluicegate.core.ports import Clock
from sluicegate.core.secrets import Secret
from sluicegate.net.egress import Egress, EgressPolicy, Resolver
from sluicegate.net.transport import tls_context

if TYPE_CHECKING:
    from aiosmtplib import SMTP

__all__ = ["MailSecurity", "MailServer", "SmtpSender"]

_STEP_SECONDS: Final = 20.0
_ALL_SECONDS: Final = 60.0
_BYE_SECONDS: Final = 2.0
_PERMANENT: Final = 500
_BAD_TLS: Final = "The mail server's certificate is not valid for its name, or TLS is broken."
_ENHANCED: Final = re.compile(r"[245]\.\d{1,3}\.\d{1,3}")


class MailSecurity(StrEnum):
    """How the way to the mail server is kept private."""

    STARTTLS = "starttls"
    """TLS after a first word in the clear; a server that does not offer it gets no mail (RFC 3207)."""
    TLS = "tls"
    """TLS from the first byte (RFC 8314)."""
    NONE = "none"
    """Only to this machine itself."""


@dataclass(frozen=True, slots=True)
class MailServer:
    """The operator's mail server.

    Attributes:
        sender: what mails come from.
        greeting: how we call ourselves (EHLO).
    """

    host: str
    port: int
    security: MailSecurity
    sender: EmailAddress
    user: str = ""
    password: Secret | None = field(default=None, repr=False)
    greeting: str = "localhost"


class SmtpSender:
    """Implements ``core.mail.MailSender``.

    It has a guard of its own, whose policy lets it connect to the mail server's host and port and to no other private
    place: the operator has named it, whatever its address is, and no user can steer what goes there.

    Args:
        server: where mails go.
        clock: dates them.
        tls: a client's context; the system's authorities by default.
        step: seconds for each command.
        resolver: resolves the server's name; the system's by default.
    """

    def __init__(
        self,
        server: MailServer,
        clock: Clock,
        *,
        tls: ssl.SSLContext | None = None,
        step: float = _STEP_SECONDS,
        resolver: Resolver | None = None,
    ) -> None:
        self.server = server
        self._clock = clock
        self._tls = tls
        self._step = step
        self._egress = Egress(EgressPolicy(named=frozenset({(server.host, server.port)})), resolver=resolver)

    def close(self) -> None:
        """Frees the guard's threads."""
        self._egress.close()

    async def send(self, mail: Mail) -> MailVerdict:
        """See the port."""
        from aiosmtplib.errors import SMTPException  # with the library: most processes send no mail

        try:
            async with asyncio.timeout(_ALL_SECONDS):
                return await self._deliver(await self._connect(), mail)
        except TimeoutError:
            return _later("The mail server does not answer in time.")
        except SMTPException as error:
            return _verdict(error)
        except ssl.SSLError:
            return _later(_BAD_TLS)
        except OSError:
            return _later("The connection to the mail server broke.")
        except SluicegateError as error:
            return _later(f"The mail server cannot be reached. {error.detail}")

    async def _connect(self) -> socket.socket:
        """A socket to one of the server's addresses. Raises OSError, SluicegateError."""
        server, loop = self.server, asyncio.get_running_loop()
        failure: OSError = ConnectionRefusedError()
        for address in await self._egress.approve(server.host, server.port):
            if server.security is MailSecurity.NONE and not ip_address(address).is_loopback:
                raise ConnectionFailed("Without encryption it must be on this machine, and its name leads elsewhere.")
            family = socket.AF_INET6 if ":" in address else socket.AF_INET
            connection = socket.socket(family, socket.SOCK_STREAM)
            connection.setblocking(False)  # noqa: FBT003 - the system's own signature
            try:
                await asyncio.wait_for(loop.sock_connect(connection, (address, server.port)), self._step)
            except OSError as error:  # TimeoutError is one
                connection.close()
                failure = error
            except BaseException:
                connection.close()
                raise
            else:
                return connection
        raise failure

    async def _deliver(self, connection: socket.socket, mail: Mail) -> MailVerdict:
        """One session; it takes ``connection`` over, and closes it. Raises SMTPException, OSError."""
        from aiosmtplib import SMTP
        from aiosmtplib.errors import SMTPException

        server = self.server
        session = SMTP(
            hostname=server.host,
            sock=connection,
            local_hostname=server.greeting,
            timeout=self._step,
            use_tls=server.security is MailSecurity.TLS,
            start_tls=server.security is MailSecurity.STARTTLS,
            tls_context=None if server.security is MailSecurity.NONE else self._tls or tls_context(),
            username=server.user or None,
            password=server.password.reveal() if server.password else None,
        )
        try:
            await session.connect()
            await session.send_message(self._written(mail))
            with contextlib.suppress(SMTPException, OSError):  # the mail is theirs already
                await session.quit(timeout=_BYE_SECONDS)
        finally:
            _hang_up(session)
        return MailVerdict(taken=True)

    def _written(self, mail: Mail) -> EmailMessage:
        message = EmailMessage(policy=SMTP_POLICY)
        message["From"] = str(self.server.sender)
        message["To"] = str(mail.to)
        message["Subject"] = mail.subject
        message["Date"] = format_datetime(self._clock.now())
        message["Message-ID"] = f"<{mail.reference}@{self.server.sender.domain}>"
        message["Auto-Submitted"] = "auto-generated"  # RFC 3834: nobody's holiday notice comes back
        message.set_content(mail.text)
        return message


def _hang_up(session: "SMTP") -> None:
    """Cuts off what is still open: a server that hangs would keep a polite end waiting."""
    if isinstance(session.transport, asyncio.Transport):
        session.transport.abort()
    session.close()


def _later(words: str) -> MailVerdict:
    return MailVerdict(taken=False, words=words)


def _verdict(error: Exception) -> MailVerdict:
    """A refusal in our words. Of the server's own only the codes are kept: its text may hold anything."""
    from aiosmtplib import errors

    refused = error.recipients[0] if isinstance(error, errors.SMTPRecipientsRefused) else error
    if isinstance(refused, errors.SMTPAuthenticationError):
        return _later(f"The mail server does not take this user and password ({_codes(refused)}).")
    if isinstance(refused, errors.SMTPSenderRefused):
        return _later(f"The mail server does not take mails of this sender ({_codes(refused)}).")
    if isinstance(refused, errors.SMTPRecipientRefused) and refused.code >= _PERMANENT:
        return MailVerdict(
            taken=False, final=True, words=f"The mail server refuses this recipient for good ({_codes(refused)})."
        )
    if isinstance(refused, errors.SMTPResponseException):
        return _later(f"The mail server does not take the mail now ({_codes(refused)}).")
    if isinstance(refused, TimeoutError):
        return _later("The mail server does not answer in time.")
    if isinstance(refused.__cause__, ssl.SSLError):
        return _later(_BAD_TLS)
    if isinstance(refused, ConnectionError):
        return _later("The connection to the mail server broke.")
    return _later("The mail server does not offer what the settings ask for: STARTTLS, or signing in.")


def _codes(error: "Exception") -> str:
    code, said = getattr(error, "code", 0), str(getattr(error, "message", ""))
    found = _ENHANCED.match(said)
    return f"{code} {found[0]}" if found else str(code)
