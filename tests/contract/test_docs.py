"""What the pages tell somebody to type, to set and to follow exists."""

import re
import shlex
import shutil
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import typer
from litestar import Litestar
from litestar.routes import HTTPRoute
from scripts.write_docs import DOCS, endpoints
from scripts.write_docs import _Unused as Unused
from typer.core import TyperCommand, TyperGroup

from sluicegate.cli.commands import program
from sluicegate.core.manifest import read_manifest
from sluicegate.settings import Settings
from sluicegate.surfaces.gateway.application import BASE
from sluicegate.surfaces.gateway.description import describe
from sluicegate.surfaces.ops.metrics import Metrics
from sluicegate.wiring import web
from sluicegate.wiring.providers import REMOTE

ROOT = DOCS.parent
PAGES = sorted([*ROOT.glob("*.md"), *DOCS.rglob("*.md")])
PROSE = [page for page in PAGES if page.name not in {"cli.md", "settings.md", "errors.md", "endpoints.md"}]
VARIABLES = {f"SLUICEGATE_{name.upper()}" for name in Settings.model_fields}
"""Settings; others are read by name where they are needed, see ``_read_elsewhere``."""
FENCE = re.compile(r"^ *```.*?^ *```", re.DOTALL | re.MULTILINE)
INDENTED = re.compile(r"(?:^(?: {4}|\t).*\n?)+", re.MULTILINE)
LINK = re.compile(r"!?\[[^\]]*\]\(([^)\s]+)\)")
ADDRESS = re.compile(r"(?:127\.0\.0\.1:8787|localhost:8787|\$API|\$BASE|\$URL)(/[^\s\"'`)\\?#]*)")
PLAIN = re.compile(r"/(docs|bytes|app|openapi)(/.*)?")
"""Below these are no endpoints of an API."""
METHODS = {"GET", "POST", "PUT", "PATCH", "DELETE"}


def _read_elsewhere() -> set[str]:
    """Variables that are no settings: where the settings are, and what must not be one."""
    sources = (ROOT / "src").rglob("*.py")
    return {name for path in sources for name in re.findall(r"\"(SLUICEGATE_[A-Z_]+)\"", path.read_text())}


def _id(page: Path) -> str:
    return page.relative_to(ROOT).as_posix()


def _code(text: str) -> Iterator[str]:
    """Every line of code blocks, with lines that a backslash continues as one, and every span of code."""
    for block in FENCE.findall(text):
        yield from re.sub(r"\\\n\s*", " ", block).splitlines()[1:-1]
    rest = FENCE.sub("", text)
    for block in INDENTED.findall(rest):
        yield from re.sub(r"\\\n\s*", " ", block).splitlines()
    yield from (" ".join(span.split()) for span in re.findall(r"(?<!`)`([^`]+)`(?!`)", INDENTED.sub("", rest)))


def _commands(text: str) -> Iterator[str]:
    """What follows ``sluicegate`` wherever it is typed."""
    for line in _code(text):
        for typed in re.findall(r"(?:^|[\s(/])sluicegate ((?:[^|;&()#]|\|(?=\S))+)", line):
            yield re.sub(r"[\[\]]", " ", typed).strip()


def _problem(typed: str) -> str | None:
    """What is wrong with a command line, or None."""
    try:
        words = shlex.split(typed)
    except ValueError:
        words = typed.split()
    if words[:1] == ["sluicegate"]:  # a container's name before the command that runs in it
        words.pop(0)
    command: Any = typer.main.get_command(program())
    while isinstance(command, TyperGroup) and words and re.fullmatch(r"[a-z-]+(\|[a-z-]+)*", words[0]):
        names = words.pop(0).split("|")
        if missing := [name for name in names if name not in command.commands]:
            return f"no command {missing}"
        command = command.commands[names[0]]
    known = {"--help"} | {option for one in command.params for option in (*one.opts, *one.secondary_opts)}
    if isinstance(command, TyperCommand):
        for word in words:
            option = word.partition("=")[0]
            if option.startswith("--") and option not in known:
                return f"no option {option}"
    return None


def _template(path: str) -> re.Pattern[str]:
    parts = re.split(r"\{(\w+)\}", path)
    rest = {"path", "rest"}
    return re.compile(
        "".join((".+" if one in rest else "[^/]+") if place % 2 else re.escape(one) for place, one in enumerate(parts))
    )


def _anchors(page: Path) -> set[str]:
    """What headings are linked by."""
    headings = re.findall(r"^#+ (.+)$", page.read_text(), re.MULTILINE)
    plain = [re.sub(r"[`*]|\[([^\]]*)\]\([^)]*\)", r"\1", heading).strip().lower() for heading in headings]
    return {re.sub(r"\s", "-", re.sub(r"[^\w\s-]", "", heading)) for heading in plain}


@pytest.mark.parametrize("page", PAGES, ids=_id)
def test_links_lead_somewhere(page: Path):
    dead = []
    for target in LINK.findall(FENCE.sub("", page.read_text())):
        path, _, anchor = target.partition("#")
        if "://" in target or target.startswith("mailto:"):
            continue
        goal = (page.parent / path).resolve() if path else page
        if not goal.exists() or (anchor and anchor not in _anchors(goal)):
            dead.append(target)
    assert dead == []


@pytest.mark.parametrize("page", PROSE, ids=_id)
def test_commands_exist_with_their_options(page: Path):
    wrong = {typed: _problem(typed) for typed in _commands(page.read_text())}
    assert {typed: words for typed, words in wrong.items() if words} == {}


@pytest.mark.parametrize("page", PAGES, ids=_id)
def test_variables_are_settings(page: Path):
    named = set(re.findall(r"SLUICEGATE_[A-Z0-9_]*[A-Z0-9]\b(?!_)", page.read_text()))
    assert named - VARIABLES - _read_elsewhere() == set()


@pytest.mark.parametrize("page", PROSE, ids=_id)
def test_make_targets_exist(page: Path):
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    named = {name for line in _code(page.read_text()) for name in re.findall(r"(?:^|\$ )make ([a-z-]+)", line)}
    assert named - targets == set()


@pytest.mark.parametrize("page", PROSE, ids=_id)
def test_addresses_have_a_route(page: Path):
    templates = [_template(path) for path in {path for _, path, _ in endpoints()} | set(describe()["paths"])]
    named = {one.rstrip("/.,:") for line in _code(page.read_text()) for one in ADDRESS.findall(line)}
    unknown = {one for one in named if one and not any(template.fullmatch(one) for template in [*templates, PLAIN])}
    assert unknown == set()


def test_every_route_of_every_surface_is_in_the_reference():
    """From the router itself, so that a route that describes itself nowhere is noticed, too."""
    page = (DOCS / "endpoints.md").read_text()
    routes = Litestar(web._surfaces(Unused(), Metrics()), openapi_config=None).routes  # type: ignore[arg-type]
    seen = 0
    for route in routes:
        if isinstance(route, HTTPRoute) and not route.path.startswith("/app"):
            path = re.sub(r"\{(\w+):\w+\}", r"{\1}", route.path)
            for method in METHODS & set(route.methods):
                assert f"`{method} {path}`" in page
                seen += 1
    assert seen > 100
    for path, item in describe()["paths"].items():
        for method in item:
            assert f"`{method.upper()} {path}`" in page
    assert BASE in page


@pytest.mark.parametrize("kind", REMOTE, ids=lambda kind: kind.name)
def test_every_provider_is_documented(kind: type):
    manifest = read_manifest(kind.__module__.rpartition(".")[0])
    header = next(line for line in (DOCS / "providers.md").read_text().splitlines() if line.startswith("|  |"))
    assert f" {manifest.title} |" in header
    if manifest.name != "stremthru":
        assert manifest.title in (DOCS / "sandbox.md").read_text()
    assert manifest.token_help or manifest.name == "smokedebrid"


def test_the_site_builds_without_a_warning_and_loads_nothing_from_elsewhere(tmp_path: Path):
    shutil.copytree(DOCS, tmp_path / "docs")
    shutil.copy(ROOT / "zensical.toml", tmp_path)
    command = [str(Path(sys.executable).parent / "zensical"), "build", "--strict", "--clean"]
    built = subprocess.run(command, check=False, cwd=tmp_path, capture_output=True, text=True, timeout=150)
    assert built.returncode == 0, built.stdout + built.stderr
    pages = list((tmp_path / "site").rglob("*.html"))
    assert len(pages) > len(list(DOCS.rglob("*.md")))
    for page in pages:
        loaded = re.findall(r"<(?:script|link|img|iframe)\b[^>]*?(?:src|href)=[\"']?([^\"' >]+)", page.read_text())
        assert [one for one in loaded if re.match(r"(https?:)?//", one)] == [], page.name


def test_every_page_is_in_the_navigation():
    def below(part: object) -> Iterator[str]:
        if isinstance(part, str):
            yield part
        elif isinstance(part, list | dict):
            for one in part.values() if isinstance(part, dict) else part:
                yield from below(one)

    listed = list(below(tomllib.loads((ROOT / "zensical.toml").read_text())["project"]["nav"]))
    assert len(listed) == len(set(listed))
    assert set(listed) == {page.relative_to(DOCS).as_posix() for page in DOCS.rglob("*.md")}
