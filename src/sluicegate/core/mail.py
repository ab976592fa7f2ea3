"""E-mail: addresses in one spelling, mails that we write, and what a mail server says to them."""

import re
from dataclasses import dataclass
from typing import Final, Protocol

import idna

from sluicegate.core.errors import InvalidInput

__all__ = ["EmailAddress", "Mail", "MailSender", "MailVerdict", "read_domain"]

ADDRESS_MAX: Final = 254
"""Octets of an address in a mail's envelope (RFC 5321, 4.5.3.1.3, without the angle brackets)."""
_LOCAL_MAX: Final = 64
_DOMAIN_MAX: Final = 253
_ATOM: Final = r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+"
_LOCAL: Final = re.compile(rf"{_ATOM}(?:\.{_ATOM})*")
"""A dot-atom (RFC 5321, 4.1.2). Quoted parts, comments and display names are nobody's mailbox in earnest, and the means
of whoever wants a header of his own."""
_DOMAIN: Final = re.compile(r"(?:[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?\.)+[a-z](?:[a-z0-9-]{0,61}[a-z0-9])")


@dataclass(frozen=True, slots=True)
class EmailAddress:
    """One mailbox; plain ASCII, as it stands in an envelope.

    Attributes:
        local: as it was typed: whether its case counts is the mail server's business.
        domain: in lower case, other scripts as A-labels (``xn--…``).
    """

    local: str
    domain: str

    @classmethod
    def read(cls, text: str, *, field: str = "email") -> "EmailAddress":
        """Reads ``ann@example.org``, surrounding spaces apart.

        Raises:
            InvalidInput: this is not one address; it names ``field``.
        """
        local, at, domain = text.strip().rpartition("@")
        if not at or len(local) > _LOCAL_MAX or not _LOCAL.fullmatch(local):
            raise InvalidInput("This is no e-mail address.", action="Write it as ann@example.org.", field=field)
        address = cls(local, read_domain(domain, field=field))
        if len(str(address)) > ADDRESS_MAX:
            raise InvalidInput(f"An e-mail address has at most {ADDRESS_MAX} characters.", action="", field=field)
        return address

    @property
    def key(self) -> str:
        """The same for every spelling that one mailbox has: hardly any server tells ``Ann`` from ``ann``."""
        return str(self).lower()

    def __str__(self) -> str:
        return f"{self.local}@{self.domain}"


def read_domain(text: str, *, field: str) -> str:
    """A mail domain in lower case, as A-labels. Raises InvalidInput, which names ``field``."""
    try:
        domain = idna.encode(text, uts46=True).decode("ascii") if len(text) <= _DOMAIN_MAX else ""
    except UnicodeError:  # idna.IDNAError is one
        domain = ""
    if len(domain) > _DOMAIN_MAX or not _DOMAIN.fullmatch(domain):
        raise InvalidInput("This is no domain that takes mail.", action="Write it as example.org.", field=field)
    return domain


@dataclass(frozen=True, slots=True)
class Mail:
    """A mail of ours.

    Attributes:
        to: its only reader.
        text: plain, in lines.
        reference: the same when a mail is sent once more because nobody knows whether it had arrived.
    """

    to: EmailAddress
    subject: str
    text: str
    reference: str


@dataclass(frozen=True, slots=True)
class MailVerdict:
    """What became of a mail.

    Attributes:
        taken: the mail server answers for it from now on.
        final: it will not be taken later either: this mailbox is refused for good.
        words: why not, as a sentence for whoever runs the installation; never the server's own words.
    """

    taken: bool
    final: bool = False
    words: str = ""


class MailSender(Protocol):
    """Hands mails to the mail server of the installation."""

    async def send(self, mail: Mail) -> MailVerdict:
        """Tries once, within bounds of time. A refusal or a server that is away is an answer, not an error."""
        ...
