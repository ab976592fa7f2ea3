"""The mail server and who may register, from the settings."""

import ipaddress
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final
from urllib.parse import urlsplit

from sluicegate.core.errors import InvalidInput, SluicegateError
from sluicegate.core.findings import Finding
from sluicegate.core.mail import EmailAddress, read_domain
from sluicegate.core.ports import Clock, UnitOfWorkFactory, Vault
from sluicegate.core.registration import RegistrationRules, RegistrationSums
from sluicegate.core.secrets import Secret
from sluicegate.net.mail import MailSecurity, MailServer, SmtpSender
from sluicegate.services.passwords import Passwords
from sluicegate.services.registration import RegistrationService
from sluicegate.services.registration_mails import RegistrationMails
from sluicegate.settings import Settings

if TYPE_CHECKING:
    from sluicegate.wiring.installation import Installation

__all__ = [
    "RegistrationParts",
    "mail_findings",
    "mail_server",
    "make_registration",
    "registration_finding",
    "registration_rules",
]

_DEFAULT_USER: Final = "home"
"""Whose is what was done on the command line without a name."""


@dataclass(frozen=True, slots=True)
class RegistrationParts:
    """Registering, put together.

    Attributes:
        sender: the mail server; None while none is set.
        mails: what a worker sends; None as well.
    """

    service: RegistrationService
    sender: SmtpSender | None
    mails: RegistrationMails | None

    def close(self) -> None:
        """Frees the sender's threads."""
        if self.sender is not None:
            self.sender.close()


def make_registration(
    settings: Settings,
    transactions: UnitOfWorkFactory,
    vault: Vault,
    passwords: Passwords,
    clock: Clock,
    address: Callable[[], str],
) -> RegistrationParts:
    """Puts the parts together. Raises InvalidInput when the settings do not fit together."""
    rules, server = registration_rules(settings), mail_server(settings)
    if rules.open and server is None:
        raise InvalidInput("Registration needs a mail server.", action="Set SLUICEGATE_SMTP_HOST and its companions.")
    sender = SmtpSender(server, clock) if server is not None else None
    service = RegistrationService(transactions, vault, passwords, clock, rules)
    mails = RegistrationMails(transactions, vault, sender, clock, address) if sender is not None else None
    return RegistrationParts(service, sender, mails)


def registration_rules(settings: Settings) -> RegistrationRules:
    """Who may register. Raises InvalidInput: what is set is no word that we know, and no list of domains."""
    reserved = frozenset({_DEFAULT_USER, settings.pool_user.strip()}) - {""}
    said = settings.registration.strip()
    if said in {"", "closed"}:
        return RegistrationRules(reserved=reserved)
    if said == "open":
        return RegistrationRules(open=True, reserved=reserved)
    entries = [entry.strip() for entry in said.split(",") if entry.strip()]
    domains = frozenset(read_domain(entry, field="SLUICEGATE_REGISTRATION") for entry in entries)
    return RegistrationRules(open=True, domains=domains, reserved=reserved)


def mail_server(settings: Settings) -> MailServer | None:
    """The mail server, or None when none is set.

    Raises:
        InvalidInput: there is no sender, a password without a user, or no encryption on the way to another machine.
    """
    if not settings.smtp_host:
        return None
    security, password = MailSecurity(settings.smtp_security), settings.smtp_password
    if security is MailSecurity.NONE and not _is_here(settings.smtp_host):
        raise InvalidInput(
            "Mails go without encryption to this machine only.",
            action="Set SLUICEGATE_SMTP_SECURITY to starttls or tls.",
        )
    if bool(settings.smtp_user) != (password is not None):
        raise InvalidInput(
            "A mail server's user and password go together.",
            action="Set SLUICEGATE_SMTP_USER and SLUICEGATE_SMTP_PASSWORD.",
        )
    return MailServer(
        settings.smtp_host,
        settings.smtp_port,
        security,
        EmailAddress.read(settings.smtp_sender, field="SLUICEGATE_SMTP_SENDER"),
        settings.smtp_user,
        Secret(password.get_secret_value()) if password else None,
        _greeting(settings),
    )


def mail_findings(settings: Settings) -> list[Finding]:
    """What is wrong with the settings of mails and registration."""
    try:
        server, rules = mail_server(settings), registration_rules(settings)
    except SluicegateError as error:
        return [Finding("mail", "cannot be sent", f"{error.detail} {error.action}".strip())]
    if server is None:
        advice = "Set SLUICEGATE_SMTP_HOST and its companions: registration needs a mail server." if rules.open else ""
        return [Finding("mail", "no mail server is set", advice)]
    advice = ""
    if rules.open and settings.public_url is None:
        advice = "Set SLUICEGATE_PUBLIC_URL: the links in mails lead there."
    return [Finding("mail", f"by {server.host}:{server.port} ({server.security})", advice)]


async def registration_finding(installation: "Installation") -> Finding:
    """Who may register, and what the mail server did not take."""
    service = installation.registration.service
    rules, sums = service.rules, await service.sums()
    who = ", ".join(sorted(rules.domains)) or "anybody"
    state = f"open for {who}; {sums.pending} waiting to be confirmed" if rules.open else "closed"
    return Finding("registration", state, _stuck(sums))


def _stuck(sums: RegistrationSums) -> str:
    if not sums.stuck and not sums.failed:
        return ""
    parts = []
    if sums.stuck:
        when = f", next attempt at {sums.next_at:%H:%M} UTC" if sums.next_at else ""
        parts.append(f"mails that wait: {sums.stuck}{when}")
    if sums.failed:
        parts.append(f"mails given up: {sums.failed}")
    return f"{'; '.join(parts).capitalize()}. {sums.words} Try it: sluicegate mail test ADDRESS"


def _is_here(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _greeting(settings: Settings) -> str:
    """How we call ourselves: by the public name, if there is one."""
    host = urlsplit(settings.public_url or "").hostname or ""
    is_name = host.isascii() and "." in host and host.rpartition(".")[2].isalpha()
    return host if is_name else "localhost"
