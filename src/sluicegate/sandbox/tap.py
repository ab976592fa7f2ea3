"""The tap: every call that reached a dialect or a file, in order, without secrets."""

import re
from collections import deque
from pathlib import Path
from typing import Any, Final

import msgspec

from sluicegate.sandbox.journal import LineLog

__all__ = ["Tap", "TappedCall", "masked", "masked_query"]

_KEPT: Final = 200_000
_SHOWN: Final = 4
_SECRET_FIELDS: Final = re.compile(
    r"(?i)(^|&)(token|apikey|api_key|auth_token|access_token|pin|password|client_secret|sig)=([^&]*)"
)


def masked(secret: str) -> str:
    """A secret as the tap shows it: its last four characters behind an ellipsis, and nothing of a short one."""
    if not secret:
        return ""
    return "…" + (secret[-_SHOWN:] if len(secret) > _SHOWN else "")


def masked_query(query: str) -> str:
    """A query string with the values of credential fields masked."""
    return _SECRET_FIELDS.sub(lambda found: f"{found[1]}{found[2]}={masked(found[3])}", query)


class TappedCall(msgspec.Struct, kw_only=True, gc=False):
    """One call; the garbage collector need not walk through 200,000 of them now and then, as they refer to no other.

    Attributes:
        at: world time of arrival, Unix seconds.
        provider: house name; ``files`` for a fetch of bytes.
        method: as received.
        path: as received, with the provider's prefix.
        query: raw query string, secrets masked.
        token: the credential, masked.
        status: the answer's status; 0 while it is being answered and for calls whose connection was broken.
        seq: position in the tap.
        account: ``Account.id``, or ``-`` for nobody's.
        rates: the limits the call was counted against: name, calls, world seconds.
    """

    at: float
    provider: str
    method: str
    path: str
    query: str = ""
    token: str = ""
    status: int = 0
    seq: int = 0
    account: str = "-"
    rates: tuple[tuple[str, int, float], ...] = ()

    def shown(self) -> dict[str, Any]:
        """As the control API tells it."""
        return {
            "at": self.at,
            "provider": self.provider,
            "method": self.method,
            "path": self.path,
            "query": self.query,
            "token": self.token,
            "status": self.status,
        }


class Tap:
    """The last 200,000 calls, kept in a file when ``path`` is given."""

    def __init__(self, path: Path | None) -> None:
        self._log = LineLog(path)
        found = [msgspec.convert(line, TappedCall) for line in self._log.read() if isinstance(line, dict)]
        found.sort(key=lambda call: call.seq)
        self._calls: deque[TappedCall] = deque(found, maxlen=_KEPT)
        self._seq = self._calls[-1].seq if self._calls else 0
        self._appended = 0
        self._log.rewrite(self._calls)

    def arrive(self, call: TappedCall) -> None:
        """Note a call at its arrival."""
        self._seq += 1
        call.seq = self._seq
        self._calls.append(call)

    def done(self, call: TappedCall) -> None:
        """Keep a call whose outcome is known."""
        self._log.append(call)
        self._appended += 1
        if self._appended > _KEPT:
            self._appended = 0
            self._log.rewrite(self._calls)

    def calls(self, provider: str = "") -> list[TappedCall]:
        """Calls in order of arrival, of one provider or of all."""
        return [call for call in self._calls if not provider or call.provider == provider]

    def reset(self) -> None:
        """Forget all calls."""
        self._calls.clear()
        self._log.rewrite(())

    def close(self) -> None:
        """Give the file back."""
        self._log.close()
