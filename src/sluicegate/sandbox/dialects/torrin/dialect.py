"""Torrin: which calls there are, its limiter, and how each surface says no."""

from collections.abc import Callable, Iterable
from typing import ClassVar, Final

from sluicegate.sandbox.accounts import Account, Plan
from sluicegate.sandbox.dialect import Call, Dialect, Handler, Route
from sluicegate.sandbox.dialects.torrin.answers import LIMITED, native, store
from sluicegate.sandbox.dialects.torrin.jobs import LINK_SECONDS, Jobs
from sluicegate.sandbox.dialects.torrin.native import Native
from sluicegate.sandbox.dialects.torrin.plans import paused, tariff
from sluicegate.sandbox.dialects.torrin.store import SUBSCRIPTION_EXPIRED, SUBSCRIPTION_PAUSED, Store
from sluicegate.sandbox.faults import Fault, FaultKind
from sluicegate.sandbox.limits import Rate, Refusal
from sluicegate.sandbox.wire import Answer, Request

__all__ = ["Torrin"]

_STORE: Final = "/v0/store"
_RATES: Final = (Rate("torrin.second", 90, 1.0), Rate("torrin.ten", 360, 10.0))
_NATIVE_FAULTS: Final = {
    FaultKind.SERVER_ERROR: (500, "could not start this download"),
    FaultKind.QUOTA: (429, "monthly download limit reached, upgrade your plan"),
    FaultKind.EXPIRED_LINK: (500, "could not read from cache"),
    FaultKind.BAD_TOKEN: (401, "invalid api key"),
}
_STORE_FAULTS: Final = {
    **_NATIVE_FAULTS,
    FaultKind.SLOTS_FULL: (429, "download queue full"),
    FaultKind.EXPIRED_LINK: (404, "not found"),
}


class Torrin(Dialect):
    """The native API under ``/api`` and the store under ``/v0/store``; its Real-Debrid clone is left out."""

    name: ClassVar[str] = "torrin"
    link_seconds: ClassVar[float] = LINK_SECONDS

    def routes(self) -> Iterable[Route]:
        """Every call of both surfaces; each lets in with words of its own."""
        jobs = Jobs(self)
        own, surface = Native(self, jobs), Store(self, jobs)
        yield Route("GET", "/api/plans", own.plans, open=True)
        yield Route("GET", "/api/hosters", own.hosters, open=True)
        yield Route("GET", "/v0/health", surface.health, open=True)
        for (method, path), handler in {**_native_calls(own), **_store_calls(surface)}.items():
            guard = self._store_refusal if path.startswith(_STORE) else self._native_refusal
            yield Route(method, path, _guarded(handler, guard, self.token), open=True)

    def token(self, request: Request) -> str:
        """The store's own header first and no query there; ``api_key`` in the query of native calls."""
        if not request.path.startswith("/v0"):
            return request.bearer or request.query.get("api_key")
        scheme, _, token = request.headers.get("x-stremthru-store-authorization", "").partition(" ")
        return token.strip() if scheme.lower() == "bearer" else request.bearer

    def refusal(self, account: Account | None, token: str) -> Answer | None:
        """As native calls say it; the store's words are in ``_store_refusal``."""
        return self._native_refusal(account, token)

    def _native_refusal(self, account: Account | None, token: str) -> Answer | None:
        if account is None:
            missing = "missing api key, send it as a bearer token or as api_key"
            return native(401, "invalid api key" if token else missing)
        return native(403, "account suspended") if account.plan is Plan.LOCKED else None

    def _store_refusal(self, account: Account | None, token: str) -> Answer | None:
        """Lapsed and paused accounts get no further here."""
        if account is None:
            return store(401, "invalid api key" if token else "unauthorized")
        if account.plan is Plan.LOCKED:
            return store(403, "account suspended")
        if account.plan is Plan.EXPIRED:
            return store(*SUBSCRIPTION_EXPIRED)
        return store(*SUBSCRIPTION_PAUSED) if paused(account) else None

    def rates(self, request: Request) -> Iterable[Rate]:
        """A bucket of 60 that refills with 30 a second, seen through windows of one and ten seconds."""
        return _RATES

    def over_limit(self, refusal: Refusal, request: Request) -> Answer:
        """The native shape on every surface, with one second to wait."""
        answer = native(429, LIMITED)
        answer.headers.append(("retry-after", "1"))
        return answer

    def fault(self, fault: Fault, request: Request) -> Answer:
        """The limiter's own shape, a router's plain 404 for what is gone, and each surface's words for the rest."""
        if fault.fault is FaultKind.RATE_LIMITED:
            answer = native(429, LIMITED)
            if fault.seconds:
                answer.headers.append(("retry-after", str(int(fault.seconds))))
            return answer
        if fault.fault is FaultKind.GONE:
            return self.unknown_path(request)
        if request.path.startswith(_STORE):
            return store(*_STORE_FAULTS[fault.fault])
        if fault.fault is FaultKind.SLOTS_FULL:
            account = self.account(self.token(request))
            slots = tariff(account).slots if account else 1
            return native(429, f"slot limit reached ({slots}/{slots})")
        return native(*_NATIVE_FAULTS[fault.fault])

    def unknown_path(self, request: Request) -> Answer:
        """What the router says."""
        return Answer.text("404 page not found\n", 404)

    def wrong_method(self, request: Request) -> Answer:
        """What the router says."""
        return Answer(405)

    def dead_link(self) -> Answer:
        """A link is refused after its day."""
        return Answer.text("Forbidden\n", 403)


def _guarded(
    handler: Handler, refusal: Callable[[Account | None, str], Answer | None], token: Callable[[Request], str]
) -> Handler:
    """A handler behind its surface's door."""

    def handle(call: Call) -> Answer:
        return refusal(call.visitor, token(call.request)) or handler(call)

    return handle


def _native_calls(own: Native) -> dict[tuple[str, str], Handler]:
    return {
        ("GET", "/api/me"): own.me,
        ("POST", "/api/jobs"): own.create,
        ("POST", "/api/jobs/hoster"): own.create_hoster,
        ("POST", "/api/jobs/nzb"): own.create_nzb,
        ("POST", "/api/add"): own.add,
        ("GET", "/api/jobs"): own.listing,
        ("GET", "/api/jobs/{id}"): own.one,
        ("DELETE", "/api/jobs/{id}"): own.delete,
        ("GET", "/api/jobs/{id}/progress"): own.progress,
        ("POST", "/api/jobs/{id}/sign"): own.sign,
        ("GET", "/api/jobs/{id}/zip"): own.archive,
        ("POST", "/api/jobs/{id}/retry"): own.retry,
        ("POST", "/api/jobs/{id}/recheck"): own.recheck,
        ("GET", "/api/availability/{hash}"): own.available,
        ("POST", "/api/availability"): own.available_many,
    }


def _store_calls(surface: Store) -> dict[tuple[str, str], Handler]:
    return {
        ("GET", f"{_STORE}/user"): surface.user,
        ("GET", f"{_STORE}/magnets/check"): surface.check,
        ("POST", f"{_STORE}/magnets"): surface.add,
        ("GET", f"{_STORE}/magnets"): surface.listing,
        ("GET", f"{_STORE}/magnets/{{id}}"): surface.one,
        ("DELETE", f"{_STORE}/magnets/{{id}}"): surface.delete,
        ("POST", f"{_STORE}/link/generate"): surface.echo,
        ("GET", f"{_STORE}/newz/check"): surface.check_newz,
        ("POST", f"{_STORE}/newz"): surface.add_newz,
        ("GET", f"{_STORE}/newz"): surface.newz,
        ("GET", f"{_STORE}/newz/{{id}}"): surface.one,
        ("DELETE", f"{_STORE}/newz/{{id}}"): surface.delete_newz,
        ("POST", f"{_STORE}/newz/link/generate"): surface.echo,
    }
