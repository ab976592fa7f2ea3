"""AllDebrid: which calls there are, its limits, and how it says no."""

import re
from collections.abc import Iterable
from typing import Any, ClassVar, Final

from sluicegate.sandbox.accounts import Account
from sluicegate.sandbox.dialect import Call, Dialect, Handler, Route
from sluicegate.sandbox.dialects.alldebrid.answers import problem, refusal, success
from sluicegate.sandbox.dialects.alldebrid.arguments import many, one, uploads
from sluicegate.sandbox.dialects.alldebrid.door import Door
from sluicegate.sandbox.dialects.alldebrid.links import Links
from sluicegate.sandbox.dialects.alldebrid.magnets import Magnets
from sluicegate.sandbox.faults import Fault, FaultKind
from sluicegate.sandbox.limits import Rate, Refusal
from sluicegate.sandbox.wire import Answer, Request

__all__ = ["AllDebrid"]

_RATES: Final = (Rate("alldebrid.second", 12, 1.0), Rate("alldebrid.minute", 600, 60.0))
_KEY: Final = re.compile(r"sandbox([A-Za-z0-9]{13})")
_VERSIONS: Final = ("/v4", "/v4.1")
_VERBS: Final = ("POST", "GET")
_LINK_CODES: Final = {
    FaultKind.QUOTA: "LINK_HOST_LIMIT_REACHED",
    FaultKind.SLOTS_FULL: "LINK_TOO_MANY_DOWNLOADS",
    FaultKind.EXPIRED_LINK: "LINK_DOWN",
}
_MAGNET_CODES: Final = {
    FaultKind.QUOTA: "MAGNET_TOO_MANY",
    FaultKind.SLOTS_FULL: "MAGNET_TOO_MANY_ACTIVE",
    FaultKind.EXPIRED_LINK: "MAGNET_LINKS_REMOVED",
}


class AllDebrid(Dialect):
    """Versions 4 and 4.1; all but three calls are the same under both. POST is documented, GET still answers."""

    name: ClassVar[str] = "alldebrid"

    def routes(self) -> Iterable[Route]:
        """Every documented call; ``magnet/instant`` is gone."""
        self._door, magnets = Door(self), Magnets(self)
        links = Links(self, magnets)
        yield Route("GET", "/pin", self._door.confirm_pin, open=True)
        for path, handler in {"/ping": _ping, **_open(self._door, links)}.items():
            yield from _both(path, handler, open=True)
        for path, handler in {**_closed(self._door, links), **_magnet_calls(magnets)}.items():
            yield from _both(path, handler)
        for verb in _VERBS:
            yield Route(verb, "/v4/magnet/status", magnets.retired_status)
            yield Route(verb, "/v4.1/magnet/status", magnets.status)
            yield Route(verb, "/v4/user/hosts", links.user_hosts)
            yield Route(verb, "/v4.1/user/hosts", links.user_hosts_only)
            yield Route(verb, "/v4/pin/get", self._door.pin_with_check_url, open=True)
            yield Route(verb, "/v4.1/pin/get", self._door.pin, open=True)

    def token(self, request: Request) -> str:
        """A bearer token, or the older ``apikey`` of the query or form."""
        return request.bearer or one(request, "apikey")

    def account(self, token: str) -> Account | None:
        """Real keys are twenty letters and digits, and clients insist: ``sandbox…`` of that form is ``sandbox-…``."""
        bare = _KEY.fullmatch(token)
        return super().account(f"sandbox-{bare[1]}" if bare else token)

    def refusal(self, account: Account | None, token: str) -> Answer | None:
        """Errors of keys, at status 200."""
        return self._door.refusal(account, token)

    def rates(self, request: Request) -> Iterable[Rate]:
        """12 a second and 600 a minute, for everything."""
        return _RATES

    def over_limit(self, refusal: Refusal, request: Request) -> Answer:
        """Status 429 from the server in front, without a header that tells more."""
        return Answer.text("Too Many Requests\n", 429)

    def fault(self, fault: Fault, request: Request) -> Answer:
        """Errors at 200, apart from the limiter (429, or 503 with a page) and a broken server."""
        if fault.fault is FaultKind.RATE_LIMITED:
            answer = Answer.html(503) if fault.status == 503 else Answer.text("Too Many Requests\n", 429)
            if fault.seconds:
                answer.headers.append(("retry-after", str(int(fault.seconds))))
            return answer
        if fault.fault is FaultKind.SERVER_ERROR:
            return refusal("GENERIC", 500)
        if fault.fault is FaultKind.BAD_TOKEN:
            return refusal("AUTH_BAD_APIKEY")
        if fault.fault is FaultKind.GONE:
            return refusal("404" if fault.status == 404 else "DISCONTINUED")
        return _exhausted(fault.fault, request)

    def unknown_path(self, request: Request) -> Answer:
        """Status 404, with that number as the code."""
        return refusal("404", 404)


def _ping(call: Call) -> Answer:  # noqa: ARG001 - every handler has this shape
    return success({"ping": "pong"})


def _both(path: str, handler: Handler, *, open: bool = False) -> Iterable[Route]:  # noqa: A002 - as in Route
    return [Route(verb, version + path, handler, open) for version in _VERSIONS for verb in _VERBS]


def _open(door: Door, links: Links) -> dict[str, Handler]:
    return {
        "/hosts": links.hosts,
        "/hosts/domains": links.domains,
        "/hosts/priority": links.priority,
        "/pin/check": door.check_pin,
        "/user/verif": door.verify,
        "/user/verif/resend": door.resend,
    }


def _closed(door: Door, links: Links) -> dict[str, Handler]:
    return {
        "/user": door.user,
        "/user/notification/clear": door.clear_notification,
        "/user/links": links.saved,
        "/user/links/save": links.save,
        "/user/links/delete": links.forget,
        "/user/history": links.history,
        "/user/history/delete": links.forget_history,
        "/link/infos": links.infos,
        "/link/redirector": links.redirector,
        "/link/unlock": links.unlock,
        "/link/streaming": links.streaming,
        "/link/delayed": links.delayed,
    }


def _magnet_calls(magnets: Magnets) -> dict[str, Handler]:
    return {
        "/magnet/upload": magnets.upload,
        "/magnet/upload/file": magnets.upload_files,
        "/magnet/files": magnets.files,
        "/magnet/delete": magnets.delete,
        "/magnet/restart": magnets.restart,
    }


def _exhausted(kind: FaultKind, request: Request) -> Answer:
    """Quota, slots and dead links; a full set of slots is told at every item of an upload."""
    if "/link/" in request.path:
        return refusal(_LINK_CODES[kind])
    if kind is FaultKind.SLOTS_FULL and "/magnet/upload" in request.path:
        return success(_all_refused(request, problem(_MAGNET_CODES[kind])))
    return refusal(_MAGNET_CODES[kind])


def _all_refused(request: Request, error: dict[str, Any]) -> dict[str, Any]:
    if request.path.endswith("/file"):
        return {"files": [{"file": part.filename, "error": error} for part in uploads(request, "files")]}
    return {"magnets": [{"magnet": text, "error": error} for text in many(request, "magnets")]}
