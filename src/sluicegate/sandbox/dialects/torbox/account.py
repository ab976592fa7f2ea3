"""Account, device login, hosters, statistics."""

from collections.abc import Iterable
from typing import Any, Final

from sluicegate.sandbox.accounts import Account, Plan
from sluicegate.sandbox.dialect import Call, Dialect, Route
from sluicegate.sandbox.dialects.torbox.answers import envelope, invalid, refuse, stamp
from sluicegate.sandbox.dialects.torbox.plans import auth_id, plan_of
from sluicegate.sandbox.transfers import Kind
from sluicegate.sandbox.wire import Answer

__all__ = ["AccountCalls"]

_NOBODY: Final = Account("torbox", "-", "", Plan.FREE)
_CREATED: Final = "2024-05-17T09:30:12Z"
_CODE_SECONDS: Final = 600
_PENDING_SECONDS: Final = 10.0


class AccountCalls:
    """``user/*``, ``stats``, ``webdl/hosters``, the root."""

    def __init__(self, dialect: Dialect) -> None:
        self._world = dialect.world

    def routes(self) -> Iterable[Route]:
        """Paths of this part."""
        return (
            Route("GET", "/", self.root, open=True),
            Route("GET", "/v1/api/stats", self.stats, open=True),
            Route("GET", "/v1/api/user/me", self.me),
            Route("GET", "/v1/api/user/auth/device/start", self.device_start, open=True),
            Route("POST", "/v1/api/user/auth/device/token", self.device_token, open=True),
            Route("GET", "/v1/api/webdl/hosters", self.hosters, open=True),
        )

    def root(self, call: Call) -> Answer:
        """Liveness."""
        return envelope(None, "TorBox is alive.")

    def stats(self, call: Call) -> Answer:
        """Public figures; ``error`` is ``false`` here instead of null."""
        figures = {"total_users": 1, "total_servers": 1, "total_torrent_downloads": 0, "active_torrents": 0}
        return envelope(figures, "Stats retrieved successfully.", error=False)

    def me(self, call: Call) -> Answer:
        """Who the key is."""
        account, now = call.account, self._world.clock.now()
        until = account.premium_until(now)
        counts = {kind: len(self._world.transfers(account, kind)) for kind in Kind}
        data: dict[str, Any] = {
            "id": account.number,
            "auth_id": auth_id(account),
            "created_at": _CREATED,
            "updated_at": stamp(now),
            "plan": plan_of(account),
            "total_downloaded": sum(counts.values()),
            "customer": f"cus_{account.id[:10]}",
            "is_subscribed": account.premium,
            "premium_expires_at": stamp(until) if until else None,
            "cooldown_until": _CREATED,
            "email": f"{account.name}@example.org",
            "user_referral": auth_id(account),
            "base_email": f"{account.name}@example.org",
            "total_bytes_downloaded": 0,
            "total_bytes_uploaded": 0,
            "torrents_downloaded": counts[Kind.TORRENT],
            "web_downloads_downloaded": counts[Kind.WEB],
            "usenet_downloads_downloaded": counts[Kind.USENET],
            "additional_concurrent_slots": 0,
            "long_term_seeding": False,
            "long_term_storage": False,
            "is_vendor": False,
            "vendor_id": None,
            "purchases_referred": 0,
        }
        if call.request.query.flag("settings"):
            data["settings"] = {"email_notifications": True, "seed_torrents": 1, "allow_zipped": True}
        return envelope(data, "Successfully retrieved your user information.")

    def device_start(self, call: Call) -> Answer:
        """A code of six digits that lives ten minutes; the sandbox's person uses it after ten world seconds."""
        device, code = self._world.code(20, "0123456789abcdef"), self._world.code(6, "0123456789")
        now = self._world.clock.now()
        self._world.keep_record(_NOBODY, "devices", device, {"at": now, "name": code})
        data = {
            "device_code": device,
            "code": code,
            "verification_url": f"https://torbox.app/link?code={code}",
            "friendly_verification_url": "https://tor.box/link",
            "interval": 5,
            "expires_at": stamp(now + _CODE_SECONDS),
        }
        return envelope(data, "Device code created.")

    def device_token(self, call: Call) -> Answer:
        """A key, once the code was used."""
        told = call.request.json
        if not isinstance(told, dict) or not told.get("device_code"):
            raise invalid("body", "device_code")
        row = self._world.record(_NOBODY, "devices", str(told["device_code"]))
        age = self._world.clock.now() - row["at"] if row else 0.0
        if row is None or age > _CODE_SECONDS:
            raise refuse("ITEM_NOT_FOUND")
        if age < _PENDING_SECONDS:
            raise refuse("DEVICE_CODE_NOT_USED")
        token = {"access_token": f"sandbox-device{row['name']}", "token_type": "bearer"}
        return envelope(token, "Token created.")

    def hosters(self, call: Call) -> Answer:
        """Supported hosters; own use only for callers that are known."""
        rows = []
        for number, host in enumerate(self._world.hosts(), start=1):
            row = {
                "id": number,
                "name": host.name,
                "domains": host.domains,
                "url": f"https://{host.domains[0]}",
                "icon": f"https://{host.domains[0]}/favicon.png",
                "status": True,
                "type": "hoster",
                "note": "",
                "nsfw": False,
                "daily_link_limit": 0,
                "daily_link_used": 0,
                "daily_bandwidth_limit": 53_687_091_200,
                "daily_bandwidth_used": 0,
                "per_link_size_limit": 0,
                "regex": rf"https?://(www\.)?{host.domains[0]}/.+",
            }
            used = ("daily_link_used", "daily_bandwidth_used")
            rows.append(row if call.visitor else {key: value for key, value in row.items() if key not in used})
        return envelope(rows, "Hosters retrieved successfully.")
