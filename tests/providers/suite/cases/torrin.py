"""Torrin's native API in the suite."""

from tests.providers.suite.case import Case

from sluicegate.core.errors import UpstreamServerError
from sluicegate.core.provider import Capability
from sluicegate.core.transfers import TransferState
from sluicegate.providers.torrin.adapter import Torrin

CASE = Case(
    adapter=Torrin,
    base_path="/torrin",
    state_field="status",
    states={
        "pending": TransferState.QUEUED,
        "queued": TransferState.QUEUED,
        "downloading": TransferState.DOWNLOADING,
        "processing": TransferState.PROCESSING,
        "publishing": TransferState.PROCESSING,
        "seeding": TransferState.READY,
        "complete": TransferState.READY,
        "failed": TransferState.FAILED,
        "evicted": TransferState.FAILED,
        "metadata": TransferState.RESOLVING,
        "cached": TransferState.READY,
    },
    faults={"expired_link": UpstreamServerError},  # "could not read from cache" with status 500
    open_calls=frozenset({Capability.HOSTERS}),
    rightly_empty=frozenset(
        {
            (b"null", Capability.LIST),
            (b"[]", Capability.LIST),
            (b"[]", Capability.HOSTERS),
            (b"{}", Capability.AVAILABILITY),
        }
    ),
    takes_any_link=True,
)
