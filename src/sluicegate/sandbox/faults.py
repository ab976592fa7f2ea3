"""Misbehaviour on request: which of the next calls go wrong, and how."""

from enum import StrEnum
from fnmatch import fnmatchcase
from typing import Final

import msgspec

__all__ = ["ANY_CALL", "Fault", "FaultKind", "Faults"]

ANY_CALL: Final = "*"


class FaultKind(StrEnum):
    """Every fault there is. The first six damage the wire; the others are the provider's own documented answers."""

    SLOW = "slow"
    HANG = "hang"
    RESET = "reset"
    CUT = "cut"
    HTML = "html"
    DOUBLED = "doubled"
    RATE_LIMITED = "rate_limited"
    SERVER_ERROR = "server_error"
    QUOTA = "quota"
    SLOTS_FULL = "slots_full"
    EXPIRED_LINK = "expired_link"
    BAD_TOKEN = "bad_token"  # noqa: S105 - the name of a fault
    GONE = "gone"


class Fault(msgspec.Struct, kw_only=True):
    """One order to misbehave.

    Attributes:
        provider: house name, or ``*`` for all.
        call: ``*`` (every call of the provider; fetches of bytes only for ``expired_link``), or a shell pattern for the
            path, with or without the provider's prefix and with or without a method in front
            (``POST /v1/api/torrents/*``, ``/files/*``).
        fault: what happens.
        times: how many matching calls are left.
        seconds: wall seconds: the delay of ``slow``, the longest hold of ``hang``, the ``Retry-After`` of
            ``rate_limited`` and the cool-down of ``quota`` where the provider tells one.
        status: HTTP status instead of the documented one; 0 keeps that.
    """

    provider: str
    fault: FaultKind
    call: str = ANY_CALL
    times: int = 1
    seconds: float = 0.0
    status: int = 0

    def matches(self, provider: str, method: str, path: str) -> bool:
        """Whether a call is meant: ``path`` is as received, beginning with the provider's name (or ``/files``)."""
        if self.provider not in {provider, "*"}:
            return False
        if path.startswith("/files/") and self.call == ANY_CALL:
            return self.fault is FaultKind.EXPIRED_LINK
        if self.call == ANY_CALL:
            return True
        own = path.removeprefix("/" + provider)
        forms = (path, own, path[1:], own[1:])
        return any(fnmatchcase(form, self.call) or fnmatchcase(f"{method} {form}", self.call) for form in forms)


class Faults:
    """The orders still open, oldest first."""

    def __init__(self) -> None:
        self._open: list[Fault] = []

    @property
    def open(self) -> list[Fault]:
        """Orders with calls left."""
        return list(self._open)

    def order(self, fault: Fault) -> None:
        """Add an order; ``times`` 0 takes back the open ones of that provider, pattern and kind (``*`` takes all)."""
        if fault.times > 0:
            self._open.append(fault)
            return
        self._open = [
            old
            for old in self._open
            if old.fault is not fault.fault
            or fault.provider not in {old.provider, "*"}
            or fault.call not in {old.call, ANY_CALL}
        ]

    def take(self, provider: str, method: str, path: str) -> Fault | None:
        """The fault that this call suffers, used up once."""
        for fault in self._open:
            if fault.matches(provider, method, path):
                fault.times -= 1
                if fault.times <= 0:
                    self._open.remove(fault)
                return fault
        return None

    def restore(self, faults: list[Fault]) -> None:
        """Take over orders that were kept."""
        self._open = list(faults)

    def reset(self) -> None:
        """Forget all orders."""
        self._open.clear()
