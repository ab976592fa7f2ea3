"""``python -I -m sluicegate.media.extractor``: one order on standard input, reports on standard output."""

import os
import sys
from collections.abc import Callable
from typing import Final

import msgspec

from sluicegate.core.errors import SluicegateError
from sluicegate.media.confine import Confinement, confine, readable_by_python
from sluicegate.media.wire import Order, Refused, Report

_UNWANTED: Final = ("requests", "curl_cffi", "websockets", "brotli", "brotlicffi", "secretstorage", "xattr", "mutagen")
"""Packages that yt-dlp would use if they happen to be installed: other ways to the network, cookies, tags."""


def main() -> None:
    """Does what the order says. Every outcome is a report; a child that dies without one has broken."""
    report = _reporter()
    for name in _UNWANTED:
        sys.modules[name] = None  # type: ignore[assignment]  # makes the import fail, as if it were not installed
    # Before the order, which may come much later, and before confinement: shared libraries may lie anywhere.
    from sluicegate.media.extractor.audit import forbid
    from sluicegate.media.extractor.failures import explain
    from sluicegate.media.extractor.reader import prepare
    from sluicegate.media.extractor.work import perform

    if sys.argv[1:] == ["ahead"]:
        prepare(_no_order())
    raw = sys.stdin.buffer.read()
    if not raw:
        return  # it was started ahead of time, and nobody needs it
    order = msgspec.json.decode(raw, type=Order)
    _settle(order.confinement.folder)
    confine(order.confinement, read=readable_by_python())
    forbid(order.proxy)
    try:
        perform(order, report)
    except Exception as error:  # noqa: BLE001  (the last frame: every failure becomes a report)
        report(_refused(explain(error)))


def _no_order() -> Order:
    nowhere = Confinement(parent=0, folder="/nonexistent", cpu_seconds=0, memory=0, file_size=0)
    return Order(url="http://page.invalid/", confinement=nowhere, proxy="http://127.0.0.1:9/")


def _settle(folder: str) -> None:
    """Makes ``folder`` its home; until the order came it had none."""
    os.chdir(folder)
    os.environ["HOME"] = os.environ["TMPDIR"] = folder


def _reporter() -> Callable[[Report], None]:
    """Keeps the real standard output for reports; whatever foreign code prints goes to the error output."""
    out = os.fdopen(os.dup(1), "wb", buffering=0)
    os.dup2(2, 1)
    return lambda report: (out.write(msgspec.json.encode(report) + b"\n"), None)[1]


def _refused(error: SluicegateError) -> Refused:
    return Refused(code=error.code, detail=error.detail, action=error.action, retry_after=error.retry_after)


if __name__ == "__main__":
    main()
