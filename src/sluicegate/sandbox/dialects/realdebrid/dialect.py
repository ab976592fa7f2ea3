"""The dialect's door: credentials, limits, faults; the calls are in its parts."""

import hashlib
from collections.abc import Iterable
from typing import ClassVar, Final

from sluicegate.sandbox.accounts import Account, Plan
from sluicegate.sandbox.dialect import Dialect, Route
from sluicegate.sandbox.dialects.realdebrid.accounts import AccountCalls
from sluicegate.sandbox.dialects.realdebrid.answers import error
from sluicegate.sandbox.dialects.realdebrid.hosters import HosterCalls
from sluicegate.sandbox.dialects.realdebrid.login import LoginCalls
from sluicegate.sandbox.dialects.realdebrid.torrents import TorrentCalls
from sluicegate.sandbox.dialects.realdebrid.unrestrict import UnrestrictCalls
from sluicegate.sandbox.faults import Fault, FaultKind
from sluicegate.sandbox.limits import Rate, Refusal
from sluicegate.sandbox.wire import Answer, Request

__all__ = ["RealDebrid"]

_ALL: Final = Rate("all", 250, 60.0, refused_count=True)
_WRITES: Final = Rate("torrent writes", 22, 10.0, refused_count=True)
_WRITE_PATHS: Final = (
    "/rest/1.0/torrents/addMagnet",
    "/rest/1.0/torrents/addTorrent",
    "/rest/1.0/torrents/selectFiles/",
)
_FAULT_CODES: Final = {
    FaultKind.RATE_LIMITED: 34,
    FaultKind.SERVER_ERROR: 25,
    FaultKind.SLOTS_FULL: 21,
    FaultKind.EXPIRED_LINK: 19,
    FaultKind.BAD_TOKEN: 8,
    FaultKind.GONE: 37,
}


class RealDebrid(Dialect):
    """``/rest/1.0/*`` and ``/oauth/v2/*``."""

    name: ClassVar[str] = "realdebrid"
    link_seconds: ClassVar[float] = 48 * 3600

    def routes(self) -> Iterable[Route]:
        """Every call of the fact sheet."""
        for part in (AccountCalls, TorrentCalls, UnrestrictCalls, HosterCalls, LoginCalls):
            yield from part(self).routes()

    def token(self, request: Request) -> str:
        """A bearer token, or ``auth_token`` in the query."""
        return request.bearer or request.query.get("auth_token")

    def refusal(self, account: Account | None, token: str) -> Answer | None:
        """Code 8 for nobody's token, 14 for a locked account."""
        if account is None:
            return error(8)
        return error(14) if account.plan is Plan.LOCKED else None

    def rates(self, request: Request) -> Iterable[Rate]:
        """250 a minute over all; adding and selecting also 22 in ten seconds. Refused calls count."""
        return (_ALL, _WRITES) if request.path.startswith(_WRITE_PATHS) else (_ALL,)

    def over_limit(self, refusal: Refusal, request: Request) -> Answer:
        """Code 34 without ``Retry-After``."""
        return error(34)

    def fault(self, fault: Fault, request: Request) -> Answer:
        """Quota is 23 on unrestricting and 36 elsewhere; ``Retry-After`` only when seconds are given."""
        if fault.fault is FaultKind.QUOTA:
            return error(23 if "/unrestrict/" in request.path else 36)
        answer = error(_FAULT_CODES[fault.fault])
        if fault.fault is FaultKind.RATE_LIMITED and fault.seconds:
            answer.headers.append(("retry-after", str(int(fault.seconds))))
        return answer

    def doubled_error(self, fault: Fault, request: Request) -> Answer:
        """The 451 of an infringing file, which the service has been seen to write twice."""
        return error(35, fault.status)

    def unknown_path(self, request: Request) -> Answer:
        """Code 37 for the retired availability check, 3 for all else."""
        return error(37 if request.path.startswith("/rest/1.0/torrents/instantAvailability") else 3)

    def wrong_method(self, request: Request) -> Answer:
        """Code 4."""
        return error(4)

    def answer(self, request: Request, account: Account | None) -> Answer:
        """The verb may come in ``X-HTTP-Verb``, and forms are read whatever they call themselves (rd-wrapper: JSON)."""
        request.method = request.headers.get("x-http-verb", request.method).upper()
        if request.content_type == "application/json":
            request.headers = {**request.headers, "content-type": "application/x-www-form-urlencoded"}
        return super().answer(request, account)

    def finished(self, answer: Answer, request: Request, account: Account | None) -> Answer:
        """``ETag`` on what was read, 304 when the caller has it already."""
        if request.method != "GET" or answer.status != 200:
            return answer
        etag = f'"{hashlib.blake2b(answer.body, digest_size=12).hexdigest()}"'
        if request.headers.get("if-none-match") == etag:
            return Answer(304, b"", [("etag", etag)])
        answer.headers.append(("etag", etag))
        return answer
