"""Real-Debrid in the suite."""

from typing import Any

from tests.providers.suite.case import Case

from sluicegate.core.provider import Capability
from sluicegate.core.transfers import TransferState
from sluicegate.providers.realdebrid.adapter import RealDebrid

S = TransferState


class RealDebridCase(Case):
    """``downloaded`` means ready only together with links."""

    def with_state(self, document: Any, word: str) -> Any:
        told = super().with_state(document, word)
        for row in told if isinstance(told, list) else [told]:
            if isinstance(row, dict) and "links" in row:
                row["links"] = ["https://real-debrid.com/d/QW3RT7YUIO9PAVN4"] if word == "downloaded" else []
        return told


CASE = RealDebridCase(
    adapter=RealDebrid,
    base_path="/realdebrid/rest/1.0",
    state_field="status",
    states={
        "magnet_conversion": S.RESOLVING,
        "waiting_files_selection": S.SELECTING,
        "queued": S.QUEUED,
        "downloading": S.DOWNLOADING,
        "compressing": S.PROCESSING,
        "uploading": S.PROCESSING,
        "downloaded": S.READY,
        "magnet_error": S.FAILED,
        "error": S.FAILED,
        "virus": S.FAILED,
        "dead": S.FAILED,
    },
    requests={Capability.MAGNET: 2, Capability.TORRENT_FILE: 2},
    bodiless=frozenset({Capability.SELECT, Capability.REMOVE}),
    rightly_empty=frozenset({(b"{}", Capability.HOSTERS), (b"[]", Capability.HOSTERS), (b"[]", Capability.LIST)}),
)
