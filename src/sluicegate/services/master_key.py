"""The mark of the master key: a wrong key is told at the start, not when the first secret does not open."""

from typing import Final

from sluicegate.core.ports import UnitOfWorkFactory, Vault

__all__ = ["MARK", "check_master_key", "sealed_mark"]

MARK: Final = "master key"
_TEXT: Final = "sluicegate"
_OWNER: Final = "installation"
_KIND: Final = "master_key_mark"


def sealed_mark(vault: Vault) -> bytes:
    """A mark that this vault opens; whoever changes the master key puts a new one in place."""
    return vault.seal(_TEXT, owner=_OWNER, kind=_KIND)


async def check_master_key(transactions: UnitOfWorkFactory, vault: Vault) -> None:
    """Leaves a mark at the first start, and opens it at every other.

    Raises:
        InternalError: this is not the key that the installation was set up with; says what to do.
    """
    async with transactions() as tx:
        mark = await tx.key_marks.ensure(MARK, sealed_mark(vault))
    vault.open(mark, owner=_OWNER, kind=_KIND)
