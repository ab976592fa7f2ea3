"""Registering by e-mail: an address is asked for, its owner opens a link, and then chooses a name and a password.

Until the link was opened there is no user and nothing to sign in with. Whoever asks is answered alike, whether the
address is new, waits already or belongs to somebody: what differs is decided when the mail is written, later.
"""

import base64
import logging
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Final
from uuid import UUID, uuid4

from sluicegate.core.errors import AccessDenied, AlreadyExists, InvalidInput, LimitReached, NotFound
from sluicegate.core.mail import EmailAddress
from sluicegate.core.ports import Clock, Task, UnitOfWork, UnitOfWorkFactory, Vault
from sluicegate.core.registration import MailState, Registration, RegistrationRules, RegistrationSums, UserAddress
from sluicegate.core.secrets import Secret
from sluicegate.core.sign_in import Login, check_password
from sluicegate.core.users import User
from sluicegate.services.passwords import Passwords
from sluicegate.services.task_kinds import MAIL

__all__ = ["LINK_HOURS", "RegistrationService", "link_token"]

LINK_HOURS: Final = 24
_VALID: Final = timedelta(hours=LINK_HOURS)
_PENDING_MAX: Final = 1_000
"""Registrations that have not ended, over all addresses: what strangers can make this installation write and keep."""
_MAILS_MAX: Final = 3
_PAUSE: Final = timedelta(minutes=2)
_TOKEN_MAX: Final = 200
_NAME_MAX: Final = 100
_CLOSED: Final = "Nobody can register here by themselves."
_log: Final = logging.getLogger(__name__)
_ASK: Final = "Ask whoever runs this server for an invitation."


class RegistrationService:
    """Use cases of people who are nobody yet."""

    def __init__(
        self,
        transactions: UnitOfWorkFactory,
        vault: Vault,
        passwords: Passwords,
        clock: Clock,
        rules: RegistrationRules,
    ) -> None:
        self._transactions = transactions
        self._vault = vault
        self._passwords = passwords
        self._clock = clock
        self.rules = rules

    async def ask(self, text: str) -> EmailAddress:
        """Has a mail with a link sent to an address, unless three were asked for, or one within two minutes.

        Whether one is sent is not told, and what it says depends on whose the address is.

        Raises:
            AccessDenied: registration is closed. InvalidInput: this is no address, or not of a domain that may.
            LimitReached: too many registrations wait, whosesoever.
        """
        self._check_open()
        address = EmailAddress.read(text)
        if self.rules.domains and address.domain not in self.rules.domains:
            named = ", ".join(sorted(self.rules.domains))
            raise InvalidInput(f"Only addresses of {named} can register here.", action=_ASK, field="email")
        now = self._clock.now()
        async with self._transactions() as tx:
            if await tx.registrations.pending(now) >= _PENDING_MAX:
                raise LimitReached("Too many people are registering just now.", action="Try again in a few hours.")
            registration = await self._kept(tx, address, now)
            await tx.tasks.add(Task(MAIL, str(registration.id)))
        return address

    async def invited(self, token: str) -> Registration:
        """Whose link this is. Looking does not use it up. Raises NotFound, AccessDenied."""
        self._check_open()
        async with self._transactions() as tx:
            return await self._behind(tx, token, lock=False)

    async def accept(self, token: str, name: str, password: str) -> User:
        """Makes the user, with the rights of somebody who was invited: the operator's pages stay shut.

        Raises:
            NotFound: the link was used, has ended or never was. AccessDenied: registration was closed meanwhile.
            InvalidInput: the name or the password will not do. AlreadyExists: the name is taken.
        """
        await self.invited(token)
        name = name.strip()
        if not name or len(name) > _NAME_MAX or not name.isprintable():
            raise InvalidInput(f"A name has 1 to {_NAME_MAX} printable characters.", action="", field="name")
        check_password(password, name=name)
        hashed = await self._passwords.hash(password)
        if name in self.rules.reserved:
            raise AlreadyExists("A user with this name exists already.", field="name")
        now = self._clock.now()
        user = User(uuid4(), name, now)
        async with self._transactions() as tx:
            registration = await self._behind(tx, token, lock=True)
            await tx.users.add(user)
            proven = UserAddress(user.id, registration.address, registration.address_key, now)
            if not await tx.registrations.proven.add(proven):
                raise _over()
            await tx.sign_in.put_login(Login(user.id, hashed, admin=False, created_at=now))
            await tx.registrations.remove(registration.id)
        _log.info("registration %s became user %s", registration.id, user.id)
        return user

    async def addresses(self, user_ids: Sequence[UUID]) -> dict[UUID, str]:
        """Addresses of those of these users who have one; the caller sees to who may know."""
        async with self._transactions() as tx:
            found = await tx.registrations.proven.of(user_ids)
        return {user_id: one.address for user_id, one in found.items()}

    async def sums(self) -> RegistrationSums:
        """For the operator: what waits, and what the mail server did not take."""
        async with self._transactions() as tx:
            return await tx.registrations.sums(self._clock.now())

    def _check_open(self) -> None:
        if not self.rules.open:
            raise AccessDenied(_CLOSED, action=_ASK)

    async def _kept(self, tx: UnitOfWork, address: EmailAddress, now: datetime) -> Registration:
        """The registration of an address as it is after somebody has asked (again)."""
        fresh = Registration(
            uuid4(), str(address), address.key, MailState.WAITING, 0, 1, now, "", now, now, now + _VALID
        )
        found = await tx.registrations.by_key(address.key)
        if found is not None and found.expires_at <= now:
            await tx.registrations.remove(found.id)
            found = None
        if found is None:
            mark = self._vault.fingerprint(link_token(self._vault, fresh.id).reveal())
            if await tx.registrations.add(fresh, mark):
                return fresh
            found = await tx.registrations.by_key(address.key)
        if found is None:  # somebody else's came, and went
            raise LimitReached("This address is being registered just now.", action="Try again in a minute.")
        if found.state is not MailState.WAITING and found.mails < _MAILS_MAX and now - found.asked_at >= _PAUSE:
            found = replace(
                found, state=MailState.WAITING, attempts=0, mails=found.mails + 1, next_at=now, words="", asked_at=now
            )
        await tx.registrations.put(found)  # also unchanged: what is asked for anew takes as long as what is new
        return found

    async def _behind(self, tx: UnitOfWork, token: str, *, lock: bool) -> Registration:
        found = None
        if token and len(token) <= _TOKEN_MAX and token.isascii():
            mark = self._vault.fingerprint(token)
            found = await tx.registrations.by_fingerprint(mark, self._clock.now(), lock=lock)
        if found is None or await tx.registrations.proven.by_key(found.address_key) is not None:
            raise _over()
        return found


def link_token(vault: Vault, registration_id: UUID) -> Secret:
    """What the link of a registration carries: kept nowhere, and the same in every mail that is sent for it."""
    made = vault.fingerprint(f"link of registration {registration_id}")
    return Secret(base64.urlsafe_b64encode(made).rstrip(b"=").decode())


def _over() -> NotFound:
    return NotFound("This link was used already, or has ended.", action="Register again to get a new one.")
