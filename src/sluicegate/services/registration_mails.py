"""The mails of registrations: written when they are sent, tried again over a day, given up with a reason.

A mail may arrive twice, with the same link: what a crash leaves undecided is sent again.
"""

import logging
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from typing import Final
from uuid import UUID

from sluicegate.core.crash_points import CrashPoint, crash_point
from sluicegate.core.mail import EmailAddress, Mail, MailSender, MailVerdict
from sluicegate.core.ports import Clock, Task, UnitOfWorkFactory, Vault
from sluicegate.core.registration import MailState, Registration
from sluicegate.services.registration import LINK_HOURS, link_token
from sluicegate.services.task_kinds import MAIL

__all__ = ["SCHEDULE", "RegistrationMails"]

_MINUTE: Final = 60.0
SCHEDULE: Final = tuple(minutes * _MINUTE for minutes in (1, 5, 15, 60, 180, 360))
"""Seconds between the attempts: seven within eleven hours, while the link is good."""
_WOKEN: Final = 500
_log: Final = logging.getLogger(__name__)


class RegistrationMails:
    """Sends what is due.

    Args:
        transactions: units of work.
        vault: makes the links.
        sender: the mail server.
        clock: time.
        address: where links lead: the base of this installation.
    """

    def __init__(
        self,
        transactions: UnitOfWorkFactory,
        vault: Vault,
        sender: MailSender,
        clock: Clock,
        address: Callable[[], str],
    ) -> None:
        self._transactions = transactions
        self._vault = vault
        self._sender = sender
        self._clock = clock
        self._address = address

    async def run(self, registration_id: UUID) -> float | None:
        """Makes one attempt; None, or seconds until the next one."""
        async with self._transactions() as tx:
            registration = await tx.registrations.get(registration_id)
            owner = await tx.registrations.proven.by_key(registration.address_key) if registration else None
            name = (await tx.users.get(owner.user_id)).name if owner else ""
        now = self._clock.now()
        if registration is None or registration.state is not MailState.WAITING or registration.expires_at <= now:
            return None
        if registration.next_at > now:
            return (registration.next_at - now).total_seconds()
        mail = self._known(registration, name) if name else self._link(registration)
        verdict = await self._sender.send(mail)
        crash_point(CrashPoint.MAILED)
        return await self._record(registration, verdict)

    async def sweep(self) -> None:
        """Wakes mails that are due: a task may have been lost, or given up while the database was away."""
        now = self._clock.now()
        async with self._transactions() as tx:
            for due in await tx.registrations.due(now, limit=_WOKEN):
                await tx.tasks.add(Task(MAIL, str(due), again=False))

    async def _record(self, tried: Registration, verdict: MailVerdict) -> float | None:
        now = self._clock.now()
        async with self._transactions() as tx:
            found = await tx.registrations.get(tried.id, lock=True)
            if found is None:
                return None
            after = replace(found, attempts=tried.attempts + 1, words=verdict.words)
            if verdict.taken:
                ends = max(found.expires_at, now + timedelta(hours=LINK_HOURS))
                after = replace(after, state=MailState.SENT, expires_at=ends)
            elif verdict.final or after.attempts > len(SCHEDULE):
                after = replace(after, state=MailState.FAILED)
            else:
                after = replace(after, next_at=now + timedelta(seconds=SCHEDULE[after.attempts - 1]))
            await tx.registrations.put(after)
        if not verdict.taken:
            _log.warning("the mail of registration %s was not taken: %s", tried.id, verdict.words)
        return SCHEDULE[after.attempts - 1] if after.state is MailState.WAITING else None

    def _link(self, registration: Registration) -> Mail:
        link = f"{self._address()}/app/register/confirm?token={link_token(self._vault, registration.id).reveal()}"
        lines = (
            f"Somebody, probably you, wants to register at {self._address()} with this address.",
            "",
            f"Open this link within {LINK_HOURS} hours, and choose a name and a password there. It works once:",
            "",
            link,
            "",
            "If that was not you, do nothing: without the link nobody can register with your address.",
        )
        return self._mail(registration, "Your registration", lines)

    def _known(self, registration: Registration, name: str) -> Mail:
        lines = (
            f"Somebody, probably you, wants to register at {self._address()} with this address.",
            "",
            f"You are registered already. Your name is: {name}",
            f"Sign in here: {self._address()}/app/sign-in",
            "",
            "If you have lost your password, ask whoever runs this server. If that was not you, do nothing.",
        )
        return self._mail(registration, "You are registered already", lines)

    def _mail(self, registration: Registration, subject: str, lines: tuple[str, ...]) -> Mail:
        to = EmailAddress.read(registration.address)
        return Mail(to, f"Sluicegate: {subject}", "\n".join(lines) + "\n", f"{registration.id}.{registration.mails}")
