"""AllDebrid's links: infos, redirectors, unlock, streams, delayed links, hosts."""

import math
from typing import Any, Final
from urllib.parse import urlsplit

from sluicegate.sandbox.accounts import Account
from sluicegate.sandbox.content import DEFAULT_SECONDS, Content
from sluicegate.sandbox.dialect import Call, Dialect
from sluicegate.sandbox.dialects.alldebrid.answers import problem, refusal, refuse, success
from sluicegate.sandbox.dialects.alldebrid.arguments import many, one
from sluicegate.sandbox.dialects.alldebrid.magnets import READY, Magnets
from sluicegate.sandbox.dialects.alldebrid.rows import LINK_PREFIX, read_link_code
from sluicegate.sandbox.hosters import HosterState, host_of
from sluicegate.sandbox.wire import Answer, Refused

__all__ = ["Links"]

_PORTAL: Final = "videoportal.example"
_SHORTENER: Final = "short.example"
_REDIRECTED: Final = "https://redirect.alldebrid.com/"
_FIRST_DELAYED: Final = 551_209
_STREAMS: Final[tuple[dict[str, Any], ...]] = (
    {"id": "137+140", "ext": "mp4", "quality": 1080, "proto": "https", "tb": 2500.5, "abr": 128},
    {"id": "140", "ext": "m4a", "quality": "audio", "proto": "https"},
)
_MERGED: Final = "137+140"
_MERGE_SECONDS: Final = 25.0
_HISTORY_SECONDS: Final = 3 * 86_400


class _LinkTrouble(Refused):
    """What is wrong with one link: refuses the call, or only its place in a list of infos."""

    def __init__(self, code: str) -> None:
        super().__init__(refusal(code))
        self.code = code


class Links:
    """Handlers below ``/link``, ``/hosts`` and the link lists below ``/user``.

    A link whose content takes longer than the default seconds and is not cached here is a delayed one. Pages at
    ``videoportal.example`` offer streams, the better one delayed; ``short.example`` is a redirector.
    """

    def __init__(self, dialect: Dialect, magnets: Magnets) -> None:
        self._dialect = dialect
        self._world = dialect.world
        self._magnets = magnets

    # Asking about links

    def infos(self, call: Call) -> Answer:
        """``link[]``: name, size and host of each, or what is wrong with it."""
        links = many(call.request, "link")
        if not links:
            raise refuse("LINK_IS_MISSING")
        return success({"infos": [{"link": link, **self._info(link)} for link in links]})

    def _info(self, link: str) -> dict[str, Any]:
        try:
            target = _target(link)
            name, size = self._look(target)
        except _LinkTrouble as trouble:
            return {"error": problem(trouble.code)}
        return {"filename": name, "size": size, **self._host(target)}

    def redirector(self, call: Call) -> Answer:
        """The links behind a redirector, encrypted so that only ``unlock`` and ``infos`` can read them."""
        link = one(call.request, "link")
        if not link:
            raise refuse("LINK_IS_MISSING")
        if host_of(link) != _SHORTENER:
            raise refuse("REDIRECTOR_NOT_SUPPORTED")
        target = f"https://1fichier.com/?{urlsplit(link).path.strip('/')}"
        return success({"links": [_REDIRECTED + target.encode().hex()]})

    # Unlocking

    def unlock(self, call: Call) -> Answer:
        """A direct link, an id to pick a stream with, or an id to wait for."""
        if not call.account.premium:
            raise refuse("MUST_BE_PREMIUM")
        link = one(call.request, "link")
        if not link:
            raise refuse("LINK_IS_MISSING")
        if link.startswith(LINK_PREFIX):
            return self._unlock_magnet_file(call.account, link.removeprefix(LINK_PREFIX))
        return self._unlock_link(call.account, _target(link))

    def _unlock_magnet_file(self, account: Account, code: str) -> Answer:
        found = read_link_code(code, self._world.transfers(account))
        if found is None:
            raise refuse("LINK_DOWN")
        transfer, index = found
        content = self._world.content(transfer.source)
        if index >= len(content.files) or self._magnets.code(transfer) != READY:
            raise refuse("LINK_DOWN")
        name, size = content.files[index].path.rpartition("/")[2], content.files[index].size
        direct = self._dialect.file_link(content, index)
        shown = _unlocked(direct, name, size, self._generation(account, ""))
        return success({**shown, "host": "magnet", "hostDomain": "alldebrid.com"})

    def _unlock_link(self, account: Account, link: str) -> Answer:
        name, size = self._look(link)
        id_ = self._generation(account, link)
        if host_of(link) == _PORTAL:
            streams = [{**stream, "filesize": size, "name": name} for stream in _STREAMS]
            shown = _unlocked("", name, 0, id_)
            return success({**shown, "host": "stream", "hostDomain": _PORTAL, "streams": streams})
        content = self._world.content(link)
        if content.seconds_to_ready > DEFAULT_SECONDS and self._dialect.name not in content.cached_on:
            shown = _unlocked("", name, size, id_)
            return success({**shown, **self._host(link), "delayed": self._delay(account, content)})
        direct = self._dialect.file_link(content, 0)
        row = {"link": link, "link_dl": direct, "filename": name, "size": size, "date": int(self._world.clock.now())}
        self._world.keep_record(account, "history", link, {**row, "host": self._host(link)["host"]})
        return success({**_unlocked(direct, name, size, id_), **self._host(link)})

    def _look(self, link: str) -> tuple[str, int]:
        """Name and size of what a link leads to."""
        parts = urlsplit(link)
        if parts.scheme not in {"http", "https"} or not parts.hostname:
            raise _LinkTrouble("BAD_LINK")
        found = self._world.hoster(link)
        if found.state is HosterState.DOWN:
            raise _LinkTrouble("LINK_HOST_UNAVAILABLE")
        if host_of(link) != _PORTAL and found.state is HosterState.UNSUPPORTED:
            raise _LinkTrouble("LINK_HOST_NOT_SUPPORTED")
        if self._dialect.name in self._world.content(link).blocked_on:
            raise _LinkTrouble("LINK_ERROR")
        return found.name, found.size

    def _host(self, link: str) -> dict[str, str]:
        host = host_of(link)
        known = next((known for known in self._world.hosts() if host in known.domains), None)
        return {"host": known.id, "hostDomain": known.domains[0]} if known else {"host": host, "hostDomain": host}

    # Streams and delayed links

    def streaming(self, call: Call) -> Answer:
        """One stream of an unlocked page: the audio at once, the merged one delayed."""
        link = self._world.record(call.account, "unlocked", one(call.request, "id"))
        if not link or host_of(link) != _PORTAL:
            raise refuse("STREAM_INVALID_GEN_ID")
        stream = next((known for known in _STREAMS if known["id"] == one(call.request, "stream")), None)
        if stream is None:
            raise refuse("STREAM_INVALID_STREAM_ID")
        content, (name, size) = self._world.content(link), self._look(link)
        shown: dict[str, Any] = {"link": "", "filename": f"{name}.{stream['ext']}", "filesize": size}
        if stream["id"] == _MERGED:
            return success({**shown, "delayed": self._delay(call.account, content, _MERGE_SECONDS)})
        return success({**shown, "link": self._dialect.file_link(content, 0)})

    def delayed(self, call: Call) -> Answer:
        """Status 1 running, 2 ready with its link, 3 failed."""
        kept = self._world.record(call.account, "delayed", one(call.request, "id"))
        if kept is None:
            raise refuse("DELAYED_INVALID_ID")
        content, age = self._world.content(kept["link"]), self._world.clock.now() - kept["at"]
        left = math.ceil(kept["seconds"] - age)
        if content.dies and age >= kept["seconds"] / 2:
            return success({"status": 3, "time_left": 0})
        if left > 0:
            return success({"status": 1, "time_left": left})
        return success({"status": 2, "time_left": 0, "link": self._dialect.file_link(content, 0)})

    def _delay(self, account: Account, content: Content, seconds: float | None = None) -> int:
        number = self._world.number("alldebrid.delayed", _FIRST_DELAYED)
        wait = content.seconds_to_ready if seconds is None else seconds
        kept = {"link": content.source, "at": self._world.clock.now(), "seconds": wait}
        self._world.keep_record(account, "delayed", str(number), kept)
        return number

    def _generation(self, account: Account, link: str) -> str:
        """The id of one unlock; only pages with streams need it later."""
        id_ = self._world.code(10, "abcdefghijklmnopqrstuvwxyz0123456789")
        if host_of(link) == _PORTAL:
            self._world.keep_record(account, "unlocked", id_, link)
        return id_

    # Hosts

    def hosts(self, call: Call) -> Answer:
        """Hosts, streams and redirectors; ``hostsOnly`` leaves the last two out."""
        if call.request.query.flag("hostsOnly"):
            return success({"hosts": self._hosts()})
        return success({"hosts": self._hosts(), **_OTHERS})

    def user_hosts(self, call: Call) -> Answer:
        """v4: hosts, streams and redirectors with the account's quotas."""
        return success({"hosts": self._user_hosts(call), **_OTHERS})

    def user_hosts_only(self, call: Call) -> Answer:
        """v4.1: hosts with the account's quotas, nothing else."""
        return success({"hosts": self._user_hosts(call)})

    def _user_hosts(self, call: Call) -> dict[str, Any]:
        quota = {"quota": 15_360, "quotaMax": 51_200, "quotaType": "traffic", "limitSimuDl": 5}
        return {name: {**host, **(quota if call.account.premium else {})} for name, host in self._hosts().items()}

    def _hosts(self) -> dict[str, Any]:
        shown = {}
        for host in self._world.hosts():
            shapes = ["https?://(?:www\\.)?" + domain.replace(".", "\\.") + "/.+" for domain in host.domains]
            regexp: Any = shapes[0] if len(shapes) == 1 else shapes
            about = {"name": host.id, "type": "premium", "domains": list(host.domains)}
            shown[host.id] = {**about, "regexp": regexp, "regexps": shapes, "status": True}
        return shown

    def domains(self, call: Call) -> Answer:
        """Main and other domains in one list."""
        hosts = [domain for host in self._world.hosts() for domain in host.domains]
        return success({"hosts": hosts, "streams": [_PORTAL], "redirectors": [_SHORTENER]})

    def priority(self, call: Call) -> Answer:
        """Which host to prefer, 1 first."""
        return success({"hosts": {host.id: place for place, host in enumerate(self._world.hosts(), 1)}})

    # Saved links and history

    def saved(self, call: Call) -> Answer:
        """Links kept by the user."""
        return success({"links": list(self._world.records(call.account, "saved").values())})

    def save(self, call: Call) -> Answer:
        """``links[]`` to keep."""
        links = self._wanted(call)
        for link in links:
            name, size = self._look(link)
            row = {"link": link, "filename": name, "size": size, "date": int(self._world.clock.now())}
            self._world.keep_record(call.account, "saved", link, {**row, "host": self._host(link)["host"]})
        return success({"message": "Links were successfully saved"})

    def forget(self, call: Call) -> Answer:
        """``links[]`` to drop."""
        for link in self._wanted(call):
            self._world.keep_record(call.account, "saved", link, None)
        return success({"message": "Links were successfully deleted"})

    def _wanted(self, call: Call) -> list[str]:
        links = many(call.request, "links") or many(call.request, "link")
        if not links:
            raise refuse("USER_LINK_MISSING")
        return links

    def history(self, call: Call) -> Answer:
        """Links unlocked in the last three days."""
        since = self._world.clock.now() - _HISTORY_SECONDS
        rows = self._world.records(call.account, "history").values()
        return success({"links": [row for row in rows if row["date"] >= since]})

    def forget_history(self, call: Call) -> Answer:
        """An empty history."""
        for link in self._world.records(call.account, "history"):
            self._world.keep_record(call.account, "history", link, None)
        return success({"message": "History was successfully deleted"})


_OTHERS: Final[dict[str, Any]] = {
    "streams": {
        "videoportal": {
            "name": "videoportal",
            "type": "free",
            "domains": [_PORTAL],
            "regexps": ["videoportal\\.example/watch/[0-9]+"],
        }
    },
    "redirectors": {
        "shortlink": {
            "name": "shortlink",
            "type": "free",
            "domains": [_SHORTENER],
            "regexps": ["short\\.example/[a-z0-9]+"],
        }
    },
}


def _target(link: str) -> str:
    """What an encrypted redirector link stands for; other links stand for themselves."""
    if not link.startswith(_REDIRECTED):
        return link
    try:
        return bytes.fromhex(link.removeprefix(_REDIRECTED)).decode()
    except ValueError:
        raise _LinkTrouble("BAD_LINK") from None


def _unlocked(link: str, name: str, size: int, id_: str) -> dict[str, Any]:
    shown = {"link": link, "filename": name, "filesize": size, "paws": False, "streams": []}
    return {**shown, "id": id_, "max_chunks": 16, "path": ""}
