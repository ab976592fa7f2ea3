"""The marks of the master key: a wrong key is told at the start, and the keys that outlast it are kept.

What was fingerprinted or signed cannot be made again from what is stored. From the first rotation on, the keys for that
lie beside the mark, sealed; until then they follow from the master key itself.
"""

from typing import Final

from sluicegate.core.ports import UnitOfWork, UnitOfWorkFactory, Vault
from sluicegate.services.vault import AesVault, LastingKeys

__all__ = ["LASTING", "MARK", "MARK_KINDS", "OWNER", "check_master_key", "keep_lasting_keys", "sealed_mark"]

MARK: Final = "master key"
LASTING: Final = "lasting keys"
OWNER: Final = "installation"
MARK_KINDS: Final = {MARK: "master_key_mark", LASTING: "lasting_keys"}
"""What each mark is sealed under, by its name."""
_TEXT: Final = "sluicegate"


def sealed_mark(vault: Vault) -> bytes:
    """A mark that this vault opens; whoever changes the master key puts a new one in place."""
    return vault.seal(_TEXT, owner=OWNER, kind=MARK_KINDS[MARK])


async def check_master_key(transactions: UnitOfWorkFactory, vault: AesVault) -> None:
    """Leaves a mark at the first start, opens it at every other, and hands the vault its lasting keys.

    Raises:
        InternalError: this is not the key that the installation was set up with; says what to do.
    """
    async with transactions() as tx:
        mark = await tx.key_marks.ensure(MARK, sealed_mark(vault))
        kept = await tx.key_marks.find(LASTING)
    vault.open(mark, owner=OWNER, kind=MARK_KINDS[MARK])
    vault.adopt(vault.lasting_beside(mark) if kept is None else _opened(vault, kept))


async def keep_lasting_keys(tx: UnitOfWork, vault: AesVault, *, signing: bytes | None = None) -> None:
    """Keeps the lasting keys in use, so that they survive this master key.

    Args:
        tx: where.
        vault: whose.
        signing: another key for signatures; whatever was signed before ends with it.
    """
    kept = await tx.key_marks.ensure(LASTING, _sealed(vault, vault.lasting))
    lasting = _opened(vault, kept)
    if signing is not None:
        lasting = lasting._replace(signing=signing)
        await tx.key_marks.replace(LASTING, _sealed(vault, lasting))
    vault.adopt(lasting)


def _sealed(vault: AesVault, lasting: LastingKeys) -> bytes:
    return vault.seal(f"{lasting.fingerprint.hex()} {lasting.signing.hex()}", owner=OWNER, kind=MARK_KINDS[LASTING])


def _opened(vault: AesVault, sealed: bytes) -> LastingKeys:
    text = vault.open(sealed, owner=OWNER, kind=MARK_KINDS[LASTING]).reveal()
    return LastingKeys(*(bytes.fromhex(part) for part in text.split()))
