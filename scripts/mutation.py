"""Changes one word of an adapter at a time and looks whether a test notices.

    python scripts/mutation.py                         # api.py and errors.py of every provider in the suite
    python scripts/mutation.py torbox --files adapter  # another file of one provider
    python scripts/mutation.py --every 5               # every fifth change only

What is changed: strings (paths, fields, enum words), numbers, truth values, wire names of struct members, error classes
and members of enums. Sentences for people, docstrings, ``__all__`` and how a dataclass is made are left alone.

A whole run is noted in tests/providers/suite/mutation.json, from which docs/providers.md is made.

The parent imports what is slow and forks a child per change; the child imports the changed module instead of the real
one and runs the provider's own tests and the suite up to the first failure, what is slow only for changes that the rest
lets through. Nothing on disk is touched.
"""

import argparse
import ast
import contextlib
import copy
import gc
import importlib
import importlib.abc
import importlib.machinery
import json
import os
import re
import signal
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import NoReturn

ROOT = Path(__file__).parents[1]
PROVIDERS = ROOT / "src" / "sluicegate" / "providers"
TESTS = ROOT / "tests" / "providers"
SUITE = TESTS / "suite"
CASES = SUITE / "cases"
SLOW = ("test_bodies", "test_faults")
WHOLE = ["api", "errors"]
NOTES = SUITE / "mutation.json"
WANTED = 0.9
OTHER_ERROR = "LinkExpired"
"""The class that takes the place of another error: a sibling of all, a parent of none."""
SENTENCE = re.compile(r"\s\S.*\s|[.…]$")
WARM = (
    "pytest",
    "aiohttp",
    "msgspec",
    "sluicegate.sandbox.server",
    "sluicegate.net.http",
    "sluicegate.core.provider",
    "sluicegate.db.database",
)


@dataclass(frozen=True)
class Mutant:
    provider: str
    file: str
    line: int
    what: str
    source: str

    @property
    def module(self) -> str:
        return f"sluicegate.providers.{self.provider}.{self.file}"

    def __str__(self) -> str:
        return f"{self.provider}/{self.file}.py:{self.line}: {self.what}"


# Finding changes


def mutants(provider: str, file: str) -> Iterator[Mutant]:
    source = (PROVIDERS / provider / f"{file}.py").read_text("utf-8")
    tree = ast.parse(source)
    skipped = set(_untouchable(tree))
    errors = _error_names(tree)
    for number, node in enumerate(ast.walk(tree)):
        if id(node) in skipped:
            continue
        for change, (line, what) in enumerate(_changes(node, errors)):
            changed = copy.deepcopy(tree)
            twin = next(one for at, one in enumerate(ast.walk(changed)) if at == number)
            _apply(changed, twin, change)
            yield Mutant(provider, file, line, what, ast.unparse(ast.fix_missing_locations(changed)))


def _untouchable(tree: ast.Module) -> Iterator[int]:
    for node in ast.walk(tree):
        body = getattr(node, "body", None)
        for statement in body if isinstance(body, list) else ():
            if isinstance(statement, ast.Expr) and isinstance(statement.value, ast.Constant):
                yield id(statement.value)
        for decorator in getattr(node, "decorator_list", ()):
            if getattr(getattr(decorator, "func", None), "id", "") == "dataclass":
                yield from (id(one) for one in ast.walk(decorator))
        if isinstance(node, ast.Assign) and any(getattr(target, "id", "") == "__all__" for target in node.targets):
            yield from (id(one) for one in ast.walk(node))
        if isinstance(node, ast.Call) and getattr(node.func, "id", "") in {"TypeVar", "NewType"}:
            yield from (id(one) for one in ast.walk(node))
        if isinstance(node, ast.FormattedValue) and node.format_spec is not None:
            yield from (id(one) for one in ast.walk(node.format_spec))
        if isinstance(node, ast.Subscript) and getattr(node.value, "id", "") == "type":  # as in the name of a type
            yield from (id(one) for one in ast.walk(node))
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and SENTENCE.search(node.value):
            yield id(node)
        if isinstance(node, ast.JoinedStr) and SENTENCE.search(ast.unparse(node)[2:-1]):
            yield from (id(one) for one in ast.walk(node) if isinstance(one, ast.Constant))
        for annotation in (getattr(node, "annotation", None), getattr(node, "returns", None)):
            if annotation is not None and not isinstance(annotation, str):
                yield from (id(one) for one in ast.walk(annotation) if isinstance(one, ast.Name))


def _error_names(tree: ast.Module) -> frozenset[str]:
    found = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and node.module == "sluicegate.core.errors":
            found |= {alias.asname or alias.name for alias in node.names}
    return frozenset(found)


def _changes(node: ast.AST, errors: frozenset[str]) -> list[tuple[int, str]]:
    """Where and how a node can be changed; ``_apply`` makes the change with that position in the list."""
    match node:
        case ast.Constant(value=bool() as value):
            return [(node.lineno, f"{value} -> {not value}")]
        case ast.Constant(value=int() | float() as value):
            return [(node.lineno, f"{value} -> {value + 1}")]
        case ast.Constant(value=str() as value) if value:
            return [(node.lineno, f"{value!r} -> {_other(value)!r}")]
        case ast.Constant(value=bytes() as value) if value:
            return [(node.lineno, f"{value!r} -> {b'~' + value!r}")]
        case ast.Name(id=name, ctx=ast.Load()) if name in errors:
            return [(node.lineno, f"{name} -> {_other_error(name)}")]
        case ast.Attribute(value=ast.Name(id="TransferState" | "SourceKind"), attr=attr):
            return [(node.lineno, f"{ast.unparse(node)} -> another than {attr}")]
        case ast.ClassDef(bases=bases) if any("Struct" in ast.unparse(base) for base in bases):
            return [(one.lineno, f"{node.name}.{one.target.id} under another name") for one in _members(node)]
    return []


def _members(node: ast.ClassDef) -> list[ast.AnnAssign]:
    return [one for one in node.body if isinstance(one, ast.AnnAssign)]


def _other(text: str) -> str:
    return text.upper() if text.islower() and len(text) == 1 else text[:-1] + ("q" if text[-1] != "q" else "z")


def _other_error(name: str) -> str:
    return "FileGone" if name == OTHER_ERROR else OTHER_ERROR


def _apply(tree: ast.Module, node: ast.AST, change: int) -> None:
    match node:
        case ast.Constant(value=bool() as value):
            node.value = not value
        case ast.Constant(value=int() | float() as value):
            node.value = value + 1
        case ast.Constant(value=str() as value):
            node.value = _other(value)
        case ast.Constant(value=bytes() as value):
            node.value = b"~" + value
        case ast.Name(id=name):
            alias = ast.alias(_other_error(name), "_Mutant")
            after = next(at for at, one in enumerate(tree.body) if isinstance(one, ast.Import | ast.ImportFrom))
            tree.body.insert(after, ast.ImportFrom("sluicegate.core.errors", [alias], 0))
            node.id = "_Mutant"
        case ast.Attribute(value=ast.Name(id=enum), attr=attr):
            others = ("STALLED", "UNKNOWN") if enum == "TransferState" else ("WEB", "USENET")
            node.attr = others[0] if attr != others[0] else others[1]
        case ast.ClassDef():
            name = _members(node)[change].target.id  # type: ignore[union-attr]
            renamed = ast.Dict([ast.Constant(name)], [ast.Constant(name + "_")])
            node.keywords.append(ast.keyword("rename", renamed))


# Running them


class _Changed(importlib.abc.MetaPathFinder, importlib.abc.Loader):
    """Loads the changed source for one module."""

    def __init__(self, mutant: Mutant) -> None:
        self._mutant = mutant

    def find_spec(self, name: str, *_: object) -> importlib.machinery.ModuleSpec | None:
        return importlib.machinery.ModuleSpec(name, self) if name == self._mutant.module else None

    def exec_module(self, module: object) -> None:
        exec(compile(self._mutant.source, f"<{self._mutant}>", "exec"), vars(module))


def _child(mutant: Mutant | None, provider: str, tests: list[Path]) -> NoReturn:
    """Runs some tests in a process of its own and ends it with pytest's answer."""
    silence = os.open(os.devnull, os.O_WRONLY)
    os.dup2(silence, 1)
    os.dup2(silence, 2)
    if mutant is not None:
        sys.meta_path.insert(0, _Changed(mutant))
    os.environ["PROVIDER_SUITE"] = provider
    os.environ["PYTEST_DISABLE_PLUGIN_AUTOLOAD"] = "1"  # other plugins take longer to load than the tests to run
    import pytest

    # The fixtures of all other areas stay out: loading the whole house takes longer than most of these tests.
    options = ["-x", "-q", "--no-header", "--timeout=120", f"--confcutdir={TESTS}"]
    options += ["-p", "no:cacheprovider", "-p", "pytest_asyncio.plugin", "-p", "pytest_timeout"]
    code = 99
    with contextlib.suppress(BaseException):
        code = int(pytest.main([*options, *map(str, tests)]))
    os._exit(code)


def run(found: list[Mutant | None], providers: list[str], jobs: int, patience: float) -> Iterator[tuple[int, int]]:
    """Runs each in a child, ``jobs`` at a time; gives position and exit code (-1 for one that never ended).

    What the slow part of the suite alone notices must be noticed twice: on a busy machine one of its time-outs may come
    by itself.
    """
    waiting = [(at, "first") for at in reversed(range(len(found)))]
    running: dict[int, tuple[int, str, float]] = {}
    while waiting or running:
        while waiting and len(running) < jobs:
            at, phase = waiting.pop()
            tests = _quick(providers[at]) if phase == "first" else [SUITE / f"{name}.py" for name in SLOW]
            pid = os.fork()
            if pid == 0:
                _child(found[at], providers[at], tests)
            running[pid] = (at, phase, time.monotonic())
        for at, phase, code in _ended(running, patience):
            if phase == "first" and code == 0:
                waiting.append((at, "slow"))
            elif phase == "slow" and code != 0:
                waiting.append((at, "again"))
            else:
                yield at, code
        time.sleep(0.02)


def _quick(provider: str) -> list[Path]:
    left_out = (*SLOW, "test_report")  # the report is about all providers together
    suite = [path for path in sorted(SUITE.glob("test_*.py")) if path.stem not in left_out]
    return [TESTS / provider, *suite, *sorted(TESTS.glob("test_*.py"))]


def _ended(running: dict[int, tuple[int, str, float]], patience: float) -> Iterator[tuple[int, str, int]]:
    """The children that are over; those that take too long are ended."""
    for pid, (at, phase, since) in list(running.items()):
        ended, status = os.waitpid(pid, os.WNOHANG)
        if not ended and time.monotonic() - since <= patience:
            continue
        if not ended:
            os.kill(pid, signal.SIGKILL)
            os.waitpid(pid, 0)
        del running[pid]
        yield at, phase, os.waitstatus_to_exitcode(status) if ended else -1


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    known = sorted(file.stem for file in CASES.glob("*.py"))
    parser.add_argument("providers", nargs="*", help=f"of {', '.join(known)}; all by default")
    parser.add_argument("--files", nargs="+", default=WHOLE, help="modules to change")
    parser.add_argument("--every", type=int, default=1, help="take each n-th change only")
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--seconds", type=float, default=7200.0, help="stop after this time; what is left is told")
    parser.add_argument("--patience", type=float, default=600.0, help="seconds for one change; more counts as noticed")
    chosen = parser.parse_args()
    os.chdir(ROOT)
    sys.path[:0] = [str(ROOT), str(ROOT / "src")]
    for name in WARM:
        importlib.import_module(name)
    gc.freeze()  # no child looks through what all of them share
    providers = chosen.providers or known
    if broken := _unsound(providers, chosen):
        print(f"The tests fail without any change for: {', '.join(broken)}. Nothing can be measured.")
        return 2
    found = [one for name in providers for file in chosen.files for one in mutants(name, file)][:: chosen.every]
    return _report(found, chosen)


def _unsound(providers: list[str], chosen: argparse.Namespace) -> list[str]:
    outcomes = dict(run([None] * len(providers), providers, chosen.jobs, 600.0))
    return [name for at, name in enumerate(providers) if outcomes[at] != 0]


def _report(found: list[Mutant], chosen: argparse.Namespace) -> int:
    started, endless = time.monotonic(), 0
    counts: dict[tuple[str, str], list[int]] = {}
    outcomes = run(list(found), [one.provider for one in found], chosen.jobs, chosen.patience)
    for done, (at, code) in enumerate(outcomes, 1):
        mutant = found[at]
        count = counts.setdefault((mutant.provider, mutant.file), [0, 0])
        count[0] += code != 0
        count[1] += 1
        endless += code == -1
        if done % 50 == 0:
            print(f"{done} of {len(found)} after {time.monotonic() - started:.0f} s", flush=True)
        if code == 0:
            print(f"survived  {mutant}", flush=True)
        if time.monotonic() - started > chosen.seconds:
            print("The time is over.")
            break
    else:
        if chosen.every == 1 and chosen.files == WHOLE:
            _note(counts)
    for (provider, file), (killed, tried) in sorted(counts.items()):
        print(f"{provider + '/' + file:28} {killed:4} of {tried:4} noticed  {killed / tried:6.1%}")
    killed, tried = (sum(count[part] for count in counts.values()) for part in (0, 1))
    print(f"{'all':28} {killed:4} of {tried:4} noticed  {killed / max(1, tried):6.1%}   ({len(found)} changes in all)")
    if endless:
        print(f"Of those noticed, {endless} never came to an end.")
    return 0 if tried and killed / tried >= WANTED else 1


def _note(counts: dict[tuple[str, str], list[int]]) -> None:
    """Keeps what a whole run found, by provider."""
    notes = json.loads(NOTES.read_text()) if NOTES.exists() else {}
    for name in {provider for provider, _ in counts}:
        noticed, changes = (sum(counts[name, file][part] for file in WHOLE) for part in (0, 1))
        notes[name] = {"on": datetime.now(UTC).date().isoformat(), "changes": changes, "noticed": noticed}
    NOTES.write_text(json.dumps(notes, indent=2, sort_keys=True) + "\n")


if __name__ == "__main__":
    sys.exit(main())
