"""Accounts in the database; their tokens stay sealed and are opened by ``credential`` alone."""

from datetime import datetime
from typing import Any, Final
from uuid import UUID

from sqlalchemy import RowMapping, delete, select, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncConnection

from sluicegate.core.accounts import Account, AccountFacts, AccountState, Credential, proxy_kind, token_kind
from sluicegate.core.errors import AlreadyExists, NotFound
from sluicegate.core.ports import Vault
from sluicegate.db.rows import columns_of, first, many, one
from sluicegate.db.schema import accounts

__all__ = ["Accounts"]

_FIXED: Final = ("id", "user_id", "provider", "created_at", "token_hint", "facts")
"""What ``update`` leaves alone; ``facts`` is rendered apart, and the hint follows the token."""
_COLUMNS: Final = tuple(column for column in accounts.c if not column.name.startswith("sealed_"))


class Accounts:
    """Implements ``core.ports.AccountRepository``."""

    def __init__(self, connection: AsyncConnection, vault: Vault) -> None:
        self._connection = connection
        self._vault = vault

    async def add(self, account: Account, *, sealed_token: bytes, sealed_proxy: bytes | None) -> None:
        """Keeps an account; the secrets are sealed for its user under ``token_kind`` and ``proxy_kind``.

        Raises:
            AlreadyExists: the user has an account with this provider and label.
        """
        values = columns_of(account, without=("facts",)) | {"facts": _facts_out(account.facts)}
        statement = (
            insert(accounts)
            .values(**values, sealed_token=sealed_token, sealed_proxy=sealed_proxy)
            .on_conflict_do_nothing()
            .returning(accounts.c.id)
        )
        if await first(self._connection, statement) is None:
            raise AlreadyExists("An account with this provider and label exists already.", field="label")

    async def get(self, account_id: UUID) -> Account:
        """See the port."""
        return _account(await one(self._connection, select(*_COLUMNS).where(accounts.c.id == account_id), "account"))

    async def credential(self, account_id: UUID) -> Credential:
        """See the port."""
        row = await one(self._connection, select(accounts).where(accounts.c.id == account_id), "account")
        owner, provider = str(row["user_id"]), row["provider"]
        proxy = None
        if row["sealed_proxy"] is not None:
            proxy = self._vault.open(row["sealed_proxy"], owner=owner, kind=proxy_kind(provider, account_id))
        return Credential(
            account_id=str(account_id),
            token=self._vault.open(row["sealed_token"], owner=owner, kind=token_kind(provider, account_id)),
            base_url=row["base_url"],
            proxy=proxy,
        )

    async def page(self, user_id: UUID) -> list[Account]:
        """See the port."""
        statement = (
            select(*_COLUMNS).where(accounts.c.user_id == user_id).order_by(accounts.c.created_at, accounts.c.id)
        )
        return [_account(row) for row in await many(self._connection, statement)]

    async def update(self, account: Account) -> None:
        """Writes label, address, state, reason, facts and times; never the token. Raises NotFound."""
        values = columns_of(account, without=_FIXED) | {"facts": _facts_out(account.facts)}
        await self._change(account.id, **values)

    async def rotate(self, account_id: UUID, *, sealed_token: bytes, token_hint: str) -> None:
        """See the port. Raises NotFound."""
        await self._change(account_id, sealed_token=sealed_token, token_hint=token_hint)

    async def remove(self, account_id: UUID) -> None:
        """See the port; removing twice is fine."""
        await self._connection.execute(delete(accounts).where(accounts.c.id == account_id))

    async def _change(self, account_id: UUID, **values: object) -> None:
        statement = update(accounts).where(accounts.c.id == account_id).values(**values).returning(accounts.c.id)
        if await first(self._connection, statement) is None:
            raise NotFound("There is no such account.")


def _account(row: RowMapping) -> Account:
    return Account(**{**row, "state": AccountState(row["state"]), "facts": _facts_in(row["facts"])})


def _facts_out(facts: AccountFacts | None) -> dict[str, Any] | None:
    if facts is None:
        return None
    expires = facts.expires_at.isoformat() if facts.expires_at else None
    return {
        "id": facts.id,
        "premium": facts.premium,
        "plan": facts.plan,
        "expires_at": expires,
        "limits": [list(limit) for limit in facts.limits],
    }


def _facts_in(kept: dict[str, Any] | None) -> AccountFacts | None:
    if kept is None:
        return None
    expires = kept.get("expires_at")
    return AccountFacts(
        id=kept["id"],
        premium=kept["premium"],
        plan=kept.get("plan", ""),
        expires_at=datetime.fromisoformat(expires) if expires else None,
        limits=tuple((str(name), float(value)) for name, value in kept.get("limits", ())),
    )
