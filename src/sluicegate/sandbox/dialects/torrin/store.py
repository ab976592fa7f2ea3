"""Torrin's StremThru store surface: magnets and newz over the same jobs."""

import re
from typing import Any, Final

from sluicegate.sandbox.accounts import Account
from sluicegate.sandbox.dialect import Call, Dialect
from sluicegate.sandbox.dialects.torrin.answers import data, refuse_store, seconds
from sluicegate.sandbox.dialects.torrin.jobs import Hindered, Jobs, Obstacle
from sluicegate.sandbox.dialects.torrin.native import user_id
from sluicegate.sandbox.hosters import HosterState
from sluicegate.sandbox.sources import is_nzb, nzb_source, read_hash, read_magnet
from sluicegate.sandbox.transfers import Kind, Transfer
from sluicegate.sandbox.wire import Answer

__all__ = ["SUBSCRIPTION_EXPIRED", "SUBSCRIPTION_PAUSED", "Store"]

SUBSCRIPTION_PAUSED: Final = (403, "subscription paused, resume it to go on")
SUBSCRIPTION_EXPIRED: Final = (403, "subscription expired, renew it to go on")
_SID: Final = re.compile(r"tt\d+(:\d+:\d+)?")
_MOST_ROWS: Final = 100
_MOST_HASHES: Final = 500
_LARGEST_NZB: Final = 20 * 1024**2
_STATUSES: Final = {
    "downloading": "downloading",
    "processing": "downloading",
    "publishing": "downloading",
    "complete": "downloaded",
    "seeding": "downloaded",
    "failed": "failed",
}
_HINDERED: Final = {
    Obstacle.SLOTS: (429, "download queue full"),
    Obstacle.PAUSED: SUBSCRIPTION_PAUSED,
    Obstacle.EXPIRED: SUBSCRIPTION_EXPIRED,
    Obstacle.BLOCKED: (403, "content blocked by safety policy"),
    Obstacle.NO_USENET: (403, "your plan does not include usenet"),
    Obstacle.NO_HOSTERS: (403, "this release requires a paid plan"),
}


class Store:
    """Handlers below ``/v0/store``."""

    def __init__(self, dialect: Dialect, jobs: Jobs) -> None:
        self._world = dialect.world
        self._jobs = jobs

    def health(self, call: Call) -> Answer:
        """That it runs."""
        return data({"status": "ok"})

    def user(self, call: Call) -> Answer:
        """Always premium: lapsed accounts do not get this far."""
        account = call.account
        shown = {"id": user_id(account), "email": f"{account.name}@example.org", "subscription_status": "premium"}
        return data(shown)

    def echo(self, call: Call) -> Answer:
        """``link/generate``: gives back what it was given."""
        link = _told(call, "link")
        if not link:
            raise refuse_store(400, "link required")
        return data({"link": link})

    # Magnets

    def check(self, call: Call) -> Answer:
        """``magnet``, repeated or with commas: in storage, quick to get, or not known."""
        sid = call.request.query.get("sid")
        if sid and not _SID.fullmatch(sid):
            raise refuse_store(400, "invalid series sid")
        texts = [text for value in call.request.query.all("magnet") for text in value.split(",") if text]
        return data({"items": [self._checked(text) for text in texts]})

    def _checked(self, text: str) -> dict[str, Any]:
        magnet = read_magnet(text)
        info_hash = magnet.info_hash if magnet else read_hash(text)
        shown: dict[str, Any] = {"hash": info_hash or "", "magnet": text, "status": "unknown", "name": "", "files": []}
        if info_hash is None:
            return shown
        content = self._world.content(info_hash)
        if self._jobs.cached(info_hash):
            return {**shown, "status": "cached", "name": content.name, "files": self._files(info_hash)}
        if self._jobs.acceleratable(info_hash):
            return {**shown, "status": "acceleratable", "name": content.name}
        return shown

    def add(self, call: Call) -> Answer:
        """``{"magnet"}`` or ``{"link"}``; a hash that somebody else just began to fetch is the job ``dedup``."""
        text = _told(call, "magnet") or _told(call, "link")
        if not text:
            raise refuse_store(400, "magnet required")
        magnet = read_magnet(text)
        info_hash = magnet.info_hash if magnet else read_hash(text)
        if info_hash is None:
            raise refuse_store(400, "invalid magnet")
        name = magnet.name if magnet else ""
        if not self._jobs.cached(info_hash) and self._jobs.started_by_another(call.account, info_hash):
            shown = {"id": "dedup", "hash": info_hash, "magnet": text, "name": name, "status": "queued", "size": 0}
            return data({**shown, "added_at": seconds(int(self._world.clock.now() * 1_000_000)), "files": []})
        full = text if magnet else f"magnet:?xt=urn:btih:{info_hash}"
        transfer = self._take(call.account, info_hash, Kind.TORRENT, "torrent", name, full)
        return data({**self._shown(transfer), "magnet": text})

    def _take(self, account: Account, source: str, kind: Kind, origin: str, name: str, magnet: str = "") -> Transfer:
        try:
            return self._jobs.take(account, source, kind, origin, name=name, magnet=magnet)[0]
        except Hindered as hindered:
            raise refuse_store(*_HINDERED[hindered.obstacle]) from None

    def listing(self, call: Call) -> Answer:
        """The newest hundred jobs of every kind, whatever ``limit`` and ``offset`` say."""
        rows = [self._shown(transfer) for transfer in self._jobs.every(call.account)[:_MOST_ROWS]]
        return data({"items": rows, "total_items": len(rows)})

    def one(self, call: Call) -> Answer:
        """One job."""
        return data(self._shown(self._job(call)))

    def delete(self, call: Call) -> Answer:
        """Status 204 without a body."""
        self._remove(call)
        return Answer(204)

    def _remove(self, call: Call) -> None:
        if not self._jobs.remove(call.account, self._job(call)):
            raise refuse_store(409, "this torrent is seeding until its target is reached")

    def _job(self, call: Call) -> Transfer:
        found = self._jobs.find(call.account, call.params["id"])
        if found is None:
            raise refuse_store(404, "not found")
        return found

    def _shown(self, transfer: Transfer) -> dict[str, Any]:
        """A job in the words of the store; files only when it is downloaded."""
        status, content = _STATUSES.get(self._jobs.state(transfer), "queued"), self._jobs.content(transfer)
        done = status == "downloaded"
        shown = {
            "id": transfer.id,
            "hash": self._jobs.hash_of(transfer),
            "name": content.name if done else transfer.name,
            "status": status,
            "size": content.size if done else 0,
            "added_at": seconds(self._jobs.created(transfer)),
            "files": self._files(transfer.source) if done else [],
        }
        return {**shown, **({"magnet": transfer.extra["magnet"]} if transfer.extra["magnet"] else {})}

    def _files(self, source: str) -> list[dict[str, Any]]:
        content = self._world.content(source)
        pairs = zip(content.files, self._jobs.links(content), strict=True)
        return [
            {
                "index": index,
                "name": file.path.rpartition("/")[2],
                "path": f"/{file.path}",
                "size": file.size,
                "link": link,
            }
            for index, (file, link) in enumerate(pairs)
        ]

    # Newz

    def check_newz(self, call: Call) -> Answer:
        """``hash``, repeated or with commas."""
        hashes = [text for value in call.request.query.all("hash") for text in value.split(",") if text]
        return data({"items": [self._checked_newz(text.lower()) for text in hashes[:_MOST_HASHES]]})

    def _checked_newz(self, text: str) -> dict[str, Any]:
        source = f"nzb:{text}"
        if not self._jobs.cached(source):
            return {"hash": text, "status": "unknown", "files": []}
        return {"hash": text, "status": "cached", "files": self._files(source)}

    def add_newz(self, call: Call) -> Answer:
        """The part ``file``, or ``{"link"}``; status 201."""
        part, link = call.request.form.file("file"), _told(call, "link")
        if part is None and not link:
            raise refuse_store(400, "link required")
        if part is None:
            if self._world.hoster(link).state is HosterState.DOWN or not link.startswith(("http://", "https://")):
                raise refuse_store(502, "could not fetch nzb")
            source, name = link, link.rpartition("/")[2].removesuffix(".nzb")
        else:
            if len(part.data) > _LARGEST_NZB:
                raise refuse_store(422, "nzb too large")
            if not is_nzb(part.data):
                raise refuse_store(400, "invalid nzb file")
            source, name = nzb_source(part.data), part.filename.removesuffix(".nzb")
        shown = self._shown(self._take(call.account, source, Kind.USENET, "usenet", name))
        return data({key: shown[key] for key in ("id", "hash", "status")}, 201)

    def newz(self, call: Call) -> Answer:
        """The newest hundred usenet jobs."""
        rows = [self._shown(transfer) for transfer in self._jobs.every(call.account, Kind.USENET)[:_MOST_ROWS]]
        return data({"items": rows, "total_items": len(rows)})

    def delete_newz(self, call: Call) -> Answer:
        """Status 200 with the id, unlike magnets."""
        self._remove(call)
        return data({"id": call.params["id"]})


def _told(call: Call, name: str) -> str:
    told = call.request.json
    return str(told.get(name) or "").strip() if isinstance(told, dict) else ""
