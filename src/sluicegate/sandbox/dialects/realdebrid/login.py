"""Device login for open-source apps: a code, credentials after a while, tokens."""

from collections.abc import Iterable
from typing import Any, Final

from sluicegate.sandbox.accounts import Account, Plan
from sluicegate.sandbox.dialect import Call, Dialect, Route
from sluicegate.sandbox.dialects.realdebrid.answers import refuse, shown
from sluicegate.sandbox.wire import Answer

__all__ = ["LoginCalls"]

_NOBODY: Final = Account("realdebrid", "-", "", Plan.FREE)
_GRANT: Final = "http://oauth.net/grant_type/device/1.0"
_PENDING_SECONDS: Final = 10.0
_CODE_SECONDS: Final = 1800


class LoginCalls:
    """``/oauth/v2/*``. The sandbox's person says yes ten world seconds after the code was asked for."""

    def __init__(self, dialect: Dialect) -> None:
        self._world = dialect.world

    def routes(self) -> Iterable[Route]:
        """Paths of this part."""
        root = "/oauth/v2"
        return (
            Route("GET", f"{root}/device/code", self.code, open=True),
            Route("GET", f"{root}/device/credentials", self.credentials, open=True),
            Route("POST", f"{root}/token", self.token, open=True),
        )

    def code(self, call: Call) -> Answer:
        """A code pair."""
        client = call.request.query.get("client_id")
        if not client:
            raise refuse(1)
        device, user = self._world.code(30), self._world.code(7)
        row = {"at": self._world.clock.now(), "name": self._world.code(6).lower()}
        self._world.keep_record(_NOBODY, "devices", device, row)
        page = "https://real-debrid.com"
        return shown(
            {
                "device_code": device,
                "user_code": user,
                "interval": 5,
                "expires_in": _CODE_SECONDS,
                "verification_url": f"{page}/device",
                "direct_verification_url": f"{page}/authorize?client_id={client}&device_id={device}",
            }
        )

    def credentials(self, call: Call) -> Answer:
        """Null errors while the person has not agreed."""
        code = call.request.query.get("code")
        if not self._granted(self._device(code)):
            return _pending()
        return shown({"client_id": code[:13], "client_secret": self._world.code(40, "0123456789abcdef")})

    def token(self, call: Call) -> Answer:
        """Access and refresh token for a device code, new ones for a refresh token."""
        form = call.request.form
        if form.get("grant_type") != _GRANT:
            raise refuse(2)
        code = form.get("code")
        device: dict[str, Any] | None = self._world.record(_NOBODY, "refresh", code)
        if device is None:
            device = self._device(code)
            if not self._granted(device):
                return _pending()
        refresh = self._world.code(32)
        self._world.keep_record(_NOBODY, "refresh", refresh, device)
        token = f"sandbox-device{device['name']}"
        return shown({"access_token": token, "expires_in": 86_400, "token_type": "Bearer", "refresh_token": refresh})

    def _device(self, code: str) -> dict[str, Any]:
        row: dict[str, Any] | None = self._world.record(_NOBODY, "devices", code)
        if row is None or self._world.clock.now() - row["at"] > _CODE_SECONDS:
            raise refuse(7)
        return row

    def _granted(self, device: dict[str, Any]) -> bool:
        return self._world.clock.now() - float(device["at"]) >= _PENDING_SECONDS


def _pending() -> Answer:
    return shown({"error": None, "error_code": None}, 403)
