"""Debrid-Link in the suite."""

from collections.abc import Sequence
from typing import Any

from tests.providers.suite.case import Case

from sluicegate.core.errors import CoolingDown
from sluicegate.core.names import disambiguate
from sluicegate.core.provider import Capability
from sluicegate.core.transfers import TransferState
from sluicegate.providers.debridlink.adapter import DebridLink


class _Case(Case):
    """The state is a number beside ``wait``, and files have bare names."""

    def with_state(self, document: Any, word: str) -> Any:
        if isinstance(document, list):
            return [self.with_state(item, word) for item in document]
        if not isinstance(document, dict):
            return document
        if "status" in document:
            return {**document, "status": int(word) if word.isdecimal() else word, "wait": False}
        return {key: self.with_state(value, word) for key, value in document.items()}

    def shown_paths(self, paths: Sequence[str]) -> list[str]:
        return list(disambiguate(path.rpartition("/")[2] for path in paths))


CASE = _Case(
    adapter=DebridLink,
    base_path="/debridlink/api/v2",
    states={
        "0": TransferState.STALLED,
        "1": TransferState.QUEUED,
        "2": TransferState.DOWNLOADING,
        "3": TransferState.QUEUED,
        "4": TransferState.DOWNLOADING,
        "5": TransferState.DOWNLOADING,
        "6": TransferState.DOWNLOADING,
        "8": TransferState.DOWNLOADING,
        "100": TransferState.READY,
        "7": TransferState.UNKNOWN,
    },
    faults={"rate_limited": CoolingDown},
    default_wait=3600.0,
    open_calls=frozenset({Capability.HOSTERS}),
    small_page=20,
    link_days=366,
)
