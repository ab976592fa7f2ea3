"""How values and requests are made up: the same ones in every run, unless somebody searches for new ones.

A test run says something about the product only when a failure comes again. ``TEST_RANDOM=300`` searches instead: new
cases every time, and 300 of them in every test that asks a whole API.
"""

import ast
import os
import threading
from functools import wraps
from typing import Any, Final

from hypothesis import HealthCheck, Phase, settings
from hypothesis.internal.conjecture import providers

__all__ = ["cases", "load_profile"]

_SEARCHED: Final = int(os.environ.get("TEST_RANDOM") or 0)


def load_profile() -> None:
    """Makes every test of Hypothesis repeatable, whichever tests ran before it in the same process."""
    # A time limit for one case would fail on a busy machine.
    settings.register_profile("steady", derandomize=not _SEARCHED, deadline=None)
    settings.load_profile("steady")
    if not _SEARCHED:
        # Constants of our own modules are mixed in as far as these happen to be loaded, which earlier tests decide.
        providers._get_local_constants = lambda: providers._local_constants
    _one_tree_at_a_time()


def _one_tree_at_a_time() -> None:
    """Lets one thread parse Python at a time.

    CPython 3.11 counts the depth of all trees that are made at the same time in one variable, and takes what another
    thread has counted for a fault ("AST constructor recursion depth mismatch"). Requests are made up in one thread and
    answered in another, and both libraries read sources.
    """
    lock, parse = threading.RLock(), ast.parse

    @wraps(parse)
    def parse_alone(*arguments: Any, **options: Any) -> Any:
        with lock:
            return parse(*arguments, **options)

    ast.parse = parse_alone


def cases(count: int) -> settings:
    """Settings of a test that sends requests: so many, or as many as are searched for.

    Args:
        count: how many requests an ordinary run makes; each costs some milliseconds.
    """
    return settings(
        max_examples=_SEARCHED or count,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
