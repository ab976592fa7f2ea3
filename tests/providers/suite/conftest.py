"""Runs every check for every case, and notes what came of it."""

from collections.abc import AsyncIterator, Generator
from typing import Any

import pytest
from tests.providers.suite.case import Case, all_cases
from tests.providers.suite.interposer import Interposer
from tests.providers.suite.stage import Stage
from tests.sandbox.caller import Caller

from sluicegate.core.provider import Capability
from sluicegate.net.http import Http

RESULTS = "provider_suite/results"
"""Name in pytest's cache: ``{check: {provider: ["passed" | "skipped: why" | "failed", …]}}``."""

_found = pytest.StashKey[dict[str, dict[str, list[str]]]]()


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """``case``: every provider; ``claimed``: every provider with every operation that it claims."""
    names = set(metafunc.fixturenames)
    if "claimed" in names:
        pairs = [(case, one) for case in all_cases() for one in Capability if case.adapter.can(one)]
        metafunc.parametrize(("case", "claimed"), pairs, ids=[f"{case}-{one}" for case, one in pairs])
    elif "case" in names:
        metafunc.parametrize("case", all_cases(), ids=str)


@pytest.fixture
async def stage(case: Case, sandbox: Caller, interposer: Interposer, http: Http) -> AsyncIterator[Stage]:
    """The case's provider on a fresh world."""
    stage = Stage(case, sandbox, interposer, http)
    yield stage
    await stage.close()


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, Any, None]:
    outcome = yield
    report = outcome.get_result()
    case = getattr(item, "callspec", None) and item.callspec.params.get("case")  # type: ignore[attr-defined]
    if not isinstance(case, Case) or (report.when != "call" and report.outcome == "passed"):
        return
    function = item.function  # type: ignore[attr-defined]
    check = (function.__doc__ or function.__name__).splitlines()[0].rstrip(".")
    word = str(report.outcome)
    if report.skipped and isinstance(report.longrepr, tuple):
        word = "skipped: " + report.longrepr[2].removeprefix("Skipped: ")
    found = item.config.stash.setdefault(_found, {})
    found.setdefault(check, {}).setdefault(case.name, []).append(word)


def pytest_sessionfinish(session: pytest.Session) -> None:
    """Keeps what came of each check at its last run, for ``python -m tests.providers.suite.report``."""
    found = session.config.stash.get(_found, None)
    kept = getattr(session.config, "cache", None)
    if found and kept is not None:
        known = kept.get(RESULTS, {})
        kept.set(RESULTS, {check: known.get(check, {}) | found.get(check, {}) for check in {**known, **found}})


def pytest_terminal_summary(terminalreporter: Any, config: pytest.Config) -> None:
    """Check by provider, as one line per check: how many passed, skipped and failed."""
    found = config.stash.get(_found, None)
    if not found:
        return
    terminalreporter.section("provider suite")
    for check, providers in found.items():
        told = ", ".join(f"{name} {_sum(words)}" for name, words in sorted(providers.items()))
        terminalreporter.write_line(f"{check}: {told}")


def _sum(words: list[str]) -> str:
    counts = {"passed": 0, "skipped": 0, "failed": 0}
    for word in words:
        counts[word.partition(":")[0]] += 1
    return "/".join(str(count) for count in counts.values())
