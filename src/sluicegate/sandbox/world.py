"""One world for all dialects: content, hosters, accounts' transfers, limits and faults, driven by one clock."""

import secrets
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import msgspec

from sluicegate.sandbox.accounts import Account
from sluicegate.sandbox.clock import ClockState, WorldClock
from sluicegate.sandbox.content import Content, default_content, identity, is_hash
from sluicegate.sandbox.faults import Fault, Faults
from sluicegate.sandbox.hosters import HOSTS, Host, HosterLink, HosterState, host_of
from sluicegate.sandbox.journal import Journal
from sluicegate.sandbox.kept_bytes import KeptBytes
from sluicegate.sandbox.limits import Limits
from sluicegate.sandbox.tap import Tap
from sluicegate.sandbox.transfers import Hold, Kind, Progress, Transfer, progress_of

__all__ = ["World"]

_ALPHANUMERIC: Final = "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"


class World:
    """Pure and synchronous; every change is in the journal before the call returns.

    Args:
        folder: where the world is kept, or None for memory only.
        clock: a clock to use instead of the kept one (tests).
    """

    def __init__(self, folder: Path | None = None, clock: WorldClock | None = None) -> None:
        self._journal = Journal(folder / "world.jsonl" if folder else None)
        self.tap = Tap(folder / "calls.jsonl" if folder else None)
        self.bytes = KeptBytes(folder / "bytes" if folder else None)
        self.faults = Faults()
        self.limits = Limits()
        self.epoch = 0
        """How often the world was reset: what a dialect keeps in memory is worthless after it."""
        kept = self._journal.table("meta")
        self.clock = clock or WorldClock(state=msgspec.convert(kept["clock"], ClockState) if "clock" in kept else None)
        self._load(kept)

    def _load(self, meta: dict[str, Any]) -> None:
        rows = self._journal.table
        self._contents = {key: msgspec.convert(row, Content) for key, row in rows("content").items()}
        self._hosters = {key: msgspec.convert(row, HosterLink) for key, row in rows("hoster").items()}
        self._sources: dict[str, str] = dict(rows("source"))
        self._records: dict[str, dict[str, Any]] = {}
        for key, row in rows("record").items():
            shelf, _, name = key.partition("\0")
            self._records.setdefault(shelf, {})[name] = row
        self._transfers: dict[tuple[str, str], dict[str, Transfer]] = {}
        self._running: dict[tuple[str, str], dict[str, Transfer]] = {}
        for row in sorted(rows("transfer").values(), key=lambda row: int(row["number"])):
            self._place(msgspec.convert(row, Transfer))
        self._counters: dict[str, int] = dict(rows("counter"))
        self.faults.restore(msgspec.convert(meta.get("faults", []), list[Fault]))
        for provider in meta.get("limits_off", []):
            self.limits.switch(provider, enabled=False)
        self.secret = bytes.fromhex(meta["secret"]) if "secret" in meta else secrets.token_bytes(32)
        self._journal.put("meta", "secret", self.secret.hex())
        self.keep_clock()

    # Content and hosters

    def define(self, content: Content) -> None:
        """Say what a source is, also for transfers that are under way."""
        self._contents[content.id] = content
        self._journal.put("content", content.id, content)

    def define_hoster(self, link: HosterLink) -> None:
        """Say what a hoster link leads to."""
        self._hosters[link.url] = link
        self._journal.put("hoster", link.url, link)
        self._remember(link.url)

    def content(self, source: str) -> Content:
        """What a source is: as defined, as its hoster link says, or the default."""
        found = self._contents.get(identity(source))
        if found is not None:
            return found
        hoster = self._hosters.get(source)
        return hoster.content() if hoster else default_content(source)

    def content_by_id(self, content_id: str) -> Content | None:
        """The content behind ``Content.id``; an id that was never seen is an undefined info hash."""
        found = self._contents.get(content_id)
        return found or self.content(self._sources.get(content_id, content_id))

    def defined(self, source: str) -> bool:
        """Whether somebody said what the source is."""
        return identity(source) in self._contents or source in self._hosters

    def hoster(self, url: str) -> HosterLink:
        """What a provider finds at a link: defined hoster, defined content, or the default of a known host."""
        found = self._hosters.get(url)
        if found is not None:
            return found
        content = self.content(url)
        known = self.defined(url) or any(host_of(url) in host.domains for host in HOSTS)
        state = HosterState.OK if known else HosterState.UNSUPPORTED
        self._remember(url)
        return HosterLink(url, content.files[0].path, content.files[0].size, state)

    def links(self) -> list[str]:
        """URLs (and uploaded NZBs) that somebody defined or handed in."""
        return [*self._sources.values(), *(content.source for content in self._contents.values())]

    def hosts(self) -> list[Host]:
        """Hosters that providers support: the built-in ones and those of defined links."""
        builtin = {domain for host in HOSTS for domain in host.domains}
        links = [link.url for link in self._hosters.values() if link.state is not HosterState.UNSUPPORTED]
        urls = [content.source for content in self._contents.values() if not is_hash(content.source)]
        added = dict.fromkeys(name for name in map(host_of, links + urls) if name and name not in builtin)
        return [*HOSTS, *(Host(name.replace(".", ""), name, (name,)) for name in added)]

    def _remember(self, source: str) -> None:
        """Keep the way back from an id to a URL, so that links to undefined URLs open after a restart."""
        if not is_hash(source) and identity(source) not in self._sources:
            self._sources[identity(source)] = source
            self._journal.put("source", identity(source), source)

    # Transfers

    def add(
        self,
        account: Account,
        source: str,
        *,
        id: str,  # noqa: A002 - it is the provider's word for it
        kind: Kind = Kind.TORRENT,
        name: str = "",
        hold: Hold = Hold.NONE,
        metadata: bool = False,
        extra: dict[str, Any] | None = None,
    ) -> Transfer:
        """Take a source into an account; starts at once unless held. Duplicates are the dialect's business."""
        now, cached = self.clock.now(), account.provider in self.content(source).cached_on
        transfer = Transfer(
            id=id,
            provider=account.provider,
            account=account.id,
            kind=kind,
            source=source,
            name=name,
            created_at=now,
            started_at=None if hold else now,
            hold=hold,
            metadata=metadata or cached,
            cached=cached,
            number=self.number("transfers"),
            extra=extra or {},
        )
        self._remember(source)
        self._place(transfer)
        self.save(transfer)
        return transfer

    def save(self, transfer: Transfer) -> None:
        """Keep a transfer after its fields were changed."""
        self._journal.put("transfer", f"{transfer.provider}/{transfer.account}/{transfer.id}", transfer)

    def start(self, transfer: Transfer) -> None:
        """Let a held or failed transfer run from now on."""
        transfer.started_at = self.clock.now()
        if transfer.hold is Hold.QUEUE:
            transfer.hold = Hold.NONE
        self._running[transfer.provider, transfer.account][transfer.id] = transfer
        self.save(transfer)

    def remove(self, account: Account, id: str) -> bool:  # noqa: A002 - as in ``add``
        """Take a transfer away; False if there is none."""
        key = (account.provider, account.id)
        self._running.get(key, {}).pop(id, None)
        if self._transfers.get(key, {}).pop(id, None) is None:
            return False
        self._journal.drop("transfer", f"{account.provider}/{account.id}/{id}")
        return True

    def transfer(self, account: Account, id: str) -> Transfer | None:  # noqa: A002 - as in ``add``
        """One transfer of the account."""
        return self._transfers.get((account.provider, account.id), {}).get(id)

    def transfers(self, account: Account, kind: Kind | None = None) -> list[Transfer]:
        """Transfers of the account, youngest first."""
        found = reversed(self._transfers.get((account.provider, account.id), {}).values())
        return [transfer for transfer in found if kind is None or transfer.kind is kind]

    def find(self, account: Account, source: str) -> Iterator[Transfer]:
        """Transfers of one source in the account, youngest first."""
        return (transfer for transfer in self.transfers(account) if transfer.source == source)

    def active(self, account: Account) -> list[Transfer]:
        """Transfers that have started and are not over: those that occupy slots."""
        running = self._running.get((account.provider, account.id), {})
        for transfer in list(running.values()):
            if self.progress(transfer).phase.over:
                del running[transfer.id]
        return [transfer for transfer in running.values() if transfer.started_at is not None]

    def held(self, account: Account) -> list[Transfer]:
        """Transfers that wait for a choice or in a queue, oldest first."""
        running = self._running.get((account.provider, account.id), {})
        return [transfer for transfer in running.values() if transfer.started_at is None]

    def taken(self, provider: str, id: str) -> bool:  # noqa: A002 - as in ``add``
        """Whether any account of a provider has a transfer with that id."""
        return any(id in rows for (name, _), rows in self._transfers.items() if name == provider)

    def progress(self, transfer: Transfer) -> Progress:
        """Where a transfer stands now."""
        return progress_of(transfer, self.content(transfer.source), self.clock.now())

    def _place(self, transfer: Transfer) -> None:
        key = (transfer.provider, transfer.account)
        self._transfers.setdefault(key, {})[transfer.id] = transfer
        self._running.setdefault(key, {})[transfer.id] = transfer

    # What dialects keep beside transfers

    def records(self, account: Account, shelf: str) -> dict[str, Any]:
        """Rows (JSON values by key, oldest first) that a dialect keeps for an account under a name."""
        return dict(self._records.get(f"{account.provider}/{account.id}/{shelf}", {}))

    def record(self, account: Account, shelf: str, key: str) -> Any:  # noqa: ANN401 - JSON
        """One row, None if missing."""
        return self._records.get(f"{account.provider}/{account.id}/{shelf}", {}).get(key)

    def keep_record(self, account: Account, shelf: str, key: str, value: object) -> None:
        """Write a row; None removes it."""
        name = f"{account.provider}/{account.id}/{shelf}"
        rows = self._records.setdefault(name, {})
        if value is None:
            rows.pop(key, None)
            self._journal.drop("record", f"{name}\0{key}")
        else:
            rows[key] = value
            self._journal.put("record", f"{name}\0{key}", value)

    def number(self, counter: str, start: int = 1) -> int:
        """The next number of a counter."""
        value = self._counters.get(counter, start - 1) + 1
        self._counters[counter] = value
        self._journal.put("counter", counter, value)
        return value

    @staticmethod
    def code(length: int, alphabet: str = _ALPHANUMERIC) -> str:
        """A random id."""
        return "".join(secrets.choice(alphabet) for _ in range(length))

    # Keeping and forgetting

    def keep_clock(self) -> None:
        """Keep the clock after it was driven."""
        self._journal.put("meta", "clock", self.clock.state)

    def keep_faults(self) -> None:
        """Keep the open faults after they changed."""
        self._journal.put("meta", "faults", self.faults.open)

    def keep_limits(self) -> None:
        """Keep the limit switches after they changed."""
        self._journal.put("meta", "limits_off", self.limits.off)

    def reset(self) -> None:
        """An empty world: content, bytes, hosters, transfers, records, faults, tap, limits, clock."""
        self._journal.clear()
        self.bytes.clear()
        self.tap.reset()
        self.faults.reset()
        self.limits.reset()
        self.clock.reset()
        self._load({"secret": self.secret.hex()})
        self.epoch += 1

    def close(self) -> None:
        """Give files back."""
        self._journal.close()
        self.tap.close()
