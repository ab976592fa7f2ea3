"""TorBox in the suite."""

from typing import Any

from tests.providers.suite.case import Case

from sluicegate.core.errors import FileGone, TransferNotReady
from sluicegate.core.provider import Capability
from sluicegate.core.transfers import TransferState
from sluicegate.providers.torbox.adapter import TorBox

S = TransferState


class TorBoxCase(Case):
    """Words come in any case and with a remark in parentheses; the booleans outrank them."""

    def with_state(self, document: Any, word: str) -> Any:
        told = super().with_state(document, word)
        return _unfinished(told)

    def spellings(self, word: str) -> tuple[str, ...]:
        return (word, word.upper(), f"{word} (no seeds)")


def _unfinished(value: Any) -> Any:
    if isinstance(value, list):
        return [_unfinished(item) for item in value]
    if isinstance(value, dict):
        flags = {"download_finished", "download_present"}
        return {key: False if key in flags else _unfinished(item) for key, item in value.items()}
    return value


CASE = TorBoxCase(
    adapter=TorBox,
    base_path="/torbox/v1/api",
    state_field="download_state",
    states={
        "queued": S.QUEUED,
        "queuedDL": S.QUEUED,
        "checkingResumeData": S.QUEUED,
        "allocating": S.QUEUED,
        "waiting": S.QUEUED,
        "metaDL": S.RESOLVING,
        "downloading": S.DOWNLOADING,
        "forcedDL": S.DOWNLOADING,
        "checkingDL": S.DOWNLOADING,
        "incomplete": S.DOWNLOADING,
        "downloading 3 of 5": S.DOWNLOADING,
        "stalled": S.STALLED,
        "stalledDL": S.STALLED,
        "paused": S.STALLED,
        "pausedDL": S.STALLED,
        "processing": S.PROCESSING,
        "verifying": S.PROCESSING,
        "repairing": S.PROCESSING,
        "Direct Unpack: Completed": S.PROCESSING,
        "direct unpack 1/9": S.PROCESSING,
        "decrypting": S.PROCESSING,
        "moving": S.PROCESSING,
        "completed": S.PROCESSING,
        "cached": S.PROCESSING,
        "uploading": S.PROCESSING,
        "queuedUP": S.PROCESSING,
        "checkingUP": S.PROCESSING,
        "forcedUP": S.PROCESSING,
        "stalledUP": S.PROCESSING,
        "pausedUP": S.PROCESSING,
        "failed": S.FAILED,
        "failed: aborted": S.FAILED,
        "error": S.FAILED,
        "missing": S.FAILED,
        "missingFiles": S.FAILED,
        "expired": S.FAILED,
        "invalid nzb": S.FAILED,
    },
    faults={"server_error@link": TransferNotReady},
    open_calls=frozenset({Capability.HOSTERS}),
    web_errors={"down": FileGone},
)
