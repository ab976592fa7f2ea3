"""Users: making and finding them."""

from uuid import uuid4

from sluicegate.core.errors import InvalidInput
from sluicegate.core.ports import Clock, UnitOfWorkFactory
from sluicegate.core.users import User

__all__ = ["UserService"]

_NAME_LENGTH_MAX = 100


class UserService:
    """Use cases around users; whoever calls it is the operator."""

    def __init__(self, transactions: UnitOfWorkFactory, clock: Clock) -> None:
        self._transactions = transactions
        self._clock = clock

    async def create(self, name: str) -> User:
        """Makes a user.

        Raises:
            InvalidInput: the name is empty, too long or has control characters.
            AlreadyExists: the name is taken.
        """
        name = name.strip()
        if not name or len(name) > _NAME_LENGTH_MAX or not name.isprintable():
            raise InvalidInput(f"A user name has 1 to {_NAME_LENGTH_MAX} printable characters.", field="name")
        user = User(uuid4(), name, self._clock.now())
        async with self._transactions() as tx:
            await tx.users.add(user)
        return user

    async def by_name(self, name: str) -> User:
        """Finds a user. Raises NotFound."""
        async with self._transactions() as tx:
            return await tx.users.by_name(name)

    async def page(self, *, limit: int = 100, offset: int = 0) -> list[User]:
        """Users by name."""
        async with self._transactions() as tx:
            return await tx.users.page(limit=limit, offset=offset)
