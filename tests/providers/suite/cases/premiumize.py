"""Premiumize in the suite."""

from typing import Any

from tests.providers.suite.case import Case

from sluicegate.core.errors import UpstreamUnavailable
from sluicegate.core.provider import Capability
from sluicegate.core.transfers import TransferState
from sluicegate.providers.premiumize.adapter import Premiumize


class _Case(Case):
    """The envelope has a ``status``, too; and what is ready has a folder."""

    def with_state(self, document: Any, word: str) -> Any:
        if "transfers" not in document:
            return document
        rows = [{**row, "status": word, "folder_id": "content"} for row in document["transfers"]]
        return {**document, "transfers": rows}


CASE = _Case(
    adapter=Premiumize,
    base_path="/premiumize/api",
    states={
        "waiting": TransferState.QUEUED,
        "queued": TransferState.QUEUED,
        "running": TransferState.DOWNLOADING,
        "seeding": TransferState.READY,
        "finished": TransferState.READY,
        "error": TransferState.FAILED,
        "timeout": TransferState.FAILED,
        "banned": TransferState.FAILED,
        "deleted": TransferState.FAILED,
    },
    requests={Capability.FILES: 3, Capability.REMOVE: 4},
    faults={"expired_link": UpstreamUnavailable},
    tells_hash=False,
    default_wait=120.0,
    open_calls=frozenset({Capability.HOSTERS}),
    lacking_faults=frozenset({"gone"}),
    refuses_late=True,
)
