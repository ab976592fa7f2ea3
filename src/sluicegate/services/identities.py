"""Identities: which user somebody is who comes with another issuer's token."""

from typing import Final
from uuid import UUID, uuid4

from sluicegate.core.errors import AlreadyExists, InvalidInput, NotFound, Unauthenticated
from sluicegate.core.ports import Clock, UnitOfWorkFactory
from sluicegate.core.users import Identity, User

__all__ = ["IdentityService"]

_LENGTH_MAX: Final = 500
_NAME_MAX: Final = 80


class IdentityService:
    """Use cases around identities.

    Args:
        transactions: the database.
        clock: dates what is written.
        create: whether a subject that nobody has linked becomes a user; off, nobody registers by himself.
    """

    def __init__(self, transactions: UnitOfWorkFactory, clock: Clock, *, create: bool = False) -> None:
        self._transactions = transactions
        self._clock = clock
        self._create = create

    async def user_of(self, issuer: str, subject: str, *, email: str = "") -> UUID:
        """The user behind a verified subject.

        Raises:
            Unauthenticated: nobody has linked this subject, and users are not made by themselves here.
        """
        if not 0 < len(subject) <= _LENGTH_MAX:
            raise Unauthenticated("The token names nobody.")
        async with self._transactions() as tx:
            found = await tx.identities.find(issuer, subject)
        if found is not None:
            return found.user_id
        if not self._create:
            raise Unauthenticated(
                "The token is valid, but nobody here belongs to it.",
                action="Ask the operator to link it: sluicegate users link NAME --issuer … --subject …",
            )
        return await self._register(issuer, subject, email)

    async def link(self, user_id: UUID, issuer: str, subject: str) -> None:
        """Lets a subject act as a user.

        Raises:
            InvalidInput: one of the two is empty or too long. AlreadyExists: it belongs to a user already.
        """
        if not (0 < len(issuer) <= _LENGTH_MAX and 0 < len(subject) <= _LENGTH_MAX):
            raise InvalidInput(f"Issuer and subject have 1 to {_LENGTH_MAX} characters.", field="subject")
        async with self._transactions() as tx:
            if not await tx.identities.add(Identity(issuer, subject, user_id, self._clock.now())):
                raise AlreadyExists("This subject belongs to a user already.", field="subject")

    async def unlink(self, issuer: str, subject: str) -> None:
        """Ends that. Raises NotFound."""
        async with self._transactions() as tx:
            if not await tx.identities.remove(issuer, subject):
                raise NotFound("Nobody is linked to this subject.")

    async def _register(self, issuer: str, subject: str, email: str) -> UUID:
        """Makes the user; of two first requests at once one does it and the other finds it done."""
        now = self._clock.now()
        user = User(uuid4(), self._name(email or subject), now)
        async with self._transactions() as tx:
            await tx.users.add(user)
            if await tx.identities.add(Identity(issuer, subject, user.id, now)):
                return user.id
            await tx.users.remove(user.id)
            found = await tx.identities.find(issuer, subject)
        if found is None:
            raise Unauthenticated("The token is valid, but its user was just removed.")
        return found.user_id

    def _name(self, text: str) -> str:
        """A name that is surely free: another person's name is never taken over because an issuer spells it so."""
        plain = "".join(letter for letter in text if letter.isprintable()).strip()[:_NAME_MAX]
        return f"{plain or 'user'} ({uuid4().hex[:8]})"
