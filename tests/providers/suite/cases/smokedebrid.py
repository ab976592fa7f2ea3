"""SmokeDebrid in the suite."""

from tests.providers.suite.case import Case

from sluicegate.core.provider import Capability
from sluicegate.core.transfers import TransferState
from sluicegate.providers.smokedebrid.adapter import SmokeDebrid

CASE = Case(
    adapter=SmokeDebrid,
    base_path="/smokedebrid/v1",
    state_field="state",
    states={
        "queued": TransferState.QUEUED,
        "resolving": TransferState.RESOLVING,
        "selecting": TransferState.SELECTING,
        "downloading": TransferState.DOWNLOADING,
        "processing": TransferState.PROCESSING,
        "ready": TransferState.READY,
        "failed": TransferState.FAILED,
    },
    wrong_token=None,
    bodiless=frozenset({Capability.REMOVE}),
    takes_any_link=True,
)
