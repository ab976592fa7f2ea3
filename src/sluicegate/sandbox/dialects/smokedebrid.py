"""SmokeDebrid, the gateway's built-in test provider: a small clean JSON API under ``/smokedebrid/v1``.

Any non-empty token is an account and any source is taken. ``docs/sandbox.md`` is its contract.
"""

from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Any, ClassVar, Final
from urllib.parse import urlsplit

from sluicegate.sandbox.accounts import Account
from sluicegate.sandbox.dialect import Call, Dialect, Route
from sluicegate.sandbox.faults import Fault, FaultKind
from sluicegate.sandbox.hosters import HosterState
from sluicegate.sandbox.limits import Rate, Refusal
from sluicegate.sandbox.sources import is_nzb, nzb_source, read_hash, read_magnet, read_torrent
from sluicegate.sandbox.transfers import Hold, Kind, Phase, Transfer, chosen_size
from sluicegate.sandbox.wire import Answer, Refused, Request

__all__ = ["SmokeDebrid"]

_RATE: Final = Rate("smokedebrid", 1200, 60.0)
_MAX_PAGE: Final = 500
_FAULTS: Final = {
    FaultKind.RATE_LIMITED: (429, "rate_limited", "Too many requests."),
    FaultKind.SERVER_ERROR: (500, "server_error", "Something broke here."),
    FaultKind.QUOTA: (402, "quota_exceeded", "The traffic of this account is used up."),
    FaultKind.SLOTS_FULL: (409, "slots_full", "All transfer slots are busy."),
    FaultKind.EXPIRED_LINK: (410, "link_expired", "The link is dead."),
    FaultKind.BAD_TOKEN: (401, "unauthorized", "The token is missing or was revoked."),
    FaultKind.GONE: (410, "endpoint_gone", "This call was retired."),
}


def _refuse(status: int, code: str, message: str) -> Refused:
    return Refused(_error(status, code, message))


def _error(status: int, code: str, message: str) -> Answer:
    return Answer.json({"error": {"code": code, "message": message}}, status)


def _iso(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="seconds").replace("+00:00", "Z")


class SmokeDebrid(Dialect):
    """The dialect; read it first when writing another one."""

    name: ClassVar[str] = "smokedebrid"
    any_token: ClassVar[bool] = True
    link_seconds: ClassVar[float] = 6 * 3600

    def routes(self) -> Iterable[Route]:
        """Every call of ``/v1``."""
        return (
            Route("GET", "/v1/account", self.account_of),
            Route("POST", "/v1/transfers", self.submit),
            Route("POST", "/v1/transfers/torrent", self.submit_torrent),
            Route("POST", "/v1/transfers/nzb", self.submit_nzb),
            Route("GET", "/v1/transfers", self.listing),
            Route("GET", "/v1/transfers/{id}", self.one),
            Route("DELETE", "/v1/transfers/{id}", self.remove),
            Route("GET", "/v1/transfers/{id}/files", self.files),
            Route("POST", "/v1/transfers/{id}/files/{file}/link", self.link),
            Route("POST", "/v1/unlock", self.unlock),
            Route("POST", "/v1/availability", self.availability),
            Route("GET", "/v1/hosts", self.hosts, open=True),
        )

    def token(self, request: Request) -> str:
        """A bearer token only."""
        return request.bearer

    def refusal(self, account: Account | None, token: str) -> Answer | None:
        """Any token will do, none will not."""
        return None if account else _error(*_FAULTS[FaultKind.BAD_TOKEN])

    def rates(self, request: Request) -> Iterable[Rate]:
        """One limit for everything."""
        return (_RATE,)

    def over_limit(self, refusal: Refusal, request: Request) -> Answer:
        """Status 429 with ``Retry-After``."""
        answer = _error(*_FAULTS[FaultKind.RATE_LIMITED])
        answer.headers.append(("retry-after", str(self.world.clock.wall_seconds(refusal.wait))))
        return answer

    def fault(self, fault: Fault, request: Request) -> Answer:
        """Every error has a status and a code of its own."""
        answer = _error(*_FAULTS[fault.fault])
        if fault.fault is FaultKind.RATE_LIMITED and fault.seconds:
            answer.headers.append(("retry-after", str(int(fault.seconds))))
        return answer

    def unknown_path(self, request: Request) -> Answer:
        """Status 404 in the usual envelope."""
        return _error(404, "unknown_path", f"There is no {request.path}.")

    def wrong_method(self, request: Request) -> Answer:
        """Status 405 in the usual envelope."""
        return _error(405, "wrong_method", f"{request.path} does not answer {request.method}.")

    # Account

    def account_of(self, call: Call) -> Answer:
        """Who the token is."""
        until = call.account.premium_until(self.world.clock.now())
        shown = {
            "id": call.account.id,
            "name": call.account.name,
            "plan": call.account.plan,
            "premium_until": _iso(until),
            "active_transfers": len(self.world.active(call.account)),
        }
        return Answer.json({"account": shown})

    # Transfers

    def submit(self, call: Call) -> Answer:
        """``{"magnet"}``, ``{"info_hash"}``, ``{"link"}`` or ``{"nzb_url"}``, with an optional ``name``."""
        told: dict[str, Any] = call.request.json if isinstance(call.request.json, dict) else {}
        name = str(told.get("name", ""))
        if "magnet" in told and (found := read_magnet(str(told["magnet"]))):
            return self._take(call, found.info_hash, Kind.TORRENT, name or found.name)
        if "info_hash" in told and (info_hash := read_hash(str(told["info_hash"]))):
            return self._take(call, info_hash, Kind.TORRENT, name)
        for field, kind in (("link", Kind.WEB), ("nzb_url", Kind.USENET)):
            if field in told and urlsplit(str(told[field])).scheme in {"http", "https"}:
                return self._take(call, str(told[field]), kind, name)
        raise _refuse(422, "invalid_source", "Give a magnet, an info_hash, a link or an nzb_url.")

    def submit_torrent(self, call: Call) -> Answer:
        """The bytes of a ``.torrent`` as body."""
        found = read_torrent(call.request.body)
        if found is None:
            raise _refuse(422, "invalid_source", "The body is no torrent file.")
        return self._take(call, found.info_hash, Kind.TORRENT, found.name)

    def submit_nzb(self, call: Call) -> Answer:
        """The bytes of an NZB as body, its name in the query."""
        if not is_nzb(call.request.body):
            raise _refuse(422, "invalid_source", "The body is no NZB.")
        return self._take(call, nzb_source(call.request.body), Kind.USENET, call.request.query.get("name"))

    def _take(self, call: Call, source: str, kind: Kind, name: str) -> Answer:
        for known in self.world.find(call.account, source):
            if self.world.progress(known).phase is not Phase.FAILED:
                return Answer.json({"transfer": self._shown(known)})
        if self.name in self.world.content(source).blocked_on:
            raise _refuse(451, "blocked_content", "This content is refused.")
        number = self.world.number("smokedebrid", 1)
        transfer = self.world.add(call.account, source, id=f"smk-{number}", kind=kind, name=name, hold=Hold.NONE)
        return Answer.json({"transfer": self._shown(transfer)}, 201)

    def listing(self, call: Call) -> Answer:
        """Youngest first; ``page`` from 1, ``per_page`` at most 500."""
        page, size = call.request.query.number("page", 1), call.request.query.number("per_page", 100)
        if page is None or size is None or page < 1 or not 1 <= size <= _MAX_PAGE:
            raise _refuse(422, "invalid_page", f"page begins at 1, per_page is 1 to {_MAX_PAGE}.")
        every = self.world.transfers(call.account)
        rows = [self._shown(transfer) for transfer in every[(page - 1) * size : page * size]]
        pages = max(1, -(-len(every) // size))
        return Answer.json({"transfers": rows, "page": page, "pages": pages, "total": len(every)})

    def one(self, call: Call) -> Answer:
        """One transfer with its files."""
        transfer = self._transfer(call)
        return Answer.json({"transfer": {**self._shown(transfer), "files": self._files(transfer)}})

    def files(self, call: Call) -> Answer:
        """Files, once the metadata is known."""
        return Answer.json({"files": self._files(self._transfer(call))})

    def remove(self, call: Call) -> Answer:
        """Remove a transfer; the second time it is not found."""
        if not self.world.remove(call.account, call.params["id"]):
            raise _refuse(404, "not_found", "No such transfer.")
        return Answer(204)

    def link(self, call: Call) -> Answer:
        """A direct link to one file of a ready transfer."""
        transfer = self._transfer(call)
        content = self.world.content(transfer.source)
        index = int(call.params["file"]) if call.params["file"].isdecimal() else len(content.files)
        if index >= len(content.files):
            raise _refuse(404, "not_found", "No such file.")
        if not self.world.progress(transfer).ready:
            raise _refuse(409, "not_ready", "The transfer is not ready.")
        return Answer.json(self._link_shown(self.file_link(content, index)))

    def _transfer(self, call: Call) -> Transfer:
        found = self.world.transfer(call.account, call.params["id"])
        if found is None:
            raise _refuse(404, "not_found", "No such transfer.")
        return found

    def _shown(self, transfer: Transfer) -> dict[str, Any]:
        content, progress = self.world.content(transfer.source), self.world.progress(transfer)
        torrent = transfer.kind is Kind.TORRENT
        return {
            "id": transfer.id,
            "kind": transfer.kind,
            "source": transfer.source,
            "info_hash": transfer.source if torrent else None,
            "name": content.name,
            "size": chosen_size(transfer, content),
            "state": progress.phase,
            "progress": round(progress.fraction, 4),
            "speed": progress.speed,
            "created_at": _iso(transfer.created_at),
        }

    def _files(self, transfer: Transfer) -> list[dict[str, Any]]:
        if self.world.progress(transfer).phase is Phase.RESOLVING:
            return []
        files = self.world.content(transfer.source).files
        return [{"id": index, "path": file.path, "size": file.size} for index, file in enumerate(files)]

    def _link_shown(self, url: str) -> dict[str, Any]:
        return {"url": url, "expires_at": _iso(self.world.clock.now() + self.link_seconds)}

    # Links, availability, hosts

    def unlock(self, call: Call) -> Answer:
        """``{"link"}``: any http(s) link, unless the world says that it is down or unsupported."""
        told = call.request.json
        url = str(told.get("link", "")) if isinstance(told, dict) else ""
        if urlsplit(url).scheme not in {"http", "https"}:
            raise _refuse(422, "invalid_source", "Give an http or https link.")
        link = self.world.hoster(url)
        if link.state is HosterState.DOWN:
            raise _refuse(503, "host_down", "The hoster does not answer.")
        if link.state is HosterState.UNSUPPORTED and self.world.defined(url):
            raise _refuse(422, "unsupported_link", "This hoster is not supported.")
        shown = self._link_shown(self.file_link(self.world.content(url), 0))
        return Answer.json({"name": link.name, "size": link.size, **shown})

    def availability(self, call: Call) -> Answer:
        """``{"hashes": […]}``, at most 500: true or false for each."""
        told = call.request.json
        hashes = told.get("hashes") if isinstance(told, dict) else None
        if not isinstance(hashes, list) or len(hashes) > _MAX_PAGE:
            raise _refuse(422, "invalid_hashes", f"Give at most {_MAX_PAGE} hashes.")
        known = [found for text in hashes if (found := read_hash(str(text)))]
        return Answer.json({"cached": {one: self.name in self.world.content(one).cached_on for one in known}})

    def hosts(self, call: Call) -> Answer:
        """Hosters that are sure to work; other links are taken too."""
        return Answer.json({"hosts": [{"name": host.name, "domains": host.domains} for host in self.world.hosts()]})
