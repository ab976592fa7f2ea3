"""Premiumize's OAuth: device and code flow at ``/token``, the only place with real HTTP 400 errors."""

from typing import Any, Final
from urllib.parse import urlencode

from sluicegate.sandbox.accounts import Account, Plan
from sluicegate.sandbox.dialect import Call, Dialect
from sluicegate.sandbox.dialects.premiumize.arguments import one
from sluicegate.sandbox.wire import Answer

__all__ = ["OAuth"]

_DEVICE_SECONDS: Final = 600
_INTERVAL: Final = 5
_LETTERS: Final = "abcdefghijklmnopqrstuvwxyz0123456789"
_USER_CODE: Final = "ABCDEFGHJKLMNPQRSTUVWXYZ23456789"


class OAuth:
    """Handlers for ``/token``, ``/device`` and ``/authorize``; opening a page is the user's yes."""

    def __init__(self, dialect: Dialect) -> None:
        self._world = dialect.world
        self._nobody = Account(dialect.name, "-", "nobody", Plan.FREE)

    def token(self, call: Call) -> Answer:
        """A device code, or a token for a granted one."""
        request = call.request
        if one(request, "response_type") == "device_code":
            return self._device(call)
        if one(request, "grant_type") == "device_code":
            return self._poll(one(request, "code"))
        if one(request, "grant_type") == "authorization_code":
            return self._exchange(one(request, "code"))
        return _error("unsupported_grant_type")

    def _device(self, call: Call) -> Answer:
        code, letters = self._world.code(16, _LETTERS), self._world.code(8, _USER_CODE)
        user_code = f"{letters[:4]}-{letters[4:]}"
        kept = {"user_code": user_code, "at": self._now, "polled": 0.0, "granted": False}
        self._keep(code, kept)
        uri = f"{call.request.root}/premiumize/device"
        shown = {"device_code": code, "user_code": user_code, "verification_uri": uri}
        return Answer.json({**shown, "expires_in": _DEVICE_SECONDS, "interval": _INTERVAL})

    def confirm(self, call: Call) -> Answer:
        """The page where the user types ``user_code``."""
        for code, kept in self._world.records(self._nobody, "codes").items():
            if kept.get("user_code") == one(call.request, "user_code"):
                self._keep(code, {**kept, "granted": True})
                return Answer.text("The device is connected.\n")
        return Answer.text("This code is unknown.\n", 404)

    def authorize(self, call: Call) -> Answer:
        """The page that sends the user back with a code."""
        code, target = self._world.code(16, _LETTERS), one(call.request, "redirect_uri")
        if not target:
            return _error("invalid_request")
        self._keep(code, {"at": self._now, "granted": True})
        return Answer.redirect(f"{target}?{urlencode({'code': code, 'state': one(call.request, 'state')})}", 302)

    def _poll(self, code: str) -> Answer:
        kept = self._world.record(self._nobody, "codes", code)
        if kept is None or self._now >= kept["at"] + _DEVICE_SECONDS:
            return _error("invalid_grant")
        if kept["granted"]:
            return self._exchange(code)
        early = self._now < kept["polled"] + _INTERVAL
        self._keep(code, {**kept, "polled": self._now})
        return _error("slow_down" if early else "authorization_pending")

    def _exchange(self, code: str) -> Answer:
        kept = self._world.record(self._nobody, "codes", code)
        if kept is None or not kept["granted"]:
            return _error("invalid_grant")
        self._world.keep_record(self._nobody, "codes", code, None)
        token = f"sandbox-oauth-{self._world.code(24, _LETTERS)}"
        shown = {"access_token": token, "token_type": "Bearer", "expires_in": 315_360_000, "scope": "full"}
        return Answer.json(shown)

    def _keep(self, code: str, kept: dict[str, Any]) -> None:
        self._world.keep_record(self._nobody, "codes", code, kept)

    @property
    def _now(self) -> float:
        return self._world.clock.now()


def _error(code: str) -> Answer:
    return Answer.json({"error": code, "error_description": "See the name of the error."}, 400)
