"""AllDebrid in the suite."""

from typing import Any

from tests.providers.suite.case import Case

from sluicegate.core.errors import UpstreamRateLimited
from sluicegate.core.transfers import TransferState
from sluicegate.providers.alldebrid.adapter import AllDebrid


class _Case(Case):
    """The state is a number; a word beside it is for people."""

    def with_state(self, document: Any, word: str) -> Any:
        if isinstance(document, list):
            return [self.with_state(item, word) for item in document]
        if not isinstance(document, dict):
            return document
        if "statusCode" in document:
            return {**document, "statusCode": int(word) if word.isdecimal() else 99, "status": word}
        return {key: self.with_state(value, word) for key, value in document.items()}


CASE = _Case(
    adapter=AllDebrid,
    base_path="/alldebrid",
    states={
        "0": TransferState.QUEUED,
        "1": TransferState.DOWNLOADING,
        "2": TransferState.PROCESSING,
        "3": TransferState.PROCESSING,
        "4": TransferState.READY,
        "5": TransferState.FAILED,
        "6": TransferState.FAILED,
        "7": TransferState.FAILED,
        "8": TransferState.FAILED,
        "9": TransferState.FAILED,
        "10": TransferState.FAILED,
        "11": TransferState.FAILED,
        "12": TransferState.FAILED,
        "13": TransferState.FAILED,
        "14": TransferState.FAILED,
        "15": TransferState.FAILED,
        "16": TransferState.UNKNOWN,
    },
    page_errors={503: UpstreamRateLimited},  # the limiter's other status, documented; it comes as a page
)
