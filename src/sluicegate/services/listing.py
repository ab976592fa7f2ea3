"""Reading a provider's whole listing, page by page, without ever taking a part for the whole."""

from typing import Final

from sluicegate.core.errors import ProtocolError
from sluicegate.core.provider import Provider
from sluicegate.core.transfers import Transfer

__all__ = ["find_by_hash", "list_all"]

PAGES_MAX: Final = 500


async def list_all(provider: Provider) -> list[Transfer]:
    """Every transfer of the account.

    Raises:
        UpstreamError: any page failed; a part of a list is an error, not a list.
        ProtocolError: the listing does not end, or repeats a cursor.
    """
    transfers: list[Transfer] = []
    cursor: str | None = None
    seen: set[str] = set()
    for _ in range(PAGES_MAX):
        page = await provider.list_page(cursor)
        transfers.extend(page.transfers)
        cursor = page.next_cursor
        if cursor is None:
            return transfers
        if cursor in seen:
            raise ProtocolError("The listing goes round in circles.", provider=provider.name)
        seen.add(cursor)
    raise ProtocolError(f"The listing does not end after {PAGES_MAX} pages.", provider=provider.name)


async def find_by_hash(provider: Provider, info_hash: str) -> Transfer | None:
    """The account's transfer with this hash, or None; stops at the page that has it."""
    cursor: str | None = None
    for _ in range(PAGES_MAX):
        page = await provider.list_page(cursor)
        found = next((transfer for transfer in page.transfers if transfer.info_hash == info_hash), None)
        if found is not None or page.next_cursor is None:
            return found
        cursor = page.next_cursor
    raise ProtocolError(f"The listing does not end after {PAGES_MAX} pages.", provider=provider.name)
