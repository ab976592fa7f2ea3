"""Account, clock, traffic and settings calls."""

from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Any, Final

from sluicegate.sandbox.dialect import Call, Dialect, Route
from sluicegate.sandbox.dialects.realdebrid.answers import refuse, shown, stamp
from sluicegate.sandbox.wire import Answer

__all__ = ["AccountCalls"]

_MAX_SPAN_DAYS: Final = 31
_SETTINGS: Final[dict[str, Any]] = {
    "download_ports": ["normal", "secured"],
    "download_port": "secured",
    "locales": {"en": "English", "fr": "Français"},
    "locale": "en",
    "streaming_qualities": ["original", "high", "medium", "low"],
    "streaming_quality": "original",
    "mobile_streaming_quality": "high",
    "streaming_languages": {"eng": "English", "fre": "French"},
    "streaming_language_preference": "eng",
    "streaming_cast_audio": ["stereo", "surround"],
    "streaming_cast_audio_preference": "surround",
}


class AccountCalls:
    """``/user``, ``/time``, ``/traffic``, ``/settings``."""

    def __init__(self, dialect: Dialect) -> None:
        self._world = dialect.world

    def routes(self) -> Iterable[Route]:
        """Paths of this part."""
        root = "/rest/1.0"
        return (
            Route("GET", f"{root}/user", self.user),
            Route("GET", f"{root}/time", self.time, open=True),
            Route("GET", f"{root}/time/iso", self.time_iso, open=True),
            Route("GET", f"{root}/disable_access_token", self.disable_token),
            Route("GET", f"{root}/traffic", self.traffic),
            Route("GET", f"{root}/traffic/details", self.traffic_details),
            Route("GET", f"{root}/settings", self.settings),
            Route("POST", f"{root}/settings/update", self.update_setting),
            Route("POST", f"{root}/settings/convertPoints", self.done),
            Route("POST", f"{root}/settings/changePassword", self.done),
            Route("PUT", f"{root}/settings/avatarFile", self.done),
            Route("DELETE", f"{root}/settings/avatarDelete", self.done),
        )

    def user(self, call: Call) -> Answer:
        """Who the token is; ``premium`` counts seconds."""
        account, now = call.account, self._world.clock.now()
        until = account.premium_until(now)
        return shown(
            {
                "id": account.number,
                "username": account.name,
                "email": f"{account.name[:2]}****@example.org",
                "points": 1250,
                "locale": "en",
                "avatar": f"https://fcdn.real-debrid.com/images/avatars/{account.number}",
                "type": "premium" if account.premium else "free",
                "premium": max(0, int(until - now)) if account.premium else 0,
                "expiration": stamp(until),
            }
        )

    def time(self, call: Call) -> Answer:
        """Server time as text."""
        return Answer.text(self._now().strftime("%Y-%m-%d %H:%M:%S"))

    def time_iso(self, call: Call) -> Answer:
        """Server time as ISO text."""
        return Answer.text(self._now().strftime("%Y-%m-%dT%H:%M:%S%z"))

    def _now(self) -> datetime:
        return datetime.fromtimestamp(self._world.clock.now(), UTC)

    def disable_token(self, call: Call) -> Answer:
        """The token is refused from now on."""
        self._world.keep_record(call.account, "revoked", "token", value=True)
        return Answer(204)

    def traffic(self, call: Call) -> Answer:
        """Limited hosters only."""
        limited = {"bytes": 0, "links": 0, "type": "gigabytes", "extra": 0}
        return shown(
            {
                "rapidgator.net": {"left": 50 << 30, "limit": 50, "reset": "daily", **limited},
                "remote": {"left": 200 << 30, "limit": 200, "reset": "weekly", **limited},
            }
        )

    def traffic_details(self, call: Call) -> Answer:
        """Used bytes per day of a span of at most 31 days; days without traffic are left out, none at all is ``[]``."""
        query = call.request.query
        try:
            end = _day(query.get("end")) or self._now()
            start = _day(query.get("start")) or end
        except ValueError as problem:
            raise refuse(2) from problem
        if (end - start).days > _MAX_SPAN_DAYS:
            raise refuse(2)
        days: dict[str, dict[str, Any]] = {}
        for row in self._world.records(call.account, "downloads").values():
            day = row["generated"][:10]
            if start.strftime("%Y-%m-%d") <= day <= end.strftime("%Y-%m-%d"):
                entry = days.setdefault(day, {"host": {}, "bytes": 0})
                entry["host"][row["host"]] = entry["host"].get(row["host"], 0) + row["filesize"]
                entry["bytes"] += row["filesize"]
        return shown(days or [])

    def settings(self, call: Call) -> Answer:
        """Defaults with what was changed."""
        return shown(_SETTINGS | self._world.records(call.account, "settings"))

    def update_setting(self, call: Call) -> Answer:
        """One setting by name."""
        form = call.request.form
        name, value = form.get("setting_name"), form.get("setting_value")
        if not name or not value:
            raise refuse(1)
        if name not in _SETTINGS or not isinstance(_SETTINGS[name], str):
            raise refuse(2)
        self._world.keep_record(call.account, "settings", name, value)
        return Answer(204)

    def done(self, call: Call) -> Answer:
        """Accepted, without effect in this world."""
        return Answer(204)


def _day(text: str) -> datetime | None:
    return datetime.strptime(text, "%Y-%m-%d").replace(tzinfo=UTC) if text else None
