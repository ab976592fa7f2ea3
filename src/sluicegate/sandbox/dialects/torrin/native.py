"""Torrin's native API: jobs, links, availability, account."""

import hashlib
from typing import Any, Final
from urllib.parse import urlsplit

from sluicegate.sandbox.accounts import DAY, Account, Plan
from sluicegate.sandbox.content import Content, ContentFile
from sluicegate.sandbox.dialect import Call, Dialect
from sluicegate.sandbox.dialects.torrin.answers import moment, native, read_moment, refuse_native
from sluicegate.sandbox.dialects.torrin.jobs import Hindered, Jobs, Obstacle
from sluicegate.sandbox.dialects.torrin.plans import PLANS, paused, tariff
from sluicegate.sandbox.hosters import HosterState
from sluicegate.sandbox.sources import is_nzb, nzb_source, read_hash, read_magnet, read_torrent
from sluicegate.sandbox.transfers import Kind, Phase, Transfer
from sluicegate.sandbox.wire import Answer

__all__ = ["Native", "user_id"]

_MOST_ROWS: Final = 200
_MOST_HASHES: Final = 100
_LARGEST_NZB: Final = 20 * 1024**2
_WORKING: Final = frozenset({"pending", "queued", "downloading", "processing", "publishing"})
_HINDERED: Final = {
    Obstacle.PAUSED: (403, "subscription paused, resume it to start downloads"),
    Obstacle.EXPIRED: (403, "free trial expired, choose a plan to go on"),
    Obstacle.BLOCKED: (403, "content blocked by safety policy"),
    Obstacle.NO_USENET: (403, "usenet needs your own provider or a plan that has it"),
    Obstacle.NO_HOSTERS: (403, "hoster links require a paid plan"),
}


def user_id(account: Account) -> str:
    """A UUID for an account."""
    digits = hashlib.sha256(account.id.encode()).hexdigest()
    return f"0198a1b2-{digits[:4]}-7{digits[4:7]}-8{digits[7:10]}-{digits[10:22]}"


class Native:
    """Handlers below ``/api``."""

    def __init__(self, dialect: Dialect, jobs: Jobs) -> None:
        self._dialect = dialect
        self._world = dialect.world
        self._jobs = jobs

    # Account

    def me(self, call: Call) -> Answer:
        """Plan, slots and end of the paid time."""
        account, now = call.account, self._world.clock.now()
        until = account.premium_until(now) or int(now) + 3 * DAY
        shown = {
            "user_id": user_id(account),
            "email": f"{account.name}@example.org",
            "plan": tariff(account).shown(),
            "active_slots": self._jobs.busy(account),
            "expires_at": moment(until * 1_000_000),
            "paused": paused(account),
            "remaining_days": max(0, (until - int(now)) // DAY),
            "pause_count": int(paused(account)),
            "max_pauses": 3,
            "recurrence": "monthly",
            "seed_used": 0,
            "seed_cap": 2,
            "seed_packs": 0,
            "seed_max_packs": 2,
            "seeding_allowed": account.plan is Plan.PREMIUM,
            "totp_enabled": False,
        }
        return Answer.json(shown)

    def plans(self, call: Call) -> Answer:
        """Every plan."""
        return Answer.json([plan.shown() for plan in PLANS.values()])

    def hosters(self, call: Call) -> Answer:
        """Hosters of the backend."""
        return Answer.json([{"name": host.id, "domains": list(host.domains)} for host in self._world.hosts()])

    # Create

    def create(self, call: Call) -> Answer:
        """``{"magnet"}``: a magnet, a bare hash, or an address for a web download."""
        told = call.request.json
        text = str(told.get("magnet") or "").strip() if isinstance(told, dict) else ""
        return self._create_from(call, text)

    def _create_from(self, call: Call, text: str) -> Answer:
        if not text:
            raise refuse_native(400, "magnet required")
        if magnet := read_magnet(text):
            return self._take(call, magnet.info_hash, Kind.TORRENT, "torrent", magnet.name, text)
        if info_hash := read_hash(text):
            return self._take(call, info_hash, Kind.TORRENT, "torrent", "", f"magnet:?xt=urn:btih:{info_hash}")
        if not _is_link(text):
            raise refuse_native(400, "cannot extract infohash")
        down = self._world.defined(text) and self._world.hoster(text).state is not HosterState.OK
        return self._take(call, text, Kind.WEB, "ytdlp", "", "", "download failed" if down else "")

    def create_hoster(self, call: Call) -> Answer:
        """``{"url"}``; what is wrong with the link shows in the job."""
        told = call.request.json
        url = str(told.get("url") or "").strip() if isinstance(told, dict) else ""
        if not url:
            raise refuse_native(400, "url required")
        if not _is_link(url):
            raise refuse_native(400, "invalid url")
        errors = {
            HosterState.DOWN: "hoster is down",
            HosterState.UNSUPPORTED: "hoster not supported",
        }
        return self._take(call, url, Kind.WEB, "hoster", "", "", errors.get(self._world.hoster(url).state, ""))

    def create_nzb(self, call: Call) -> Answer:
        """The bytes of an NZB as body."""
        return self._take_nzb(call, call.request.body, call.request.query.get("name"))

    def _take_nzb(self, call: Call, body: bytes, name: str) -> Answer:
        if len(body) > _LARGEST_NZB:
            raise refuse_native(400, "nzb too large (20 MiB at most)")
        if not is_nzb(body):
            raise refuse_native(400, "invalid nzb file")
        return self._take(call, nzb_source(body), Kind.USENET, "usenet", name, "")

    def add(self, call: Call) -> Answer:
        """Anything, as text, as raw bytes or as the part ``file``: what it is is found out."""
        part = call.request.form.file("file")
        body = part.data if part else call.request.body
        if is_nzb(body):
            name = part.filename.removesuffix(".nzb") if part else ""
            return self._take_nzb(call, body, name)
        if found := read_torrent(body):
            magnet = f"magnet:?xt=urn:btih:{found.info_hash}"
            return self._take(call, found.info_hash, Kind.TORRENT, "torrent", found.name, magnet)
        return self._create_from(call, body.decode("utf-8", "replace").strip())

    def _take(
        self, call: Call, source: str, kind: Kind, origin: str, name: str, magnet: str, error: str = ""
    ) -> Answer:
        """200 with a job that is there or complete, 202 with one that starts."""
        try:
            transfer, new = self._jobs.take(call.account, source, kind, origin, name=name, magnet=magnet, error=error)
        except Hindered as hindered:
            raise self._refusal(call.account, hindered) from None
        shown = self._shown(transfer)
        return Answer.json(shown, 202 if new and shown["status"] != "complete" else 200)

    def _refusal(self, account: Account, hindered: Hindered) -> Exception:
        if hindered.obstacle is Obstacle.SLOTS:
            return refuse_native(429, f"slot limit reached ({self._jobs.busy(account)}/{tariff(account).slots})")
        return refuse_native(*_HINDERED[hindered.obstacle])

    # Read

    def listing(self, call: Call) -> Answer:
        """A bare array, newest first, from behind ``before`` and ``before_id``; ``null`` when there is nothing."""
        limit = call.request.query.number("limit", 50) or 50
        before, before_id = call.request.query.get("before"), call.request.query.get("before_id")
        rows = self._jobs.every(call.account)
        if before:
            cursor = read_moment(before)
            if cursor is None:
                raise refuse_native(400, "invalid before cursor")
            rows = [row for row in rows if (self._jobs.created(row), row.id) < (cursor, before_id)]
        shown = [self._shown(transfer) for transfer in rows[: min(max(limit, 1), _MOST_ROWS)]]
        return Answer.json(shown or None)

    def one(self, call: Call) -> Answer:
        """One job."""
        return Answer.json(self._shown(self._job(call)))

    def progress(self, call: Call) -> Answer:
        """Finer numbers of one job."""
        transfer = self._job(call)
        status, progress = self._jobs.state(transfer), self._world.progress(transfer)
        fetching = progress.phase in {Phase.RESOLVING, Phase.QUEUED}
        shown = {
            "status": status,
            "name": self._name(transfer),
            "progress": round(progress.fraction * 100, 1),
            "speed": progress.speed,
            "state": "fetching metadata" if fetching else "downloading",
        }
        return Answer.json({**shown, "ratio": 0, "seeding_time": 0, "uploaded": 0})

    def _name(self, transfer: Transfer) -> str:
        known = transfer.metadata or self._world.progress(transfer).phase not in {Phase.RESOLVING, Phase.QUEUED}
        return self._jobs.content(transfer).name if known else transfer.name or transfer.source

    def _shown(self, transfer: Transfer) -> dict[str, Any]:
        """A job; members that are empty are left out."""
        content, progress, status = (
            self._jobs.content(transfer),
            self._world.progress(transfer),
            self._jobs.state(transfer),
        )
        there = status in {"complete", "seeding"}
        optional = {
            "magnet": transfer.extra["magnet"],
            "error": (transfer.extra["error"] or "no peers found") if status == "failed" else "",
            "files": [_file(content, index) for index in range(len(content.files))] if there else [],
            "progress": round(progress.fraction * 100, 1),
            "speed": progress.speed,
            "node": "" if status == "pending" else "eu1",
            "stream_urls": self._streams(content) if there else [],
        }
        created = self._jobs.created(transfer)
        return {
            "id": transfer.id,
            "user_id": user_id(Account(transfer.provider, transfer.account, "", Plan.PREMIUM)),
            "info_hash": self._jobs.hash_of(transfer),
            "name": self._name(transfer),
            "source": transfer.extra["origin"],
            "status": status,
            "file_size": content.size if transfer.metadata or progress.fraction else 0,
            "max_bytes": PLANS["standard"].largest,
            "priority": 20,
            "created_at": moment(created),
            "updated_at": moment(max(created, int((progress.ended_at or self._world.clock.now()) * 1_000_000))),
            **{name: value for name, value in optional.items() if value},
        }

    def _streams(self, content: Content) -> list[dict[str, Any]]:
        links = self._jobs.links(content)
        pairs = zip(content.files, links, strict=True)
        return [{"file_name": file.path, "size": file.size, "signed_url": link} for file, link in pairs]

    def _job(self, call: Call) -> Transfer:
        found = self._jobs.find(call.account, call.params["id"])
        if found is None:
            raise refuse_native(404, "job not found")
        return found

    # Act on one job

    def sign(self, call: Call) -> Answer:
        """Fresh links."""
        transfer = self._job(call)
        if self._jobs.state(transfer) not in {"complete", "seeding"}:
            raise refuse_native(400, "job not complete")
        return Answer.json({"job_id": transfer.id, "streams": self._streams(self._jobs.content(transfer))})

    def archive(self, call: Call) -> Answer:
        """A redirect to a ZIP of everything."""
        transfer = self._job(call)
        if self._jobs.state(transfer) != "complete":
            raise refuse_native(409, "job not complete")
        content = self._jobs.content(transfer)
        return Answer.redirect(self._dialect.packed_link(content, f"{content.name}.zip", content.size))

    def retry(self, call: Call) -> Answer:
        """Start a failed or evicted job again."""
        transfer = self._job(call)
        try:
            started = self._jobs.retry(call.account, transfer)
        except Hindered as hindered:
            raise self._refusal(call.account, hindered) from None
        if not started:
            raise refuse_native(409, "only failed or evicted jobs can be retried")
        return Answer.json(self._shown(transfer), 202)

    def recheck(self, call: Call) -> Answer:
        """Look at the files of a complete torrent or usenet job again."""
        transfer = self._job(call)
        if transfer.extra["origin"] not in {"torrent", "usenet"}:
            raise refuse_native(400, "recheck is only available for torrent and usenet downloads")
        if self._jobs.state(transfer) != "complete":
            raise refuse_native(409, "only completed downloads can be rechecked")
        return Answer.json(self._shown(transfer), 202)

    def delete(self, call: Call) -> Answer:
        """The job is gone for the caller; its files stay cached."""
        if not self._jobs.remove(call.account, self._job(call)):
            return native(409, "this torrent is seeding until its target is reached")
        return Answer.json({"status": "deleted"})

    # Availability

    def available(self, call: Call) -> Answer:
        """One hash."""
        info_hash = call.params["hash"].lower()
        return Answer.json({**self._availability(info_hash), "info_hash": info_hash})

    def available_many(self, call: Call) -> Answer:
        """``{"hashes"}``, one to a hundred."""
        told = call.request.json
        hashes = told.get("hashes") if isinstance(told, dict) else None
        if not isinstance(hashes, list) or not hashes:
            raise refuse_native(400, "hashes required")
        if len(hashes) > _MOST_HASHES:
            raise refuse_native(400, "max 100 hashes")
        return Answer.json({str(info_hash).lower(): self._availability(str(info_hash).lower()) for info_hash in hashes})

    def _availability(self, text: str) -> dict[str, Any]:
        info_hash = read_hash(text)
        if info_hash is None or not self._jobs.cached(info_hash):
            return {"available": False}
        content = self._world.content(info_hash)
        pairs = zip(content.files, self._jobs.links(content), strict=True)
        return {
            "available": True,
            "files": [{"file_name": file.path, "size": file.size, "url": link} for file, link in pairs],
        }


def _file(content: Content, index: int) -> dict[str, Any]:
    file: ContentFile = content.files[index]
    key = hashlib.sha256(f"{content.id}/{index}".encode()).hexdigest()
    shown = {"index": index, "name": file.path, "size": file.size, "key": f"blobs/{key}", "enc": True}
    return {**shown, "media_info": {"video_codec": "h264"}} if file.path.endswith((".mkv", ".mp4")) else shown


def _is_link(text: str) -> bool:
    parts = urlsplit(text)
    return parts.scheme in {"http", "https"} and bool(parts.hostname)
