"""Add-ons: applying, reviewing, and changing secrets. Developers apply and rotate; operators decide."""

from dataclasses import replace
from datetime import timedelta
from typing import Final
from uuid import UUID, uuid4

from sluicegate.core.addons import Addon, AddonSecret, AddonState, check_slug, mint_secret
from sluicegate.core.errors import IllegalMove, InvalidInput, NotFound
from sluicegate.core.ports import Clock, UnitOfWork, UnitOfWorkFactory, Vault
from sluicegate.core.secrets import Secret

__all__ = ["AddonService"]

_TEXT_MAX: Final = 500
_OVERLAP_MAX: Final = timedelta(days=30)
_MOVES: Final = {
    AddonState.UNDER_REVIEW: {AddonState.SUBMITTED},
    AddonState.APPROVED: {AddonState.SUBMITTED, AddonState.UNDER_REVIEW, AddonState.REJECTED, AddonState.REVOKED},
    AddonState.REJECTED: {AddonState.SUBMITTED, AddonState.UNDER_REVIEW},
    AddonState.REVOKED: {AddonState.APPROVED, AddonState.SUBMITTED, AddonState.UNDER_REVIEW},
}
"""From which states each decision may be made; deciding the same again changes nothing."""


class AddonService:
    """Use cases around add-ons."""

    def __init__(self, transactions: UnitOfWorkFactory, vault: Vault, clock: Clock) -> None:
        self._transactions = transactions
        self._vault = vault
        self._clock = clock

    async def apply(
        self, slug: str, *, name: str = "", contact: str = "", proof: str = "", user_id: UUID | None = None
    ) -> tuple[Addon, Secret]:
        """Registers an add-on; its secret is shown now and never again, and works once the add-on is approved.

        Raises:
            InvalidInput: the identifier is none, or a text is too long.
            AlreadyExists: the identifier is taken.
        """
        now = self._clock.now()
        for field, text in (("name", name), ("contact", contact), ("proof", proof)):
            if len(text) > _TEXT_MAX or not text.isprintable():
                raise InvalidInput(f"'{field}' has at most {_TEXT_MAX} printable characters.", field=field)
        addon = Addon(
            uuid4(), check_slug(slug), name or slug, contact, proof, AddonState.SUBMITTED, now, user_id=user_id
        )
        async with self._transactions() as tx:
            await tx.addons.add(addon)
            secret = await self._new_secret(tx, addon)
        return addon, secret

    async def decide(self, slug: str, state: AddonState, reason: str = "") -> Addon:
        """Moves an application on; a revoked add-on is refused from this moment.

        Raises:
            NotFound: no such add-on. IllegalMove: this decision cannot be made now.
        """
        async with self._transactions() as tx:
            addon = await tx.addons.by_slug(slug)
            if addon.state is state:
                return addon
            if addon.state not in _MOVES.get(state, set()):
                raise IllegalMove(f"An add-on that is {addon.state} cannot become {state}.")
            decided = replace(addon, state=state, reason=reason[:_TEXT_MAX], decided_at=self._clock.now())
            await tx.addons.update(decided)
            return decided

    async def rotate(self, slug: str, *, overlap: timedelta = timedelta(0), user_id: UUID | None = None) -> Secret:
        """A new secret; older ones work on for ``overlap``.

        Raises:
            NotFound: no such add-on, or not this user's.
        """
        if not timedelta(0) <= overlap <= _OVERLAP_MAX:
            raise InvalidInput(f"Old and new secret may overlap for {_OVERLAP_MAX.days} days at most.", field="overlap")
        async with self._transactions() as tx:
            addon = await self._owned(tx, slug, user_id)
            await tx.addons.expire_secrets(addon.id, self._clock.now() + overlap)
            return await self._new_secret(tx, addon)

    async def get(self, slug: str, *, user_id: UUID | None = None) -> Addon:
        """One add-on; with ``user_id`` only the user's own. Raises NotFound."""
        async with self._transactions() as tx:
            return await self._owned(tx, slug, user_id)

    async def page(self, *, user_id: UUID | None = None, limit: int = 100, offset: int = 0) -> list[Addon]:
        """Add-ons by identifier: a user's own, or all."""
        async with self._transactions() as tx:
            return await tx.addons.page(user_id=user_id, limit=limit, offset=offset)

    async def _owned(self, tx: UnitOfWork, slug: str, user_id: UUID | None) -> Addon:
        addon = await tx.addons.by_slug(slug)
        if user_id is not None and addon.user_id != user_id:
            raise NotFound("There is no such add-on.")
        return addon

    async def _new_secret(self, tx: UnitOfWork, addon: Addon) -> Secret:
        secret = mint_secret()
        text = secret.reveal()
        kept = AddonSecret(uuid4(), addon.id, secret.hint, self._clock.now())
        await tx.addons.add_secret(kept, self._vault.fingerprint(text))
        return secret
