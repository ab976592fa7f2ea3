"""Creating downloads: torrents, usenet, web, now or in the background."""

import hashlib
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any, Final
from urllib.parse import urlsplit

from sluicegate.sandbox.dialect import Call, Dialect, Route
from sluicegate.sandbox.dialects.torbox.answers import envelope, need, refuse
from sluicegate.sandbox.dialects.torbox.families import FAMILIES, Family
from sluicegate.sandbox.dialects.torbox.freshness import Snapshots
from sluicegate.sandbox.dialects.torbox.plans import PRO, auth_id, check_month, check_size, check_slots, plan_of
from sluicegate.sandbox.hosters import HosterState
from sluicegate.sandbox.limits import Rate
from sluicegate.sandbox.sources import is_nzb, nzb_source, read_magnet, read_torrent
from sluicegate.sandbox.transfers import Hold, Kind, Phase
from sluicegate.sandbox.wire import Answer, Refused, Upload

__all__ = ["CreateCalls"]

_QUEUE_MAX: Final = 1000
_TORRENTS, _USENET, _WEB = FAMILIES


@dataclass(slots=True)
class _Order:
    """A source that was read."""

    family: Family
    source: str
    name: str = ""
    metadata: bool = False
    extra: dict[str, Any] = field(default_factory=dict)


class CreateCalls:
    """``create…`` and ``asynccreate…``."""

    def __init__(self, dialect: Dialect, snapshots: Snapshots) -> None:
        self._dialect = dialect
        self._world = dialect.world
        self._snapshots = snapshots

    def routes(self) -> Iterable[Route]:
        """Paths of this part."""
        readers: dict[Family, Callable[[Call], _Order]] = {
            _TORRENTS: self._torrent,
            _USENET: self._usenet,
            _WEB: self._web,
        }
        for family, read in readers.items():
            root = f"/v1/api/{family.group}"
            yield Route("POST", f"{root}/{family.create}", self._now(read))
            yield Route("POST", f"{root}/async{family.create}", self._later(read))

    def _now(self, read: Callable[[Call], _Order]) -> Callable[[Call], Answer]:
        def handler(call: Call) -> Answer:
            return self._create(call, read(call))

        return handler

    def _later(self, read: Callable[[Call], _Order]) -> Callable[[Call], Answer]:
        def handler(call: Call) -> Answer:
            """Status 200 whatever becomes of it; errors reach the user's notifications only."""
            try:
                self._create(call, read(call))
            except Refused as refused:
                if refused.answer.status == 422:
                    raise
            return envelope(None, "The download is being added.")

        return handler

    # Reading

    def _torrent(self, call: Call) -> _Order:
        form = call.request.form
        magnet, upload = form.get("magnet"), form.file("file")
        if not magnet and upload is None:
            raise refuse("MISSING_REQUIRED_OPTION")
        if magnet and upload is not None:
            raise refuse("TOO_MANY_OPTIONS")
        found = read_torrent(upload.data) if upload else read_magnet(magnet)
        if found is None:
            raise refuse("BOZO_TORRENT")
        return _Order(_TORRENTS, found.info_hash, form.get("name") or found.name, metadata=upload is not None)

    def _usenet(self, call: Call) -> _Order:
        if plan_of(call.account) != PRO:
            raise refuse("PLAN_RESTRICTED_FEATURE")
        form = call.request.form
        link, upload = form.get("link"), form.file("file")
        if not link and upload is None:
            raise refuse("MISSING_REQUIRED_OPTION")
        if link and upload is not None:
            raise refuse("INVALID_OPTION")
        if upload is not None:
            return self._nzb(upload, form.get("name"))
        if not _is_link(link):
            raise refuse("INVALID_LINK")
        return _Order(_USENET, link, form.get("name"), extra={"link": link})

    @staticmethod
    def _nzb(upload: Upload, name: str) -> _Order:
        if not is_nzb(upload.data):
            raise refuse("BOZO_NZB")
        md5 = hashlib.md5(upload.data, usedforsecurity=False).hexdigest()  # the provider's hash of an NZB
        name = name or upload.filename.removesuffix(".nzb")
        return _Order(_USENET, nzb_source(upload.data), name, extra={"md5": md5})

    def _web(self, call: Call) -> _Order:
        form = call.request.form
        link = need(form, "link", "body")
        if not _is_link(link):
            raise refuse("INVALID_LINK")
        state = self._world.hoster(link).state
        if state is not HosterState.OK:
            raise refuse("LINK_OFFLINE" if state is HosterState.DOWN else "UNSUPPORTED_SITE")
        return _Order(_WEB, link, form.get("name"), extra={"link": link})

    # Creating

    def _create(self, call: Call, order: _Order) -> Answer:
        content = self._world.content(order.source)
        cached = "torbox" in content.cached_on
        if "torbox" in content.blocked_on:
            raise refuse("NOT_ALLOWED")
        if call.request.form.flag("add_only_if_cached") and not cached:
            raise refuse("DOWNLOAD_NOT_CACHED")
        known = self._known(call, order)
        if known is not None:
            return known
        if not cached:
            self._count_uncached(call, order.family)
        check_size(self._dialect, call.account, content.size)
        queued = call.request.form.flag("as_queued") and call.account.premium and not cached
        if not (cached or queued):
            check_slots(self._dialect, call.account)
        check_month(self._dialect, call.account)
        return self._queue(call, order) if queued else self._start(call, order, cached=cached)

    def _known(self, call: Call, order: _Order) -> Answer | None:
        """An unfinished twin is an error, a finished one is answered with its id, a failed one does not count."""
        for transfer in self._world.find(call.account, order.source):
            phase = self._world.progress(transfer).phase
            if phase is Phase.READY:
                return self._created(call, order, transfer.id, cached=True)
            if phase is not Phase.FAILED:
                raise refuse("DIFF_ISSUE")
        return None

    def _count_uncached(self, call: Call, family: Family) -> None:
        rate = Rate(f"{family.create} uncached", 60, 3600.0)
        refused = self._dialect.count(rate, call.request, call.account)
        if refused is not None:
            raise Refused(self._dialect.over_limit(refused, call.request))

    def _start(self, call: Call, order: _Order, *, cached: bool) -> Answer:
        number = self._world.number(f"torbox.{order.family.group}", order.family.first_id)
        code = f"{order.family.prefix}{number}"
        self._add(call, order, code, Hold.NONE)
        return self._created(call, order, code, cached=cached)

    def _queue(self, call: Call, order: _Order) -> Answer:
        waiting = [row for row in self._world.held(call.account) if row.hold is Hold.QUEUE]
        if self._dialect.limited and len(waiting) >= _QUEUE_MAX:
            raise refuse("DIFF_ISSUE")
        number = self._world.number("torbox.queued", 551_201)
        self._add(call, order, f"q{number}", Hold.QUEUE)
        data = {"hash": self._hash(order), "queued_id": number, "auth_id": auth_id(call.account)}
        return envelope(data, f"{order.family.noun.capitalize()} added to queue.")

    def _add(self, call: Call, order: _Order, code: str, hold: Hold) -> None:
        self._world.add(
            call.account,
            order.source,
            id=code,
            kind=order.family.kind,
            name=order.name,
            hold=hold,
            metadata=order.metadata,
            extra=order.extra,
        )
        self._snapshots.renew(call.account)

    def _created(self, call: Call, order: _Order, code: str, *, cached: bool) -> Answer:
        family = order.family
        data: dict[str, Any] = {
            "hash": self._hash(order),
            family.created_id: int(code.removeprefix(family.prefix)),
            "auth_id": auth_id(call.account),
        }
        if family.kind is Kind.WEB:
            data |= {"jdownloader_id": None, "link_list": [order.source]}
        word = "Torrent" if family.kind is Kind.TORRENT else family.noun.capitalize()
        detail = f"Found Cached {word}. Using Cached {word}." if cached else f"{word} Added Successfully"
        return envelope(data, detail)

    def _hash(self, order: _Order) -> str:
        if order.family.kind is Kind.TORRENT:
            return order.source
        return str(order.extra.get("md5") or hashlib.md5(order.source.encode(), usedforsecurity=False).hexdigest())


def _is_link(text: str) -> bool:
    parts = urlsplit(text)
    return parts.scheme in {"http", "https"} and bool(parts.netloc)
