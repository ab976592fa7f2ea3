"""Premiumize.me: which calls there are, and how it says no."""

from collections.abc import Iterable
from typing import ClassVar, Final

import msgspec

from sluicegate.sandbox.accounts import Account, Plan
from sluicegate.sandbox.dialect import Call, Dialect, Handler, Route
from sluicegate.sandbox.dialects.premiumize.answers import (
    NO_CREDENTIALS,
    NOT_LOGGED_IN,
    QUOTA,
    SLOTS,
    problem,
    success,
)
from sluicegate.sandbox.dialects.premiumize.arguments import one
from sluicegate.sandbox.dialects.premiumize.cloud import Cloud
from sluicegate.sandbox.dialects.premiumize.direct import Direct
from sluicegate.sandbox.dialects.premiumize.fairuse import FairUse
from sluicegate.sandbox.dialects.premiumize.folders import Folders
from sluicegate.sandbox.dialects.premiumize.jobs import OLD, Jobs
from sluicegate.sandbox.dialects.premiumize.oauth import OAuth
from sluicegate.sandbox.faults import Fault, FaultKind
from sluicegate.sandbox.limits import Refusal
from sluicegate.sandbox.wire import Answer, Request

__all__ = ["Premiumize"]

_TOO_MANY: Final = ("rate_limit_reached", "You sent too many API requests.")
_ANSWERS: Final = {
    FaultKind.QUOTA: QUOTA,
    FaultKind.SLOTS_FULL: SLOTS,
    FaultKind.EXPIRED_LINK: ("link_generation_failed", "No link could be generated."),
    FaultKind.BAD_TOKEN: NOT_LOGGED_IN,
}


class Premiumize(Dialect):
    """GET and POST only; calls that read accept both. Request limits exist, but nobody published a number."""

    name: ClassVar[str] = "premiumize"

    def routes(self) -> Iterable[Route]:
        """Every documented call, with OAuth beside ``/api``."""
        self._cloud, self._fair_use, oauth = Cloud(self.world), FairUse(self), OAuth(self)
        jobs, folders = Jobs(self, self._cloud, self._fair_use), Folders(self, self._cloud)
        direct = Direct(self, self._fair_use)
        reads = {**_reads(jobs, folders, direct), "/account/info": self.info}
        for path, handler in reads.items():
            yield from (Route(verb, "/api" + path, handler) for verb in ("GET", "POST"))
        for path, handler in _writes(jobs, folders, direct).items():
            yield Route("POST", "/api" + path, handler)
        yield Route("GET", "/api/services/list", direct.services, open=True)
        yield Route("POST", "/token", oauth.token, open=True)
        yield Route("GET", "/device", oauth.confirm, open=True)
        yield Route("GET", "/authorize", oauth.authorize, open=True)

    def token(self, request: Request) -> str:
        """A bearer token, or the older ``apikey`` and ``pin`` of query or form."""
        return request.bearer or one(request, "apikey") or one(request, "pin")

    def refusal(self, account: Account | None, token: str) -> Answer | None:
        """Errors at status 200."""
        if account is None:
            return problem(*(NOT_LOGGED_IN if token else NO_CREDENTIALS))
        if account.plan is Plan.LOCKED:
            return problem("permission_denied", "This account is locked.")
        return None

    def over_limit(self, refusal: Refusal, request: Request) -> Answer:
        """An error at status 200, without a wait."""
        return problem(*_TOO_MANY)

    def fault(self, fault: Fault, request: Request) -> Answer:
        """Errors at 200; what a server in front says (429, 404, 500) is no JSON."""
        if fault.fault is FaultKind.RATE_LIMITED:
            return _rate_limited(fault)
        if fault.fault is FaultKind.SERVER_ERROR:
            return Answer.html(500)
        if fault.fault is FaultKind.GONE:
            return Answer.html(404)
        return problem(*_ANSWERS[fault.fault])

    def unknown_path(self, request: Request) -> Answer:
        """A page."""
        return Answer.html(404)

    def finished(self, answer: Answer, request: Request, account: Account | None) -> Answer:
        """Errors of the old generation have no code."""
        if account is None or not account.name.startswith(OLD) or b'"code"' not in answer.body:
            return answer
        told = msgspec.json.decode(answer.body)
        del told["code"]
        return Answer.json(told, answer.status)

    def info(self, call: Call) -> Answer:
        """``premium_until`` stays where it was after the end; accounts that never paid have none."""
        account = call.account
        number = account.number
        return success(
            customer_id=number if account.name.startswith(OLD) else str(number),
            premium_until=account.premium_until(self.world.clock.now()) or None,
            limit_used=round(self._fair_use.used(account), 6),
            booster_points=0,
            space_used=self._space(account),
        )

    def _space(self, account: Account) -> int:
        self._cloud.settle(account)
        return sum(self._cloud.size(item) for item in self._cloud.files(account))


def _rate_limited(fault: Fault) -> Answer:
    """The API says it at 200; the server in front says 429, and only that one knows ``Retry-After``."""
    if not fault.seconds and fault.status in {0, 200}:
        return problem(*_TOO_MANY)
    answer = Answer.text("Too Many Requests\n", 429)
    if fault.seconds:
        answer.headers.append(("retry-after", str(int(fault.seconds))))
    return answer


def _reads(jobs: Jobs, folders: Folders, direct: Direct) -> dict[str, Handler]:
    return {
        "/transfer/list": jobs.listing,
        "/job/src": jobs.source,
        "/cache/check": direct.check,
        "/folder/list": folders.listing,
        "/folder/search": folders.search,
        "/folder/uploadinfo": folders.upload_info,
        "/item/details": folders.details,
        "/item/listall": folders.everything,
    }


def _writes(jobs: Jobs, folders: Folders, direct: Direct) -> dict[str, Handler]:
    return {
        "/transfer/create": jobs.create,
        "/transfer/delete": jobs.delete,
        "/transfer/retry": jobs.retry,
        "/transfer/clearfinished": jobs.clear,
        "/transfer/directdl": direct.direct,
        "/folder/create": folders.create,
        "/folder/rename": folders.rename,
        "/folder/paste": folders.paste,
        "/folder/delete": folders.delete,
        "/item/rename": folders.rename,
        "/item/delete": folders.delete,
        "/zip/generate": folders.archive,
    }
