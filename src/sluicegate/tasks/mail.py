"""Sending the mails of registrations, and putting away those that nobody has followed."""

from typing import Final
from uuid import UUID

from sluicegate.core.tasks import Handler
from sluicegate.services.registration_mails import RegistrationMails
from sluicegate.services.task_kinds import MAIL

__all__ = ["MAILS_AT_ONCE", "MAIL_SWEEP", "handlers"]

MAIL_SWEEP: Final = "mail_sweep"
MAILS_AT_ONCE: Final = 4
"""Connections to the mail server at the same time, of one worker."""


def handlers(mails: RegistrationMails) -> dict[str, Handler]:
    """Any worker runs these."""

    async def send(registration: str) -> float | None:
        return await mails.run(UUID(registration))

    async def sweep(subject: str) -> float | None:
        del subject
        await mails.sweep()
        return None

    return {MAIL: send, MAIL_SWEEP: sweep}
