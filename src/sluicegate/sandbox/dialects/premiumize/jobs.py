"""Premiumize's queue: create, list, delete, retry, clear."""

from typing import Any, Final
from urllib.parse import urlsplit

from sluicegate.sandbox.accounts import Account
from sluicegate.sandbox.content import Content
from sluicegate.sandbox.dialect import Call, Dialect
from sluicegate.sandbox.dialects.premiumize.answers import NOT_PREMIUM, SLOTS, refuse, success
from sluicegate.sandbox.dialects.premiumize.arguments import one
from sluicegate.sandbox.dialects.premiumize.cloud import ROOT, Cloud, new_id
from sluicegate.sandbox.dialects.premiumize.fairuse import FairUse
from sluicegate.sandbox.hosters import HosterState
from sluicegate.sandbox.sources import is_nzb, nzb_source, read_magnet, read_torrent
from sluicegate.sandbox.transfers import Kind, Phase, Progress, Transfer
from sluicegate.sandbox.wire import Answer, Upload

__all__ = ["OLD", "Jobs"]

OLD: Final = "old-"
"""Accounts ``sandbox-old-<name>`` are answered as the Swagger generation did."""

_MOST_ACTIVE: Final = 25
_SEEDING_SECONDS: Final = 60.0
_Taken = tuple[str, Kind, str]


class Jobs:
    """Handlers below ``/api/transfer``, without ``directdl``. No hash, size or time of a job is ever told."""

    def __init__(self, dialect: Dialect, cloud: Cloud, fair_use: FairUse) -> None:
        self._dialect = dialect
        self._world = dialect.world
        self._cloud = cloud
        self._fair_use = fair_use

    # Create

    def create(self, call: Call) -> Answer:
        """``src`` as text, or a file part called ``src`` or ``file``; a second time it is an error without an id."""
        account, text = call.account, one(call.request, "src")
        if not account.premium:
            raise refuse(*NOT_PREMIUM)
        into = one(call.request, "folder_id") or ROOT
        if not self._cloud.exists(account, into):
            raise refuse("not_found", "The folder does not exist.")
        part = call.request.form.file("src", "file")
        source, kind, name = self._read_file(part) if part else self._read_text(text)
        self._admit(account, source)
        transfer = self._world.add(
            account,
            source,
            id=new_id(self._world),
            kind=kind,
            name=name,
            metadata=part is not None,
            extra={"src": "" if part else text, "into": into},
        )
        shown = {"id": transfer.id, "name": self._name(transfer, self._world.progress(transfer))}
        return success(**shown, **({"type": "torrent"} if kind is Kind.TORRENT else {}))

    def _read_file(self, part: Upload) -> _Taken:
        if is_nzb(part.data):
            return nzb_source(part.data), Kind.USENET, part.filename.removesuffix(".nzb")
        found = read_torrent(part.data)
        if found is None:
            raise refuse("invalid_request", "The file is neither a torrent nor an NZB.")
        return found.info_hash, Kind.TORRENT, found.name

    def _read_text(self, text: str) -> _Taken:
        """A magnet or a link; a bare info hash is not documented here and refused."""
        if not text:
            raise refuse("invalid_request", "src is missing.")
        if found := read_magnet(text):
            return found.info_hash, Kind.TORRENT, found.name
        parts = urlsplit(text)
        if parts.scheme not in {"http", "https"} or not parts.hostname:
            raise refuse("invalid_request", "src is neither a magnet nor a link.")
        name = parts.path.rpartition("/")[2]
        for ending, kind in ((".nzb", Kind.USENET), (".torrent", Kind.TORRENT)):
            if name.lower().endswith(ending):
                return text, kind, name[: -len(ending)]
        state = self._world.hoster(text).state
        if state is HosterState.UNSUPPORTED:
            raise refuse("service_unsupported", "This service is not supported.")
        if state is HosterState.DOWN:
            raise refuse("service_down", "The target service is unreachable, retry after a delay.")
        return text, Kind.WEB, name

    def _admit(self, account: Account, source: str) -> None:
        known = (transfer for transfer in self._world.find(account, source))
        if any(self._world.progress(transfer).phase is not Phase.FAILED for transfer in known):
            raise refuse("permanent_error", "You already added this job.")
        if self._dialect.limited and len(self._world.active(account)) >= _MOST_ACTIVE:
            raise refuse(*SLOTS)
        self._fair_use.spend(account, self._world.content(source).size)

    # List

    def listing(self, call: Call) -> Answer:
        """Every job, youngest first; there is no other way to see one."""
        self._cloud.settle(call.account)
        rows = [self._row(call, transfer) for transfer in self._world.transfers(call.account)]
        return success(transfers=rows)

    def _row(self, call: Call, transfer: Transfer) -> dict[str, Any]:
        content, progress = self._world.content(transfer.source), self._world.progress(transfer)
        status, message = self._standing(transfer, content, progress)
        link = f"{call.request.root}/premiumize/api/job/src?id={transfer.id}"
        return {
            "id": transfer.id,
            "name": self._name(transfer, progress),
            "message": message,
            "status": status,
            "progress": _fraction(transfer, progress),
            "src": transfer.extra["src"] if call.account.name.startswith(OLD) else link,
            "folder_id": transfer.extra.get("folder_id"),
            "file_id": transfer.extra.get("file_id"),
            "other_cloud_id": None,
        }

    def _standing(self, transfer: Transfer, content: Content, progress: Progress) -> tuple[str, str | None]:
        """Status and message."""
        if self._dialect.name in content.blocked_on:
            return "banned", "This content was refused."
        if progress.phase is Phase.DOWNLOADING:
            return "running", _moving(progress, content.size)
        if progress.ready:
            age = self._world.clock.now() - (progress.ended_at or 0.0)
            seeds = transfer.kind is Kind.TORRENT and not transfer.cached and age < _SEEDING_SECONDS
            return ("seeding", None) if seeds else ("finished", "")
        return {
            Phase.RESOLVING: ("waiting", "Loading..."),
            Phase.PROCESSING: ("running", "Moving to cloud"),
            Phase.FAILED: ("error", "The transfer died without peers."),
        }.get(progress.phase, ("queued", ""))

    def _name(self, transfer: Transfer, progress: Progress) -> str:
        """The real name once it is known; before that what the magnet said, or a placeholder."""
        if transfer.metadata or progress.phase is not Phase.RESOLVING:
            return self._world.content(transfer.source).name
        return transfer.name or "Unnamed transfer"

    # Delete, retry, clear, source

    def delete(self, call: Call) -> Answer:
        """The job goes, the files in the cloud stay."""
        self._cloud.settle(call.account)
        self._world.remove(call.account, self._transfer(call).id)
        return success()

    def retry(self, call: Call) -> Answer:
        """Start a failed job again."""
        transfer = self._transfer(call)
        if self._world.progress(transfer).phase is not Phase.FAILED:
            raise refuse("invalid_request", "Only failed transfers can be retried.")
        self._world.start(transfer)
        return success()

    def clear(self, call: Call) -> Answer:
        """Drop finished jobs from the list; the files stay."""
        self._cloud.settle(call.account)
        for transfer in self._world.transfers(call.account):
            if self._world.progress(transfer).ready:
                self._world.remove(call.account, transfer.id)
        return success()

    def source(self, call: Call) -> Answer:
        """Where ``src`` of a row leads: to what was handed in."""
        src = self._transfer(call).extra["src"]
        if not src:
            raise refuse("not_found", "This job was made from a file.")
        return Answer.redirect(src, 302)

    def _transfer(self, call: Call) -> Transfer:
        found = self._world.transfer(call.account, one(call.request, "id"))
        if found is None:
            raise refuse("not_found", "Transfer not found.")
        return found


def _fraction(transfer: Transfer, progress: Progress) -> float | None:
    """0 to 1 while it moves; 0, 1 or nothing at all once it is over."""
    if progress.ready:
        return (0, 1, None)[transfer.number % 3]
    return round(progress.fraction, 4)


def _moving(progress: Progress, size: int) -> str:
    left = int(progress.eta)
    clock = f"{left // 3600:02}:{left // 60 % 60:02}:{left % 60:02}"
    speed = f"{progress.speed / 1024:,.2f} KB/s"
    return f"{speed} from 14 peers, {progress.done / 1e9:.2f} GB of {size / 1e9:.2f} GB, {clock} left"
