"""The control API under ``/_control``: drives the world and tells its truth (JSON in and out)."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any, Final, TypeVar

import msgspec

from sluicegate.sandbox.accounts import HOUSE_NAMES, account_of
from sluicegate.sandbox.content import DEFAULT_SECONDS, Content, ContentFile, default_content, is_hash
from sluicegate.sandbox.faults import ANY_CALL, Fault, FaultKind
from sluicegate.sandbox.hosters import HosterLink, HosterState
from sluicegate.sandbox.octets import sha256_of
from sluicegate.sandbox.sources import read_hash
from sluicegate.sandbox.wire import Answer, Refused, Request
from sluicegate.sandbox.world import World

__all__ = ["PREFIX", "Control"]

PREFIX: Final = "/_control"

_MAX_SIZE: Final = 1 << 44
_Body = TypeVar("_Body", bound=msgspec.Struct)


class _FileIn(msgspec.Struct):
    path: str
    size: int | None = None
    bytes: str = ""


class _ContentIn(msgspec.Struct):
    info_hash: str = ""
    url: str = ""
    name: str = ""
    files: list[_FileIn] | None = None
    cached_on: list[str] = msgspec.field(default_factory=list)
    seconds_to_ready: float = DEFAULT_SECONDS
    dies: bool = False
    blocked_on: list[str] = msgspec.field(default_factory=list)


class _HosterIn(msgspec.Struct):
    url: str
    name: str = ""
    size: int | None = None
    state: HosterState = HosterState.OK


class _FaultIn(msgspec.Struct):
    provider: str
    fault: FaultKind | None = None
    call: str = ANY_CALL
    times: int = 1
    seconds: float = 0.0
    status: int = 0


class _ClockIn(msgspec.Struct):
    advance_seconds: float | None = None
    rate: float | None = None


class _LimitsIn(msgspec.Struct):
    provider: str = "*"
    enabled: bool = True


def _wrong(message: str, status: int = 400) -> Refused:
    return Refused(Answer.json({"error": message}, status))


def _read(request: Request, shape: type[_Body]) -> _Body:
    try:
        return msgspec.json.decode(request.body or b"{}", type=shape)
    except msgspec.MsgspecError as error:
        raise _wrong(str(error)) from error


def _house_names(names: list[str], *, star: bool = False) -> list[str]:
    for name in names:
        if name not in HOUSE_NAMES and not (star and name == "*"):
            raise _wrong(f"unknown provider {name!r}; the house names are {', '.join(HOUSE_NAMES)}")
    return names


class Control:
    """Answers control calls on one world.

    Args:
        world: the world to drive.
        takes_any_token: house names of dialects where every token is an account.
    """

    def __init__(self, world: World, takes_any_token: frozenset[str]) -> None:
        self._world = world
        self._any_token = takes_any_token
        self._digests: dict[tuple[str, str, int], str] = {}
        self._routes: dict[tuple[str, str], Callable[[Request], Answer | Awaitable[Answer]]] = {
            ("PUT", "/bytes"): self._keep_bytes,
            ("POST", "/content"): self._define_content,
            ("GET", "/content"): self._contents,
            ("POST", "/hosters"): self._define_hoster,
            ("GET", "/hosters"): self._hoster,
            ("POST", "/faults"): self._order_fault,
            ("GET", "/faults"): self._faults,
            ("POST", "/clock"): self._drive_clock,
            ("GET", "/clock"): self._clock,
            ("GET", "/calls"): self._calls,
            ("GET", "/transfers"): self._transfers,
            ("POST", "/limits"): self._switch_limits,
            ("GET", "/limits"): self._limits,
            ("POST", "/reset"): self._reset,
        }

    async def answer(self, request: Request) -> Answer:
        """One control call; ``request.path`` is below the prefix."""
        try:
            if request.method == "GET" and request.path.startswith("/content/"):
                return await self._content(request.path.removeprefix("/content/"))
            handler = self._routes.get((request.method, request.path))
            if handler is None:
                known = sorted({path for _, path in self._routes})
                raise _wrong(f"no such control call; there are {', '.join(known)}", 404)
            answer = handler(request)
            return answer if isinstance(answer, Answer) else await answer
        except Refused as refused:
            return refused.answer

    # Content and hosters

    def _define_content(self, request: Request) -> Answer:
        told = _read(request, _ContentIn)
        if bool(told.info_hash) == bool(told.url):
            raise _wrong("give exactly one of info_hash and url")
        source = _hash(told.info_hash) if told.info_hash else told.url
        fallback = default_content(source)
        name = told.name or fallback.name
        files = tuple(map(self._file, told.files or ()))
        if not files:
            files = (ContentFile(name, fallback.size),)
        if any(not file.path or not 0 <= file.size <= _MAX_SIZE for file in files):
            raise _wrong("every file needs a path and a size of 0 bytes or more")
        if told.seconds_to_ready < 0:
            raise _wrong("seconds_to_ready must be zero or more")
        content = Content(
            source=source,
            name=name,
            files=files,
            cached_on=tuple(_house_names(told.cached_on)),
            seconds_to_ready=told.seconds_to_ready,
            dies=told.dies,
            blocked_on=tuple(_house_names(told.blocked_on)),
        )
        self._world.define(content)
        return Answer.json(_shown(content))

    def _file(self, told: _FileIn) -> ContentFile:
        """A file as told; the size of bytes that were handed in is known."""
        size = told.size
        if told.bytes:
            kept = self._world.bytes.size(told.bytes)
            if kept is None:
                raise _wrong("nothing was handed in under this digest; PUT /bytes answers it")
            if size is not None and size != kept:
                raise _wrong(f"these bytes are {kept}, not {size}; leave size out")
            size = kept
        if size is None:
            raise _wrong("every file needs a path and a size of 0 bytes or more")
        return ContentFile(told.path, size, told.bytes)

    def _keep_bytes(self, request: Request) -> Answer:
        try:
            digest = self._world.bytes.put(request.body)
        except ValueError as error:
            raise _wrong(str(error), 413) from error
        return Answer.json({"sha256": digest, "size": len(request.body)})

    async def _content(self, text: str) -> Answer:
        return Answer.json(await self._with_digests(self._world.content(_hash(text))))

    async def _contents(self, request: Request) -> Answer:
        url = request.query.get("url")
        if not url:
            raise _wrong("name a url, or a hash as /content/<info_hash>")
        return Answer.json(await self._with_digests(self._world.content(url)))

    async def _with_digests(self, content: Content) -> dict[str, Any]:
        shown = _shown(content)
        for row in shown["files"]:
            row["sha256"] = row.get("bytes") or await self._digest(content.id, row["path"], row["size"])
        return shown

    async def _digest(self, content_id: str, path: str, size: int) -> str:
        key = (content_id, path, size)
        if key not in self._digests:
            self._digests[key] = await asyncio.to_thread(sha256_of, *key)
        return self._digests[key]

    def _define_hoster(self, request: Request) -> Answer:
        told = _read(request, _HosterIn)
        if not told.url:
            raise _wrong("url is missing")
        fallback = default_content(told.url)
        size = fallback.size if told.size is None else told.size
        if not 0 <= size <= _MAX_SIZE:
            raise _wrong("size must be 0 bytes or more")
        link = HosterLink(told.url, told.name or fallback.name, size, told.state)
        self._world.define_hoster(link)
        return Answer.json(msgspec.to_builtins(link))

    async def _hoster(self, request: Request) -> Answer:
        url = request.query.get("url")
        if not url:
            raise _wrong("url is missing")
        link = self._world.hoster(url)
        content = self._world.content(url)
        digest = await self._digest(content.id, link.name, link.size)
        return Answer.json({**msgspec.to_builtins(link), "sha256": digest})

    # Faults, clock, limits

    def _order_fault(self, request: Request) -> Answer:
        told = _read(request, _FaultIn)
        _house_names([told.provider], star=True)
        if told.fault is None and told.times != 0:
            raise _wrong(f"fault is missing; there are {', '.join(FaultKind)}")
        if told.times < 0 or told.seconds < 0 or not (told.status == 0 or 200 <= told.status <= 599):
            raise _wrong("times and seconds must be zero or more, status 0 or 200 to 599")
        for kind in [told.fault] if told.fault else FaultKind:
            fault = Fault(
                provider=told.provider,
                fault=kind,
                call=told.call,
                times=told.times,
                seconds=told.seconds,
                status=told.status,
            )
            self._world.faults.order(fault)
        self._world.keep_faults()
        return self._faults(request)

    def _faults(self, request: Request) -> Answer:
        return Answer.json({"items": self._world.faults.open})

    def _drive_clock(self, request: Request) -> Answer:
        told = _read(request, _ClockIn)
        if told.advance_seconds is None and told.rate is None:
            raise _wrong("give advance_seconds, rate or both")
        try:
            if told.rate is not None:
                self._world.clock.set_rate(told.rate)
            if told.advance_seconds is not None:
                self._world.clock.advance(told.advance_seconds)
        except ValueError as error:
            raise _wrong(str(error)) from error
        self._world.keep_clock()
        return self._clock(request)

    def _clock(self, request: Request) -> Answer:
        return Answer.json({"now": self._world.clock.now(), "rate": self._world.clock.rate})

    def _switch_limits(self, request: Request) -> Answer:
        told = _read(request, _LimitsIn)
        _house_names([told.provider], star=True)
        for provider in HOUSE_NAMES if told.provider == "*" else (told.provider,):
            self._world.limits.switch(provider, enabled=told.enabled)
        self._world.keep_limits()
        return self._limits(request)

    def _limits(self, request: Request) -> Answer:
        enabled = self._world.limits.enabled
        return Answer.json({"items": [{"provider": name, "enabled": enabled(name)} for name in HOUSE_NAMES]})

    # The truth

    def _calls(self, request: Request) -> Answer:
        calls = self._world.tap.calls(request.query.get("provider"))
        return Answer.json({"items": [call.shown() for call in calls]})

    def _transfers(self, request: Request) -> Answer:
        provider = request.query.get("provider")
        _house_names([provider])
        token = request.query.get("token")
        account = account_of(provider, token, any_token=provider in self._any_token)
        if account is None:
            return Answer.json({"items": []})
        rows = [
            {
                "id": transfer.id,
                "info_hash": transfer.source if is_hash(transfer.source) else None,
                "state": self._world.progress(transfer).phase,
                "created_at": transfer.created_at,
                **({} if is_hash(transfer.source) else {"url": transfer.source}),
            }
            for transfer in reversed(self._world.transfers(account))
        ]
        return Answer.json({"items": rows})

    def _reset(self, request: Request) -> Answer:
        self._world.reset()
        return self._clock(request)


def _hash(text: str) -> str:
    found = read_hash(text[:40] if len(text) == 64 else text)
    if found is None:
        raise _wrong("an info hash has 40 hex characters")
    return found


def _shown(content: Content) -> dict[str, Any]:
    """A content in the words of the contract."""
    return {
        ("info_hash" if is_hash(content.source) else "url"): content.source,
        "name": content.name,
        "files": [_shown_file(file) for file in content.files],
        "cached_on": list(content.cached_on),
        "seconds_to_ready": content.seconds_to_ready,
        "dies": content.dies,
        "blocked_on": list(content.blocked_on),
    }


def _shown_file(file: ContentFile) -> dict[str, Any]:
    return {"path": file.path, "size": file.size, **({"bytes": file.bytes} if file.bytes else {})}
