"""Runs rows: every side of a row is started, measured in turns, and compared by medians and by pairs of neighbours."""

import contextlib
import json
import statistics
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

__all__ = ["Metric", "Missing", "Report", "Row", "Side", "run_row", "table", "write_json"]

Measure = Callable[[], Mapping[str, float]]
Side = Callable[[], contextlib.AbstractContextManager[Measure]]
"""Starts what is to be measured and yields a function that does one run and returns a value for each metric."""


class Missing(Exception):
    """This side cannot be measured on this machine; the text says what is missing."""


@dataclass(frozen=True, slots=True)
class Metric:
    """One figure of a row.

    Attributes:
        goal: what must hold, as text for people; empty for figures without a demand.
        holds: decides the goal from the medians (by side) and the median ratio first side : second side; or None.
    """

    name: str
    unit: str
    goal: str = ""
    holds: Callable[[Mapping[str, float], float | None], bool] | None = None


@dataclass(frozen=True, slots=True)
class Row:
    """One question to measure. The first side is ours; a second one is what we are compared with.

    Attributes:
        how: how it is measured, so that a reader can judge the figures.
        rounds: runs of each side.
        compares: False when the sides answer different questions, so that their ratio means nothing.
    """

    name: str
    how: str
    metrics: Sequence[Metric]
    sides: Mapping[str, Side]
    rounds: int = 5
    compares: bool = True


@dataclass(slots=True)
class Report:
    """What came out of a row: values by side and metric, in the order of the runs."""

    row: Row
    values: dict[str, dict[str, list[float]]] = field(default_factory=dict)
    missing: dict[str, str] = field(default_factory=dict)

    def median(self, side: str, metric: Metric) -> float | None:
        """The median of a side, None when it was not measured."""
        values = self.values.get(side, {}).get(metric.name)
        return statistics.median(values) if values else None

    def ratios(self, metric: Metric) -> list[float]:
        """First side divided by second side, run by run: neighbours in time share the machine's mood."""
        sides = [self.values.get(side, {}).get(metric.name, []) for side in self.row.sides]
        if not self.row.compares or len(sides) < 2 or not sides[0] or not sides[1]:
            return []
        return [first / second for first, second in zip(sides[0], sides[1], strict=True) if second]

    def verdict(self, metric: Metric) -> bool | None:
        """Whether the goal holds; None without a goal, or when a side it needs is missing."""
        medians = {side: value for side in self.row.sides if (value := self.median(side, metric)) is not None}
        ratios = self.ratios(metric)
        if metric.holds is None or not medians or self.missing:
            return None
        return metric.holds(medians, statistics.median(ratios) if ratios else None)


def run_row(row: Row, *, rounds: int | None = None, say: Callable[[str], None] = lambda _: None) -> Report:
    """Measures one row: A B, B A, A B … after one unmeasured run of each."""
    report = Report(row)
    with contextlib.ExitStack() as stack:
        running = dict(_started(row, report, stack))
        for name, measure in running.items():
            say(f"{row.name}: warming {name}")
            measure()
        for number in range(rounds or row.rounds):
            order = list(running)
            for name in order if number % 2 == 0 else reversed(order):
                say(f"{row.name}: {name}, run {number + 1}")
                for metric, value in running[name]().items():
                    report.values.setdefault(name, {}).setdefault(metric, []).append(value)
    return report


def _started(row: Row, report: Report, stack: contextlib.ExitStack) -> Iterator[tuple[str, Measure]]:
    for name, side in row.sides.items():
        try:
            yield name, stack.enter_context(side())
        except Missing as missing:
            report.missing[name] = str(missing)


def table(reports: Sequence[Report]) -> str:
    """The reports as text: one block for each row."""
    lines = []
    for report in reports:
        lines += ["", report.row.name, f"  how: {report.row.how}"]
        lines += [f"  {side}: not measured, {why}" for side, why in report.missing.items()]
        for metric in report.row.metrics:
            lines += _metric_lines(report, metric)
    return "\n".join(lines)


def _metric_lines(report: Report, metric: Metric) -> list[str]:
    lines = []
    for side in report.row.sides:
        values = report.values.get(side, {}).get(metric.name)
        if values:
            spread = f"{_figure(min(values))} to {_figure(max(values))}, {len(values)} runs"
            lines.append(
                f"  {metric.name:<28} {side:<22} {_figure(statistics.median(values)):>10} {metric.unit:<12} ({spread})"
            )
    if ratios := report.ratios(metric):
        first, second = list(report.row.sides)[:2]
        pairs = f"{_figure(min(ratios))} to {_figure(max(ratios))}"
        lines.append(f"  {'':<28} {first} : {second} = {_figure(statistics.median(ratios))} ({pairs})")
    if metric.goal:
        word = {True: "holds", False: "DOES NOT HOLD", None: "not decided"}[report.verdict(metric)]
        lines.append(f"  {'':<28} goal: {metric.goal}: {word}")
    return lines


def _figure(value: float) -> str:
    return f"{value:,.0f}" if abs(value) >= 100 else f"{value:.3g}"


def write_json(reports: Sequence[Report], path: Path, machine: Mapping[str, object]) -> None:
    """Everything that was measured, for comparing with other runs."""
    path.parent.mkdir(parents=True, exist_ok=True)
    rows = [
        {
            "row": report.row.name,
            "how": report.row.how,
            "missing": report.missing,
            "metrics": [
                {
                    "metric": metric.name,
                    "unit": metric.unit,
                    "goal": metric.goal,
                    "holds": report.verdict(metric),
                    "values": {side: values.get(metric.name, []) for side, values in report.values.items()},
                    "medians": {side: report.median(side, metric) for side in report.row.sides},
                    "ratios": report.ratios(metric),
                }
                for metric in report.row.metrics
            ],
        }
        for report in reports
    ]
    path.write_text(json.dumps({"machine": machine, "rows": rows}, indent=2) + "\n")
