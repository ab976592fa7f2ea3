"""Torrin's StremThru store in the suite."""

from tests.providers.suite.case import Case

from sluicegate.core.provider import Capability
from sluicegate.core.transfers import TransferState
from sluicegate.providers.stremthru.adapter import StremThru

CASE = Case(
    adapter=StremThru,
    dialect="torrin",
    base_path="/torrin/v0/store",
    state_field="status",
    states={
        "queued": TransferState.QUEUED,
        "downloading": TransferState.DOWNLOADING,
        "processing": TransferState.PROCESSING,
        "uploading": TransferState.PROCESSING,
        "downloaded": TransferState.READY,
        "failed": TransferState.FAILED,
        "invalid": TransferState.RESOLVING,
        "unknown": TransferState.UNKNOWN,
    },
    requests={Capability.LINK: 2},
    uncached=None,
    tells_progress=False,
    bodiless=frozenset({Capability.REMOVE}),
)
