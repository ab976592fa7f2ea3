"""What every provider dialect is: routes in the provider's words over the one world."""

import re
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import ClassVar

from sluicegate.sandbox.accounts import Account, account_of
from sluicegate.sandbox.content import Content
from sluicegate.sandbox.faults import Fault
from sluicegate.sandbox.limits import Rate, Refusal
from sluicegate.sandbox.links import PACKED, FileLink, LinkSigner
from sluicegate.sandbox.wire import Answer, Refused, Request
from sluicegate.sandbox.world import World

__all__ = ["Call", "Dialect", "Handler", "Route"]


@dataclass(slots=True)
class Call:
    """A request that passed the door.

    Attributes:
        request: as received.
        params: path parameters.
    """

    request: Request
    params: dict[str, str]
    _account: Account | None

    @property
    def account(self) -> Account:
        """Who calls; only routes that are not ``open`` may ask."""
        assert self._account is not None  # noqa: S101 - Dialect.answer let nobody else in
        return self._account

    @property
    def visitor(self) -> Account | None:
        """Who calls, if anybody known: for open routes."""
        return self._account


Handler = Callable[[Call], Answer]


@dataclass(frozen=True, slots=True)
class Route:
    """One documented call: ``pattern`` may hold ``{name}`` for one path segment; ``open`` needs no token."""

    method: str
    pattern: str
    handler: Handler
    open: bool = False


@dataclass(slots=True)
class _Table:
    exact: dict[tuple[str, str], Route] = field(default_factory=dict)
    shaped: list[tuple[str, re.Pattern[str], Route]] = field(default_factory=list)

    def add(self, route: Route) -> None:
        if "{" in route.pattern:
            shape = re.sub(r"\\{(\w+)\\}", r"(?P<\1>[^/]+)", re.escape(route.pattern))
            self.shaped.append((route.method, re.compile(shape), route))
        else:
            self.exact[route.method, route.pattern] = route

    def find(self, method: str, path: str) -> tuple[Route, dict[str, str]] | None:
        route = self.exact.get((method, path))
        if route is not None:
            return route, {}
        for verb, shape, shaped in self.shaped:
            if verb == method and (found := shape.fullmatch(path)):
                return shaped, found.groupdict()
        return None

    def knows(self, path: str) -> bool:
        return any(known == path for _, known in self.exact) or any(s.fullmatch(path) for _, s, _ in self.shaped)


class Dialect(ABC):
    """One provider's protocol. Handlers are synchronous: they read and change the world and render an answer.

    A subclass says how a token is carried, which accounts are refused how, what its limits are and how each fault
    looks; the rest is its handlers. Raise ``Refused`` to leave a handler with an error answer.
    """

    name: ClassVar[str]
    """House name; also the first segment of every path."""

    any_token: ClassVar[bool] = False
    """Every non-empty token is a premium account (SmokeDebrid)."""

    link_seconds: ClassVar[float] = 86_400
    """World seconds that a direct link works."""

    def __init__(self, world: World, links: LinkSigner) -> None:
        self.world = world
        self._links = links
        self._table = _Table()
        for route in self.routes():
            self._table.add(route)

    # What a dialect must say

    @abstractmethod
    def routes(self) -> Iterable[Route]:
        """Every call that the provider has."""

    @abstractmethod
    def token(self, request: Request) -> str:
        """The credential of a request in any of the provider's forms, empty if none came."""

    @abstractmethod
    def refusal(self, account: Account | None, token: str) -> Answer | None:
        """The answer to a missing, wrong or locked credential; None lets it in."""

    @abstractmethod
    def fault(self, fault: Fault, request: Request) -> Answer:
        """The provider's own answer for a fault that is one (``rate_limited`` to ``gone``)."""

    @abstractmethod
    def over_limit(self, refusal: Refusal, request: Request) -> Answer:
        """The answer to a call beyond a published rate."""

    @abstractmethod
    def unknown_path(self, request: Request) -> Answer:
        """The answer where nothing is routed."""

    def wrong_method(self, request: Request) -> Answer:
        """The answer to a known path with another verb."""
        return self.unknown_path(request)

    def rates(self, request: Request) -> Iterable[Rate]:
        """The limits that a request counts against before it is handled."""
        return ()

    def finished(self, answer: Answer, request: Request, account: Account | None) -> Answer:
        """The answer with what the provider puts on every one (headers)."""
        return answer

    def doubled_error(self, fault: Fault, request: Request) -> Answer | None:
        """The error that a ``doubled`` fault with an error status shows twice; None doubles the real answer."""
        return None

    def dead_link(self) -> Answer:
        """What an expired direct link answers."""
        return Answer.text("Not Found\n", 404)

    # What every dialect gets

    def account(self, token: str) -> Account | None:
        """Whose token it is, None for a bad or revoked one."""
        account = account_of(self.name, token, any_token=self.any_token)
        if account is not None and self.world.record(account, "revoked", "token"):
            return None
        return account

    def over(self, request: Request, account: Account | None) -> Refusal | None:
        """Count a request against its limits."""
        for rate in self.rates(request):
            refused = self.count(rate, request, account)
            if refused is not None:
                return refused
        return None

    def count(self, rate: Rate, request: Request, account: Account | None) -> Refusal | None:
        """Count a request against one limit; handlers call it for limits that depend on what was asked."""
        refused = self.world.limits.take(self.name, account.id if account else "-", rate, self.world.clock.now())
        if refused is None or rate.refused_count:
            request.counted.append((rate.name, rate.count, rate.per))
        return refused

    def answer(self, request: Request, account: Account | None) -> Answer:
        """Route, let in, handle."""
        found = self._table.find(request.method, request.path)
        if found is None:
            known = self._table.knows(request.path)
            return self.wrong_method(request) if known else self.unknown_path(request)
        route, params = found
        if not route.open:
            refused = self.refusal(account, self.token(request))
            if refused is not None:
                return refused
        try:
            return route.handler(Call(request, params, account))
        except Refused as refused_call:
            return refused_call.answer

    @property
    def limited(self) -> bool:
        """Whether this provider's slots and caps hold now."""
        return self.world.limits.enabled(self.name)

    def file_link(self, content: Content, index: int, seconds: float | None = None) -> str:
        """A fresh direct link to one file of a content."""
        file = content.files[index]
        name = file.path.rpartition("/")[2] or "file"
        return self._link(content, index, file.size, name, seconds)

    def packed_link(self, content: Content, name: str, size: int, seconds: float | None = None) -> str:
        """A fresh direct link to an archive of a content's files."""
        return self._link(content, PACKED, size, name, seconds)

    def _link(self, content: Content, index: int, size: int, name: str, seconds: float | None) -> str:
        target = FileLink(self.name, content.id, index, size, name)
        lifetime = self.link_seconds if seconds is None else seconds
        return self._links.link(target, self.world.clock.now() + lifetime)
