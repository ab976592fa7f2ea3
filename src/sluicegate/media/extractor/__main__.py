"""``python -I -m sluicegate.media.extractor``: one order on standard input, reports on standard output.

With arguments it is a launcher whose children do that, with everything loaded before (``forking.py``).
"""

import os
import sys
import tempfile
from collections.abc import Callable
from typing import Final

import msgspec

from sluicegate.core.errors import SluicegateError
from sluicegate.media.confine import Confinement, confine, readable_by_python
from sluicegate.media.forking import launch
from sluicegate.media.wire import Order, Refused, Report

_UNWANTED: Final = ("requests", "curl_cffi", "websockets", "brotli", "brotlicffi", "secretstorage", "xattr", "mutagen")
"""Packages that yt-dlp would use if they happen to be installed: other ways to the network, cookies, tags."""


def main() -> None:
    """Carries out one order; with arguments, forks children that each do so."""
    if sys.argv[1:]:
        launch(_prepare, _carry_out)
    else:
        _carry_out()


def _prepare() -> None:
    """Loads whatever any order could need."""
    _hide_unwanted()
    from sluicegate.media.extractor import work  # noqa: F401  (loaded for the forks)
    from sluicegate.media.extractor.reader import prepare

    prepare(_no_order())


def _carry_out() -> None:
    """Does what the order says. Every outcome is a report; a child that dies without one has broken."""
    report = _reporter()
    _hide_unwanted()
    # Before confinement: shared libraries may lie anywhere.
    from sluicegate.media.extractor.audit import forbid
    from sluicegate.media.extractor.failures import explain
    from sluicegate.media.extractor.work import perform

    raw = sys.stdin.buffer.read()
    if not raw:
        return  # whoever wanted it has gone meanwhile
    order = msgspec.json.decode(raw, type=Order)
    _settle(order.confinement.folder)
    confine(order.confinement, read=readable_by_python())
    forbid(order.proxy)
    try:
        perform(order, report)
    except Exception as error:  # noqa: BLE001  (the last frame: every failure becomes a report)
        report(_refused(explain(error)))


def _hide_unwanted() -> None:
    for name in _UNWANTED:
        sys.modules[name] = None  # type: ignore[assignment]  # makes the import fail, as if it were not installed


def _no_order() -> Order:
    nowhere = Confinement(parent=0, folder="/nonexistent", cpu_seconds=0, memory=0, file_size=0)
    return Order(url="http://page.invalid/", confinement=nowhere, proxy="http://127.0.0.1:9/")


def _settle(folder: str) -> None:
    """Makes ``folder`` its home; until the order came it had none."""
    os.chdir(folder)
    os.environ["HOME"] = os.environ["TMPDIR"] = folder
    tempfile.tempdir = None


def _reporter() -> Callable[[Report], None]:
    """Keeps the real standard output for reports; whatever foreign code prints goes to the error output."""
    out = os.fdopen(os.dup(1), "wb", buffering=0)
    os.dup2(2, 1)
    return lambda report: (out.write(msgspec.json.encode(report) + b"\n"), None)[1]


def _refused(error: SluicegateError) -> Refused:
    return Refused(code=error.code, detail=error.detail, action=error.action, retry_after=error.retry_after)


if __name__ == "__main__":
    main()
