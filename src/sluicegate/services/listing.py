"""Reading a provider's listing, page by page, without ever taking a part for the whole."""

from dataclasses import dataclass
from typing import Final

from sluicegate.core.errors import ProtocolError, UpstreamError
from sluicegate.core.provider import Provider
from sluicegate.core.transfers import Transfer

__all__ = ["Listing", "find_by_hash", "list_all", "read_listing"]

PAGES_MAX: Final = 500


@dataclass(frozen=True, slots=True)
class Listing:
    """What could be read of an account's listing.

    Attributes:
        transfers: by the provider's id.
        pages: how many were read.
        error: why it was not read to its end; what it lacks then means nothing.
    """

    transfers: dict[str, Transfer]
    pages: int
    error: UpstreamError | None = None

    @property
    def whole(self) -> bool:
        """True when what is not in it is not at the provider."""
        return self.error is None

    def explain(self) -> str:
        """In words what a person should know about it, empty when it is whole."""
        if self.error is None:
            return ""
        cause = f"{self.error.detail} {self.error.action}"
        if not self.pages:
            return f"The listing could not be read, nothing has changed: {cause}"
        return (
            f"Page {self.pages + 1} of the listing could not be read; the {len(self.transfers)} transfers before it "
            f"are up to date, about the others nothing is concluded: {cause}"
        )


async def read_listing(provider: Provider) -> Listing:
    """As much of the account's listing as can be read; an error ends it and is kept."""
    transfers: dict[str, Transfer] = {}
    cursor: str | None = None
    seen: set[str] = set()
    for number in range(PAGES_MAX):
        try:
            page = await provider.list_page(cursor)
        except UpstreamError as error:
            return Listing(transfers, number, error)
        transfers |= {transfer.id: transfer for transfer in page.transfers}
        cursor = page.next_cursor
        if cursor is None:
            return Listing(transfers, number + 1)
        if cursor in seen:
            circle = ProtocolError("The listing goes round in circles.", provider=provider.name)
            return Listing(transfers, number + 1, circle)
        seen.add(cursor)
    endless = ProtocolError(f"The listing does not end after {PAGES_MAX} pages.", provider=provider.name)
    return Listing(transfers, PAGES_MAX, endless)


async def list_all(provider: Provider) -> list[Transfer]:
    """Every transfer of the account.

    Raises:
        UpstreamError: any page failed, or the listing does not end; a part of a list is an error, not a list.
    """
    listing = await read_listing(provider)
    if listing.error is not None:
        raise listing.error
    return list(listing.transfers.values())


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
