"""Signing in to the dashboard: invitations instead of default passwords, sessions that end at once, no guessing.

Tokens of invitations and sessions are random and kept as keyed fingerprints. Wrong attempts slow an account down for
minutes, never for good: whoever guesses must not be able to lock the owner out.
"""

import secrets
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Final
from uuid import UUID, uuid4

from sluicegate.core.errors import AccessDenied, InvalidInput, NotFound, RateLimited, Unauthenticated
from sluicegate.core.ports import Clock, UnitOfWork, UnitOfWorkFactory, Vault
from sluicegate.core.secrets import Secret
from sluicegate.core.sign_in import PASSWORD_MAX, Invitation, Login, Session, check_password
from sluicegate.core.users import User
from sluicegate.services.passwords import Passwords, matching_counter, new_totp_secret, totp_address

__all__ = ["SignInService", "TotpOffer"]

_SESSION: Final = timedelta(days=30)
_SEEN_EVERY: Final = timedelta(minutes=1)
_FREE_FAILURES: Final = 5
_LOCK_FIRST: Final = 15.0
_LOCK_LAST: Final = 900.0
_TEXT_MAX: Final = 200
_TOKEN_MAX: Final = 200
_NAME_MAX: Final = 100
_WRONG: Final = "Name, password or code is wrong."
_TRY_AGAIN: Final = "Try again; whoever runs this server can invite you anew."


@dataclass(frozen=True, slots=True)
class TotpOffer:
    """A second factor that is not confirmed yet.

    Attributes:
        secret: base32, for typing in.
        address: ``otpauth://``, for a QR code.
    """

    secret: Secret
    address: Secret


class SignInService:
    """Use cases around logins and sessions."""

    def __init__(self, transactions: UnitOfWorkFactory, vault: Vault, passwords: Passwords, clock: Clock) -> None:
        self._transactions = transactions
        self._vault = vault
        self._passwords = passwords
        self._clock = clock

    async def needs_setup(self) -> bool:
        """True while nobody may use the operator's pages."""
        async with self._transactions() as tx:
            return await tx.sign_in.admins() == 0

    async def invite(self, user_id: UUID | None, *, admin: bool, valid: timedelta = timedelta(hours=24)) -> Secret:
        """The token of a new invitation; an older one for the same user ends."""
        now, token = self._clock.now(), Secret(secrets.token_urlsafe(32))
        invitation = Invitation(uuid4(), user_id, admin, now, now + valid)
        async with self._transactions() as tx:
            if user_id is not None:
                await tx.users.get(user_id)
            await tx.sign_in.add_invitation(invitation, self._vault.fingerprint(token.reveal()))
        return token

    async def invited(self, token: str) -> tuple[Invitation, User | None]:
        """Whom an invitation is for. Raises NotFound when it was used, has ended or never was."""
        async with self._transactions() as tx:
            invitation = await self._invitation(tx, token, lock=False)
            user = await tx.users.get(invitation.user_id) if invitation.user_id else None
        return invitation, user

    async def accept(self, token: str, name: str, password: str) -> User:
        """Sets the password of an invited user, and makes the user if the invitation names none.

        Every session of the user ends, and the second factor and every passkey go: an operator's invitation is how a
        person who has lost them gets in again, and how whoever took them is put out.

        Raises:
            NotFound: the invitation is not good any more. InvalidInput: the name or password will not do.
            AlreadyExists: another user has this name.
        """
        invitation, known = await self.invited(token)
        name = known.name if known else name.strip()
        if not name or len(name) > _NAME_MAX or not name.isprintable():
            raise InvalidInput(f"A name has 1 to {_NAME_MAX} printable characters.", field="name")
        check_password(password, name=name)
        hashed = await self._passwords.hash(password)
        now = self._clock.now()
        async with self._transactions() as tx:
            invitation = await self._invitation(tx, token, lock=True)
            user = known or await self._first_user(tx, name)
            await tx.sign_in.put_login(Login(user.id, hashed, invitation.admin, now))
            await tx.sign_in.end_sessions(user.id)
            await tx.passkeys.remove_all(user.id)
            await tx.sign_in.remove_invitation(invitation.id)
        return user

    async def sign_in(self, name: str, password: str, code: str, *, agent: str, address: str) -> tuple[Session, Secret]:
        """Starts a session.

        Returns:
            The session and its token.

        Raises:
            Unauthenticated: name, password or code is wrong; which of them is not said.
            RateLimited: too many wrong attempts for this name.
        """
        login, user = await self._known(name)
        now = self._clock.now()
        if login is not None and login.locked_until is not None and login.locked_until > now:
            left = (login.locked_until - now).total_seconds()
            raise RateLimited("Too many wrong attempts for this name.", retry_after=left)
        right = await self._passwords.verify(login.password_hash if login else None, password[: PASSWORD_MAX + 1])
        if login is None or user is None or not right:
            await self._failed(login)
            raise Unauthenticated(_WRONG, action=_TRY_AGAIN)
        async with self._transactions() as tx:
            locked = await tx.sign_in.login(user.id, lock=True)
            # The password may have been changed since it was verified.
            used = self._second_factor(locked, code) if locked and locked.password_hash == login.password_hash else None
            if locked is not None and used is not None:
                await tx.sign_in.put_login(replace(locked, failures=0, locked_until=None, totp_used=used))
                return await self._begin(tx, locked, agent, address)
        await self._failed(login)
        raise Unauthenticated(_WRONG, action=_TRY_AGAIN)

    async def begin(self, user_id: UUID, *, agent: str, address: str) -> tuple[Session, Secret]:
        """Starts a session for somebody who was proven otherwise than by a password.

        Raises:
            Unauthenticated: this user cannot sign in.
        """
        async with self._transactions() as tx:
            login = await tx.sign_in.login(user_id)
            if login is None:
                raise Unauthenticated("This user cannot sign in.", action=_TRY_AGAIN)
            return await self._begin(tx, login, agent, address)

    async def _begin(self, tx: UnitOfWork, login: Login, agent: str, address: str) -> tuple[Session, Secret]:
        token, now = Secret(secrets.token_urlsafe(32)), self._clock.now()
        session = Session(
            uuid4(), login.user_id, login.admin, _printable(agent), _printable(address), now, now, now + _SESSION
        )
        await tx.sign_in.add_session(session, self._vault.fingerprint(token.reveal()))
        return session, token

    async def session(self, token: str) -> Session | None:
        """The session behind a token, or None; its use is noted once a minute."""
        if not token or len(token) > _TOKEN_MAX or not token.isascii():
            return None
        now = self._clock.now()
        async with self._transactions() as tx:
            session = await tx.sign_in.session(self._vault.fingerprint(token), now)
            if session is not None and now - session.seen_at > _SEEN_EVERY:
                await tx.sign_in.seen(session.id, now)
        return session

    def form_token(self, token: str) -> str:
        """What every form of a session carries, so that no other site can send one (CSRF)."""
        return self._vault.fingerprint(f"forms of {token}").hex()

    async def sessions(self, user_id: UUID) -> list[Session]:
        """Where a user is signed in."""
        async with self._transactions() as tx:
            return await tx.sign_in.sessions(user_id, self._clock.now())

    async def end(self, user_id: UUID, session_id: UUID) -> None:
        """Ends a session at once. Raises NotFound."""
        async with self._transactions() as tx:
            if not await tx.sign_in.end_session(session_id, user_id=user_id):
                raise NotFound("There is no such session.")

    async def end_others(self, session: Session) -> None:
        """Ends every session of the user but this one."""
        async with self._transactions() as tx:
            await tx.sign_in.end_sessions(session.user_id, but=session.id)

    async def confirm_password(self, user_id: UUID, password: str, *, field: str) -> None:
        """Asks whoever is signed in for the password again. Raises AccessDenied, which names ``field``."""
        async with self._transactions() as tx:
            login = await tx.sign_in.login(user_id)
        if login is None or not await self._passwords.verify(login.password_hash, password[: PASSWORD_MAX + 1]):
            raise AccessDenied("The password is wrong.", action="Type the one you sign in with.", field=field)

    async def change_password(self, session: Session, old: str, new: str) -> None:
        """Sets another password; every other session ends.

        Raises:
            AccessDenied: the old one is wrong. InvalidInput: the new one will not do.
        """
        async with self._transactions() as tx:
            login, user = await tx.sign_in.login(session.user_id), await tx.users.get(session.user_id)
        if login is None or not await self._passwords.verify(login.password_hash, old[: PASSWORD_MAX + 1]):
            raise AccessDenied("The present password is wrong.", field="old")
        check_password(new, name=user.name)
        hashed = await self._passwords.hash(new)
        async with self._transactions() as tx:
            if (locked := await tx.sign_in.login(session.user_id, lock=True)) is not None:
                await tx.sign_in.put_login(replace(locked, password_hash=hashed))
            await tx.sign_in.end_sessions(session.user_id, but=session.id)

    async def logins(self, user_ids: Sequence[UUID]) -> dict[UUID, Login]:
        """For the operator: those of these users who can sign in."""
        async with self._transactions() as tx:
            return await tx.sign_in.logins(user_ids)

    async def has_totp(self, user_id: UUID) -> bool:
        """Whether a code is asked for beside the password."""
        async with self._transactions() as tx:
            login = await tx.sign_in.login(user_id)
        return login is not None and login.sealed_totp is not None

    def offer_totp(self, name: str, secret: str = "") -> TotpOffer:
        """A new second factor, or one that was offered before; nothing is kept until its first code is shown."""
        secret = secret if _is_base32(secret) else new_totp_secret()
        return TotpOffer(Secret(secret), Secret(totp_address(secret, name)))

    async def confirm_totp(self, session: Session, secret: str, code: str) -> None:
        """Switches the second factor on.

        Raises:
            InvalidInput: the code is not of this secret.
        """
        used = matching_counter(secret, code, self._clock.now(), after=0) if _is_base32(secret) else None
        if used is None:
            raise InvalidInput("This code is wrong; check the clock of the device that shows it.", field="code")
        sealed = self._vault.seal(secret, owner=str(session.user_id), kind="totp")
        async with self._transactions() as tx:
            if (login := await tx.sign_in.login(session.user_id, lock=True)) is not None:
                await tx.sign_in.put_login(replace(login, sealed_totp=sealed, totp_used=used))
            await tx.sign_in.end_sessions(session.user_id, but=session.id)

    async def remove_totp(self, session: Session, password: str) -> None:
        """Switches the second factor off. Raises AccessDenied when the password is wrong."""
        await self.confirm_password(session.user_id, password, field="password")
        async with self._transactions() as tx:
            if (locked := await tx.sign_in.login(session.user_id, lock=True)) is not None:
                await tx.sign_in.put_login(replace(locked, sealed_totp=None, totp_used=0))

    async def _invitation(self, tx: UnitOfWork, token: str, *, lock: bool) -> Invitation:
        found = None
        if token and len(token) <= _TOKEN_MAX and token.isascii():
            found = await tx.sign_in.invitation(self._vault.fingerprint(token), self._clock.now(), lock=lock)
        if found is None:
            raise NotFound("This link was used already, or has ended.", action="Ask for a new one.")
        return found

    async def _first_user(self, tx: UnitOfWork, name: str) -> User:
        """The user of an invitation that names none: whoever the command line made before keeps everything."""
        try:
            user = await tx.users.by_name(name)
        except NotFound:
            user = User(uuid4(), name, self._clock.now())
            await tx.users.add(user)
            return user
        if await tx.sign_in.login(user.id) is not None:
            raise InvalidInput("This name is taken.", field="name")
        return user

    async def _known(self, name: str) -> tuple[Login | None, User | None]:
        if len(name) > _NAME_MAX or "\0" in name:
            return None, None
        async with self._transactions() as tx:
            try:
                user = await tx.users.by_name(name.strip())
            except NotFound:
                return None, None
            return await tx.sign_in.login(user.id), user

    def _second_factor(self, login: Login, code: str) -> int | None:
        """The counter to keep as used; None when the code is wrong."""
        if login.sealed_totp is None:
            return login.totp_used
        secret = self._vault.open(login.sealed_totp, owner=str(login.user_id), kind="totp")
        return matching_counter(secret.reveal(), code, self._clock.now(), after=login.totp_used)

    async def _failed(self, login: Login | None) -> None:
        """From the sixth wrong attempt on, each doubles the pause."""
        if login is None:
            return
        async with self._transactions() as tx:
            kept = await tx.sign_in.login(login.user_id, lock=True)
            if kept is None:
                return
            failures = kept.failures + 1
            pause = min(_LOCK_FIRST * 2 ** min(failures - _FREE_FAILURES - 1, 10), _LOCK_LAST)
            until = self._clock.now() + timedelta(seconds=pause) if failures > _FREE_FAILURES else None
            await tx.sign_in.put_login(replace(kept, failures=failures, locked_until=until))


def _printable(text: str) -> str:
    return "".join(sign if sign.isprintable() else "?" for sign in text[:_TEXT_MAX])


def _is_base32(text: str) -> bool:
    return 16 <= len(text) <= 64 and all(sign in "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567" for sign in text)
