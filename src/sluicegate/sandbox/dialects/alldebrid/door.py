"""AllDebrid's account calls: who a key is, the PIN login, confirmation of a new place."""

import math
from typing import Any, Final

from sluicegate.sandbox.accounts import Account, Plan
from sluicegate.sandbox.dialect import Call, Dialect
from sluicegate.sandbox.dialects.alldebrid.answers import refusal, refuse, success
from sluicegate.sandbox.dialects.alldebrid.arguments import one
from sluicegate.sandbox.wire import Answer

__all__ = ["Door"]

_PIN_SECONDS: Final = 600
_PIN_LETTERS: Final = "ABCDEFGHJKLMNPQRSTUVWXYZ23456789"
_HEX: Final = "0123456789abcdef"
_LETTERS: Final = "abcdefghijklmnopqrstuvwxyz0123456789"
_NEW_PLACE: Final = "place-"


class Door:
    """Refusals of keys, ``/user`` and ``/pin``.

    A key called ``sandbox-place-<name>`` comes from a place that must be confirmed first (``AUTH_BLOCKED``).
    """

    def __init__(self, dialect: Dialect) -> None:
        self._world = dialect.world
        self._nobody = Account(dialect.name, "-", "nobody", Plan.FREE)

    def refusal(self, account: Account | None, key: str) -> Answer | None:
        """Why a key is not let in."""
        if account is None:
            return refusal("AUTH_BAD_APIKEY" if key else "AUTH_MISSING_APIKEY")
        if account.plan is Plan.LOCKED:
            return refusal("AUTH_USER_BANNED")
        if account.name.startswith(_NEW_PLACE) and not self._world.record(account, "place", "allowed"):
            return refusal("AUTH_BLOCKED", token=self._place_token(account))
        return None

    def _place_token(self, account: Account) -> str:
        token = self._world.code(32, _HEX)
        self._world.keep_record(self._nobody, "places", token, {"account": account.id, "asked": 0})
        return token

    def verify(self, call: Call) -> Answer:
        """Waiting at first; allowed, with a key, the second time it is asked for (as if the mail had been clicked)."""
        token = one(call.request, "token")
        kept = self._world.record(self._nobody, "places", token)
        if kept is None:
            raise refuse("PIN_EXPIRED")
        if not kept["asked"]:
            self._world.keep_record(self._nobody, "places", token, {**kept, "asked": 1})
            return success({"verif": "waiting", "resendable": not kept.get("sent")})
        waiting = Account("alldebrid", kept["account"], "", Plan.PREMIUM)
        self._world.keep_record(waiting, "place", "allowed", value=True)
        return success({"verif": "allowed", "apikey": self._new_key()})

    def resend(self, call: Call) -> Answer:
        """The mail once more; only once."""
        token = one(call.request, "token")
        kept = self._world.record(self._nobody, "places", token)
        if kept is None:
            raise refuse("PIN_EXPIRED")
        if kept.get("sent"):
            raise refuse("ALREADY_SENT")
        self._world.keep_record(self._nobody, "places", token, {**kept, "sent": True})
        return success({"sent": True})

    # Account

    def user(self, call: Call) -> Answer:
        """Who the key is; quotas of a free account are an empty list in place of an object."""
        account = call.account
        quotas: Any = {"rapidgator": 15_360, "turbobit": 51_200} if account.premium else []
        shown = {
            "username": account.name,
            "email": f"{account.name}@example.org",
            "isPremium": account.premium,
            "isSubscribed": False,
            "isTrial": False,
            "premiumUntil": account.premium_until(self._world.clock.now()) if account.premium else 0,
            "lang": "en",
            "preferedDomain": "com",
            "fidelityPoints": 340,
            "limitedHostersQuotas": quotas,
            "notifications": [],
        }
        return success({"user": shown})

    def clear_notification(self, call: Call) -> Answer:
        """Take one notification away by its code."""
        if not one(call.request, "code"):
            raise refuse("MISSING_NOTIF_ENDPOINT")
        return success({"message": "Notification was cleared"})

    # PIN login

    def pin(self, call: Call) -> Answer:
        """v4.1: a PIN for a user to confirm at ``user_url``, which the sandbox serves itself."""
        return success(self._new_pin(call))

    def pin_with_check_url(self, call: Call) -> Answer:
        """v4: with the deprecated ``check_url``."""
        shown = self._new_pin(call)
        query = f"?check={shown['check']}&pin={shown['pin']}"
        return success({**shown, "check_url": f"{call.request.root}/alldebrid/v4/pin/check{query}"})

    def _new_pin(self, call: Call) -> dict[str, Any]:
        if call.visitor is not None:
            raise refuse("PIN_ALREADY_AUTHED")
        pin, check = self._world.code(4, _PIN_LETTERS), self._world.code(40, _HEX)
        self._world.keep_record(self._nobody, "pins", pin, {"check": check, "at": self._world.clock.now()})
        base = f"{call.request.root}/alldebrid/pin/"
        shown = {"pin": pin, "check": check, "expires_in": _PIN_SECONDS}
        return {**shown, "user_url": f"{base}?pin={pin}", "base_url": base}

    def confirm_pin(self, call: Call) -> Answer:
        """The page behind ``user_url``: opening it is the user's yes."""
        pin = one(call.request, "pin")
        kept = self._world.record(self._nobody, "pins", pin)
        if kept is None:
            return Answer.text("This PIN is unknown.\n", 404)
        key = kept.get("apikey") or self._new_key()
        self._world.keep_record(self._nobody, "pins", pin, {**kept, "apikey": key})
        return Answer.text("The PIN is confirmed.\n")

    def _new_key(self) -> str:
        return "sandbox" + self._world.code(13, _LETTERS)

    def check_pin(self, call: Call) -> Answer:
        """Whether the user said yes, and then the key."""
        kept = self._world.record(self._nobody, "pins", one(call.request, "pin"))
        if kept is None or kept["check"] != one(call.request, "check"):
            raise refuse("PIN_INVALID")
        left = math.ceil(kept["at"] + _PIN_SECONDS - self._world.clock.now())
        if left <= 0:
            raise refuse("PIN_EXPIRED")
        if "apikey" not in kept:
            return success({"activated": False, "expires_in": left})
        return success({"activated": True, "apikey": kept["apikey"], "expires_in": left})
