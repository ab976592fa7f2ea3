"""The dialect's door: credentials, limits and their headers, faults; the calls are in its parts."""

from collections.abc import Iterable
from typing import ClassVar, Final

from sluicegate.sandbox.accounts import Account, Plan
from sluicegate.sandbox.dialect import Dialect, Route
from sluicegate.sandbox.dialects.torbox.account import AccountCalls
from sluicegate.sandbox.dialects.torbox.answers import deny, envelope, stamp
from sluicegate.sandbox.dialects.torbox.cache import CacheCalls
from sluicegate.sandbox.dialects.torbox.control import ControlCalls
from sluicegate.sandbox.dialects.torbox.create import CreateCalls
from sluicegate.sandbox.dialects.torbox.freshness import Snapshots
from sluicegate.sandbox.dialects.torbox.lists import ListCalls
from sluicegate.sandbox.dialects.torbox.plans import slots_of
from sluicegate.sandbox.dialects.torbox.queue import QueueCalls
from sluicegate.sandbox.dialects.torbox.request_link import LinkCalls
from sluicegate.sandbox.faults import Fault, FaultKind
from sluicegate.sandbox.limits import Rate, Refusal
from sluicegate.sandbox.wire import Answer, Request

__all__ = ["TorBox"]

_PER_MINUTE: Final = 300
_MAX_BODY: Final = 100 * 1024 * 1024
_UNITS: Final = {60.0: "minute", 3600.0: "hour"}


class TorBox(Dialect):
    """``/v1/api/*``."""

    name: ClassVar[str] = "torbox"
    link_seconds: ClassVar[float] = 3 * 3600

    def routes(self) -> Iterable[Route]:
        """Every call of the fact sheet that debrid clients use."""
        snapshots = Snapshots(self.world)
        self._queue = QueueCalls(self, snapshots)
        yield from self._queue.routes()
        for part in (CreateCalls, ListCalls, ControlCalls):
            yield from part(self, snapshots).routes()
        for plain in (AccountCalls, CacheCalls, LinkCalls):
            yield from plain(self).routes()

    def token(self, request: Request) -> str:
        """A bearer token; ``token`` in the query of link calls."""
        if request.path.endswith("/requestdl"):
            return request.query.get("token")
        return request.bearer

    def refusal(self, account: Account | None, token: str) -> Answer | None:
        """Status 403 for all: nothing sent, nobody's token, a locked account."""
        if account is None:
            return deny("BAD_TOKEN" if token else "NO_AUTH")
        return deny("AUTH_ERROR") if account.plan is Plan.LOCKED else None

    def rates(self, request: Request) -> Iterable[Rate]:
        """300 a minute for each path; creating has a further limit, counted where it is decided."""
        return (self._rate(request),)

    @staticmethod
    def _rate(request: Request) -> Rate:
        return Rate(request.path[:100], _PER_MINUTE, 60.0)

    def over_limit(self, refusal: Refusal, request: Request) -> Answer:
        """Only ``detail`` tells what happened."""
        rate = refusal.rate
        answer = _limited(f"{rate.count} per 1 {_UNITS[rate.per]}")
        answer.headers.append(("retry-after", str(self.world.clock.wall_seconds(refusal.wait))))
        return answer

    def fault(self, fault: Fault, request: Request) -> Answer:
        """A quota with seconds is a cool-down; link calls have errors of their own."""
        linking = request.path.endswith("/requestdl")
        if fault.fault is FaultKind.RATE_LIMITED:
            answer = _limited("300 per 1 minute")
            if fault.seconds:
                answer.headers.append(("retry-after", str(int(fault.seconds))))
            return answer
        if fault.fault is FaultKind.QUOTA and fault.seconds:
            now = self.world.clock.now()
            data = {"cooldown_until": stamp(now + fault.seconds), "current_time": stamp(now)}
            return deny("COOLDOWN_LIMIT", data)
        if fault.fault is FaultKind.QUOTA:
            return deny("MONTHLY_LIMIT", {"monthly_limit": 10, "current_downloads": 10})
        if fault.fault is FaultKind.SLOTS_FULL:
            account = self.account(self.token(request))
            slots = slots_of(account) if account else 1
            return deny("ACTIVE_LIMIT", {"active_limit": slots, "current_active_downloads": slots})
        codes = {
            FaultKind.SERVER_ERROR: "DATABASE_ERROR" if linking else "UNKNOWN_ERROR",
            FaultKind.EXPIRED_LINK: "ITEM_NOT_FOUND",
            FaultKind.BAD_TOKEN: "BAD_TOKEN",
            FaultKind.GONE: "ENDPOINT_NOT_FOUND",
        }
        return deny(codes[fault.fault])

    def unknown_path(self, request: Request) -> Answer:
        """Status 404 in the usual envelope."""
        return deny("ENDPOINT_NOT_FOUND")

    def wrong_method(self, request: Request) -> Answer:
        """FastAPI's own answer."""
        return Answer.json({"detail": "Method Not Allowed"}, 405)

    def answer(self, request: Request, account: Account | None) -> Answer:
        """The queue moves on before a call is answered; a body above 100 MB is refused."""
        if len(request.body) > _MAX_BODY:
            return deny("TOO_MUCH_DATA")
        if account is not None:
            self._queue.move_on(account)
        return super().answer(request, account)

    def finished(self, answer: Answer, request: Request, account: Account | None) -> Answer:
        """Limit headers on every answer, ``retry-after`` also on successes."""
        now = self.world.clock.now()
        rate = self._rate(request)
        left, wait = self.world.limits.left(self.name, account.id if account else "-", rate, now)
        answer.headers += [
            ("x-ratelimit-limit", str(_PER_MINUTE)),
            ("x-ratelimit-remaining", str(max(0, left))),
            ("x-ratelimit-reset", str(int(now + wait))),
        ]
        if answer.status != 429:
            answer.headers.append(("retry-after", str(self.world.clock.wall_seconds(wait))))
        return answer


def _limited(detail: str) -> Answer:
    answer = envelope(None, detail, 429)
    answer.body = answer.body.replace(b'"success":true', b'"success":null')
    return answer
