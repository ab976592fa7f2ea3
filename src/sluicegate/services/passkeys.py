"""Passkeys: adding them after the password, signing in with them alone, and taking them away."""

import logging
from typing import Any, Final
from uuid import UUID, uuid4

from sluicegate.core.errors import AlreadyExists, LimitReached, NotFound, Unauthenticated
from sluicegate.core.names import display_text
from sluicegate.core.passkeys import PASSKEYS_MAX, Passkey, RelyingParty
from sluicegate.core.ports import Clock, UnitOfWorkFactory
from sluicegate.core.secrets import Secret
from sluicegate.core.sign_in import Session
from sluicegate.services.passkey_ceremony import PasskeyCeremonies
from sluicegate.services.sign_in import SignInService

__all__ = ["PasskeyService"]

_log: Final = logging.getLogger(__name__)
_LABEL_MAX: Final = 60
_WRONG: Final = "This passkey was not accepted."
_AGAIN: Final = "Try again, or sign in with your password."


class PasskeyService:
    """Use cases around passkeys. Who has added, used or removed one is written to the log."""

    def __init__(
        self, transactions: UnitOfWorkFactory, sign_in: SignInService, ceremonies: PasskeyCeremonies, clock: Clock
    ) -> None:
        self._transactions = transactions
        self._sign_in = sign_in
        self._ceremonies = ceremonies
        self._clock = clock

    async def of_user(self, user_id: UUID) -> list[Passkey]:
        """All of a user's, oldest first."""
        async with self._transactions() as tx:
            return await tx.passkeys.of_user(user_id)

    async def offer(self, session: Session, password: str, party: RelyingParty) -> dict[str, Any]:
        """What a browser needs to make a passkey, for whoever also knows the password.

        Raises:
            AccessDenied: the password is wrong. LimitReached: there are 20 already.
        """
        await self._sign_in.confirm_password(session.user_id, password, field="passkey_password")
        async with self._transactions() as tx:
            user, known = await tx.users.get(session.user_id), await tx.passkeys.of_user(session.user_id)
        if len(known) >= PASSKEYS_MAX:
            raise LimitReached(f"At most {PASSKEYS_MAX} passkeys.", action="Remove one first.")
        return self._ceremonies.registration(user, party, known, str(session.id))

    async def add(self, session: Session, answer: str, label: str, party: RelyingParty) -> Passkey:
        """Keeps a passkey that a device has made.

        Raises:
            Unauthenticated: the answer is not one to our question. AlreadyExists: it is kept already.
            LimitReached: there are 20 already.
        """
        new, now = self._ceremonies.made(answer, party, str(session.id)), self._clock.now()
        label = display_text(label, _LABEL_MAX) or "Passkey"
        passkey = Passkey(
            uuid4(), session.user_id, new.credential_id, new.public_key, new.proof.sign_count, label, party.host, now
        )
        async with self._transactions() as tx:
            await tx.sign_in.login(session.user_id, lock=True)
            if not await tx.passkeys.answer(new.proof.mark, now=now, expires_at=new.proof.expires_at):
                raise Unauthenticated(_WRONG, action="Try again.")
            if len(await tx.passkeys.of_user(session.user_id)) >= PASSKEYS_MAX:
                raise LimitReached(f"At most {PASSKEYS_MAX} passkeys.", action="Remove one first.")
            if not await tx.passkeys.add(passkey):
                raise AlreadyExists("This passkey is kept already.")
        _log.info("User %s added passkey %s for %s.", session.user_id, passkey.id, party.host)
        return passkey

    def ask(self, party: RelyingParty, visitor: str) -> dict[str, Any]:
        """What a browser needs to sign somebody in; ``visitor`` is a secret of that browser."""
        return self._ceremonies.sign_in(party, visitor)

    async def enter(
        self, answer: str, party: RelyingParty, visitor: str, *, agent: str, address: str
    ) -> tuple[Session, Secret]:
        """Starts a session for the owner of a passkey.

        Neither a password nor a code is asked for: the device has asked its owner for a finger, a face or a PIN.

        Raises:
            Unauthenticated: the answer is wrong, used already, or of a passkey that is not kept here.
        """
        user_id = await self._prove(answer, party, visitor)
        return await self._sign_in.begin(user_id, agent=agent, address=address)

    async def rename(self, user_id: UUID, passkey_id: UUID, label: str) -> None:
        """Gives a passkey another name. Raises NotFound."""
        async with self._transactions() as tx:
            if not await tx.passkeys.rename(user_id, passkey_id, display_text(label, _LABEL_MAX) or "Passkey"):
                raise NotFound("There is no such passkey.")

    async def remove(self, user_id: UUID, passkey_id: UUID) -> None:
        """Forgets a passkey: it signs nobody in from now on. Raises NotFound."""
        async with self._transactions() as tx:
            if not await tx.passkeys.remove(user_id, passkey_id):
                raise NotFound("There is no such passkey.")
        _log.info("User %s removed passkey %s.", user_id, passkey_id)

    async def _prove(self, answer: str, party: RelyingParty, visitor: str) -> UUID:
        """Whose passkey has answered."""
        claimed, now = self._ceremonies.claimed(answer), self._clock.now()
        async with self._transactions() as tx:
            passkey = await tx.passkeys.by_credential(claimed, lock=True)
            if passkey is None or passkey.host != party.host:
                raise Unauthenticated(
                    "This passkey is not known here; it may have been removed.",
                    action="Sign in with your password.",
                )
            proof = self._ceremonies.proven(answer, passkey, party, visitor)
            if not await tx.passkeys.answer(proof.mark, now=now, expires_at=proof.expires_at):
                raise Unauthenticated(_WRONG, action=_AGAIN)
            await tx.passkeys.used(passkey.id, proof.sign_count, now)
        _log.info("User %s signed in with passkey %s.", passkey.user_id, passkey.id)
        return passkey.user_id
