"""Debrid-Link's OAuth: device flow, code flow, refresh, revoke; errors in OAuth's own shape."""

from typing import Any, Final
from urllib.parse import urlencode

from sluicegate.sandbox.accounts import DAY, Account, Plan
from sluicegate.sandbox.dialect import Call, Dialect
from sluicegate.sandbox.dialects.debridlink.arguments import one
from sluicegate.sandbox.wire import Answer

__all__ = ["OAuth"]

_DEVICE_SECONDS: Final = 900
_HEX: Final = "0123456789abcdef"
_USER_CODE: Final = "ABCDEFGHJKLMNPQRSTUVWXYZ23456789"
_DEVICE_GRANTS: Final = {
    "urn:ietf:params:oauth:grant-type:device_code",
    "http://oauth.net/grant_type/device/1.0",
}


class OAuth:
    """Handlers below ``/api/oauth``, and the two pages; opening a page is the user's yes."""

    def __init__(self, dialect: Dialect) -> None:
        self._dialect = dialect
        self._world = dialect.world
        self._nobody = Account(dialect.name, "-", "nobody", Plan.FREE)

    def device(self, call: Call) -> Answer:
        """A code for the user and one for the machine."""
        code, letters = self._world.code(32, _HEX), self._world.code(7, _USER_CODE)
        user_code = f"{letters[:4]}-{letters[4:]}"
        self._keep("codes", code, {"user_code": user_code, "at": self._now, "granted": False})
        shown = {"device_code": code, "user_code": user_code, "expires_in": _DEVICE_SECONDS, "interval": 3}
        return Answer.json({**shown, "verification_url": f"{call.request.root}/debridlink/device"})

    def confirm(self, call: Call) -> Answer:
        """The page ``verification_url/user_code``."""
        for code, kept in self._world.records(self._nobody, "codes").items():
            if kept.get("user_code") == call.params["code"]:
                self._keep("codes", code, {**kept, "granted": True})
                return Answer.text("The device is connected.\n")
        return Answer.text("This code is unknown.\n", 404)

    def authorize(self, call: Call) -> Answer:
        """The page that sends the user back with a code."""
        code, target = self._world.code(32, _HEX), one(call.request, "redirect_uri")
        if not target:
            return _error("invalid_request")
        self._keep("codes", code, {"at": self._now, "granted": True})
        return Answer.redirect(f"{target}?{urlencode({'code': code, 'state': one(call.request, 'state')})}", 302)

    def token(self, call: Call) -> Answer:
        """Tokens for a granted code, or new ones for a refresh token."""
        grant = one(call.request, "grant_type")
        if grant == "refresh_token":
            return self._refresh(one(call.request, "refresh_token"))
        if grant not in _DEVICE_GRANTS and grant != "authorization_code":
            return _error("unsupported_grant_type")
        code = one(call.request, "code")
        kept = self._world.record(self._nobody, "codes", code)
        if kept is None or self._now >= kept["at"] + _DEVICE_SECONDS:
            return _error("expired_token")
        if not kept["granted"]:
            return _error("authorization_pending")
        self._keep("codes", code, None)
        return self._grant()

    def _grant(self) -> Answer:
        access, refresh = f"sandbox-oauth-{self._world.code(32, _HEX)}", self._world.code(32, _HEX)
        self._keep("grants", refresh, {"access": access})
        shown = {"access_token": access, "refresh_token": refresh, "expires_in": DAY, "token_type": "bearer"}
        return Answer.json(shown)

    def _refresh(self, refresh: str) -> Answer:
        """The former access token is dead at once."""
        kept = self._world.record(self._nobody, "grants", refresh)
        if kept is None:
            return _error("invalid_request")
        self._keep("grants", refresh, None)
        self._revoke(kept["access"])
        return self._grant()

    def revoke(self, call: Call) -> Answer:
        """Kill an access token."""
        self._revoke(one(call.request, "token"))
        return Answer.json({"success": True})

    def _revoke(self, token: str) -> None:
        account = self._dialect.account(token)
        if account is not None:
            self._world.keep_record(account, "revoked", "token", value=True)

    def _keep(self, shelf: str, key: str, value: dict[str, Any] | None) -> None:
        self._world.keep_record(self._nobody, shelf, key, value)

    @property
    def _now(self) -> float:
        return self._world.clock.now()


def _error(code: str) -> Answer:
    return Answer.json({"error": code}, 400)
