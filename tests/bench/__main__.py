"""``python -m tests.bench [--rows NAME …] [--rounds N]``: measures, prints a table, writes ``.bench/<time>.json``."""

import argparse
import importlib
import os
import pkgutil
import platform
import sys
from datetime import UTC, datetime
from pathlib import Path

from tests.bench import rows
from tests.bench.harness import Report, Row, run_row, table, write_json

__all__ = ["main"]


def main() -> int:
    """Exit code 0 when every goal that could be decided holds, 1 when one does not."""
    available = {name: importlib.import_module(f"{rows.__name__}.{name}") for name in _names()}
    parser = argparse.ArgumentParser(prog="python -m tests.bench", description=__doc__)
    parser.add_argument("--rows", nargs="+", choices=sorted(available), help="only these (all by default)")
    parser.add_argument("--rounds", type=int, help="runs of each side (by default as each row says)")
    chosen = parser.parse_args()
    reports: list[Report] = []
    for name, module in available.items():
        if not chosen.rows or name in chosen.rows:
            row: Row = module.ROW
            reports.append(run_row(row, rounds=chosen.rounds, say=lambda text: print(text, file=sys.stderr)))
    print(table(reports))
    path = Path(".bench") / f"{datetime.now(UTC):%Y%m%dT%H%M%SZ}.json"
    write_json(reports, path, _machine())
    print(f"\nwritten to {path}")
    return 1 if any(report.verdict(metric) is False for report in reports for metric in report.row.metrics) else 0


def _names() -> list[str]:
    return sorted(module.name for module in pkgutil.iter_modules(rows.__path__))


def _machine() -> dict[str, object]:
    return {"processors": os.cpu_count(), "system": platform.platform(), "python": platform.python_version()}


if __name__ == "__main__":
    sys.exit(main())
