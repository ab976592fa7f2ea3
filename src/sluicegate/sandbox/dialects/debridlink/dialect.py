"""Debrid-Link: which calls there are, its flood locks, and how it says no."""

from collections.abc import Iterable
from typing import Any, ClassVar, Final

from sluicegate.sandbox.accounts import Account, Plan
from sluicegate.sandbox.dialect import Call, Dialect, Route
from sluicegate.sandbox.dialects.debridlink.answers import problem, success
from sluicegate.sandbox.dialects.debridlink.arguments import flag, one
from sluicegate.sandbox.dialects.debridlink.downloader import Downloader
from sluicegate.sandbox.dialects.debridlink.oauth import OAuth
from sluicegate.sandbox.dialects.debridlink.seedbox import SERVER, Seedbox
from sluicegate.sandbox.faults import Fault, FaultKind
from sluicegate.sandbox.limits import Rate, Refusal
from sluicegate.sandbox.wire import Answer, Request

__all__ = ["DebridLink"]

_API: Final = "/api/v2"
_YEAR: Final = 365 * 86_400
_FLOOD: Final = 3600
_FLOOD_SECONDS: Final = 180.0
_LOCK: Final = 3600.0
_CODES: Final = {
    FaultKind.RATE_LIMITED: "floodDetected",
    FaultKind.SERVER_ERROR: "internalError",
    FaultKind.QUOTA: "maxTorrent",
    FaultKind.SLOTS_FULL: "maxTransfer",
    FaultKind.EXPIRED_LINK: "fileNotFound",
    FaultKind.BAD_TOKEN: "badToken",
    FaultKind.GONE: "endpointDisabled",
}
_DOWNLOADER_CODES: Final = {FaultKind.QUOTA: "maxDataHost", FaultKind.SLOTS_FULL: "maxSimultaneousFilesHost"}


class DebridLink(Dialect):
    """Version 2. Links need no key, show no expiry and outlive their torrents."""

    name: ClassVar[str] = "debridlink"
    link_seconds: ClassVar[float] = _YEAR

    def routes(self) -> Iterable[Route]:
        """Account, seedbox, downloader, OAuth; RSS, transcoding and the file browser are left out."""
        seedbox, downloader, oauth = Seedbox(self), Downloader(self), OAuth(self)
        return (
            Route("GET", f"{_API}/account/infos", self.infos),
            Route("POST", f"{_API}/account/update", self.update),
            Route("POST", f"{_API}/seedbox/add", seedbox.add),
            Route("GET", f"{_API}/seedbox/list", seedbox.listing),
            Route("GET", f"{_API}/seedbox/activity", seedbox.activity),
            Route("GET", f"{_API}/seedbox/cached", seedbox.cached),
            Route("GET", f"{_API}/seedbox/limits", seedbox.limits),
            Route("POST", f"{_API}/seedbox/{{id}}/config", seedbox.config),
            Route("POST", f"{_API}/seedbox/{{id}}/zip", seedbox.pack),
            Route("DELETE", f"{_API}/seedbox/{{ids}}/remove", seedbox.remove),
            Route("POST", f"{_API}/downloader/add", downloader.add),
            Route("GET", f"{_API}/downloader/list", downloader.listing),
            Route("DELETE", f"{_API}/downloader/{{ids}}/remove", downloader.remove),
            Route("GET", f"{_API}/downloader/limits", downloader.limits),
            Route("GET", f"{_API}/downloader/limits/all", downloader.limits),
            Route("GET", f"{_API}/downloader/hosts", downloader.hosts, open=True),
            Route("GET", f"{_API}/downloader/domains", downloader.domains, open=True),
            Route("GET", f"{_API}/downloader/regex", downloader.shapes, open=True),
            Route("POST", "/api/oauth/device/code", oauth.device, open=True),
            Route("POST", "/api/oauth/token", oauth.token, open=True),
            Route("GET", "/api/oauth/revoke", oauth.revoke, open=True),
            Route("GET", "/oauth/auth", oauth.authorize, open=True),
            Route("GET", "/device/{code}", oauth.confirm, open=True),
        )

    def token(self, request: Request) -> str:
        """A bearer token, or ``access_token`` of the query."""
        return request.bearer or request.query.get("access_token")

    def refusal(self, account: Account | None, token: str) -> Answer | None:
        """Missing, wrong and dead tokens are one error."""
        if account is None:
            return problem("badToken")
        return problem("accountLocked") if account.plan is Plan.LOCKED else None

    def rates(self, request: Request) -> Iterable[Rate]:
        """One counter per endpoint; a flood locks it for an hour.

        No figure is published; 3600 calls in three minutes is what a client measured on ``/seedbox/add``. An account
        ``sandbox-flood-<n>-<name>`` floods an endpoint with its n-th call more than that.
        """
        if not request.path.startswith(_API + "/"):
            return ()
        account = self.account(self.token(request))
        words = account.name.split("-") if account else []
        most = int(words[1]) if len(words) > 2 and words[0] == "flood" and words[1].isdecimal() else _FLOOD
        return (Rate(_endpoint(request.path), max(1, most), _FLOOD_SECONDS, lock=_LOCK),)

    def over_limit(self, refusal: Refusal, request: Request) -> Answer:
        """Status 429, and no word about how long."""
        return problem("floodDetected")

    def fault(self, fault: Fault, request: Request) -> Answer:
        """Every fault is a code; the downloader has quota codes of its own."""
        own = _DOWNLOADER_CODES if "/downloader/" in request.path else {}
        answer = problem(own.get(fault.fault, _CODES[fault.fault]))
        if fault.fault is FaultKind.RATE_LIMITED and fault.seconds:
            answer.headers.append(("retry-after", str(int(fault.seconds))))
        return answer

    def unknown_path(self, request: Request) -> Answer:
        """``unknowR`` below v2, the old API's envelope without the version, a page elsewhere."""
        if request.path.startswith(_API):
            return problem("unknowR")
        if request.path.startswith("/api"):
            return Answer.json({"result": "KO", "ERR": "unknowR", "ts": int(self.world.clock.now())})
        return Answer.html()

    # Account

    def infos(self, call: Call) -> Answer:
        """Who the token is; the only user id is hidden in the addresses."""
        account, now = call.account, self.world.clock.now()
        page = f"https://debrid-link.com/user/{account.number}"
        settings: dict[str, Any] = {"https": True, "themeDark": True, "hideOldLinks": False}
        kept = {**settings, **(self.world.record(account, "settings", "kept") or {})}
        mails = {"emailsNews": False, "emailsAccount": True, "emailsSupport": True}
        value = {
            "username": account.name,
            "email": f"{account.name[:1]}****@e****e.org",
            "emailVerified": True,
            "accountType": 1 if account.premium else 0,
            "premiumLeft": max(0, int(account.premium_until(now) - now)) if account.premium else 0,
            "pts": 120,
            "trafficshare": 0,
            "vouchersUrl": f"{page}/vouchers",
            "editPasswordUrl": f"{page}/edit/password",
            "editEmailUrl": f"{page}/edit/email",
            "viewSessidUrl": f"{page}/sessions",
            "upgradeAccountUrl": "https://debrid-link.com/webapp/premium",
            "registerDate": "2021-03-09",
            "serverDetected": account.name.startswith(SERVER),
            "avatarUrl": f"https://debrid-link.com/img/avatar/{account.number}.png",
            "settings": {**kept, "cdn": "auto", "twofaType": "none", **mails},
        }
        return success(value)

    def update(self, call: Call) -> Answer:
        """Change ``https``, ``themeDark`` or ``hideOldLinks``."""
        kept = self.world.record(call.account, "settings", "kept") or {}
        changed = {
            name: flag(call.request, name) for name in ("https", "themeDark", "hideOldLinks") if one(call.request, name)
        }
        self.world.keep_record(call.account, "settings", "kept", {**kept, **changed})
        return success(sorted(changed))


def _endpoint(path: str) -> str:
    """The call without its ids: what a flood locks."""
    parts = path.removeprefix(_API).strip("/").split("/")
    return "debridlink." + "/".join(parts[:1] + parts[-1:])
