"""Renders the reference pages from the code: settings, commands, errors and the endpoints of every surface.

``python scripts/write_docs.py`` writes them; ``--check`` writes nothing and leaves with 1 when one is out of date.
"""

import argparse
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import Any

import typer
from litestar import Litestar
from pydantic_core import PydanticUndefined
from typer.core import TyperCommand, TyperGroup

from sluicegate.cli.commands import program
from sluicegate.cli.output import EXIT_CODES
from sluicegate.core.errors import Retry, SluicegateError
from sluicegate.settings import Settings
from sluicegate.surfaces.gateway.application import BASE as GATEWAY_BASE
from sluicegate.surfaces.gateway.description import describe
from sluicegate.surfaces.ops.metrics import Metrics
from sluicegate.wiring import web

Command = TyperCommand | TyperGroup
DOCS = Path(__file__).resolve().parent.parent / "docs"
NOTE = "<!-- Rendered from the code by scripts/write_docs.py; change the descriptions there. -->"
RETRIES = {
    Retry.NEVER: "no",
    Retry.LATER: "later, by itself",
    Retry.AFTER_CHANGE: "after somebody acts",
}


def main() -> None:
    """Writes the pages, or checks them."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--check", action="store_true", help="only say which pages are out of date")
    check = parser.parse_args().check
    old = [name for name, render in PAGES.items() if not _current(name, render())]
    for name in old:
        print(f"{'out of date' if check else 'written'}: docs/{name}")
        if not check:
            (DOCS / name).write_text(PAGES[name]())
    sys.exit(1 if check and old else 0)


def settings_page() -> str:
    """Every setting with its variable, default and meaning."""
    lines = [
        "# Settings",
        "",
        NOTE,
        "",
        "Every setting is an environment variable, or a key of the TOML file that `SLUICEGATE_CONFIG` names (there in",
        "lower case and without the prefix). Options of a command win over variables, variables over the file.",
        "`sluicegate doctor` prints what is in force and where it comes from.",
        "",
        "| Variable | Default | Meaning |",
        "| --- | --- | --- |",
    ]
    for name, field in Settings.model_fields.items():
        lines.append(f"| `SLUICEGATE_{name.upper()}` | {_default(name, field)} | {_cell(field.description or '')} |")
    return "\n".join(lines) + "\n"


def _default(name: str, field: object) -> str:
    if name == "data_dir":
        return "`~/.local/share/sluicegate`"
    value = getattr(field, "default", PydanticUndefined)
    return "none" if value in {None, PydanticUndefined} or value == "" else f"`{str(value).lower()}`"


def cli_page() -> str:
    """Every command with its arguments and options."""
    lines = ["# Commands", "", NOTE, "", "Data goes to stdout, everything for people to stderr.", ""]
    lines += ["| Exit code | Meaning |", "| --- | --- |"]
    lines += [f"| {code} | {meaning} |" for code, meaning in EXIT_CODES.items()]
    for path, command in commands():
        context = typer.Context(command, info_name=path)
        usage = " ".join(part for part in command.collect_usage_pieces(context) if part != "[OPTIONS]")
        lines += ["", f"## `{path}{' ' + usage if usage else ''}`", "", command.get_short_help_str(limit=500), ""]
        lines += ["| Option | Meaning |", "| --- | --- |"]
        lines += [f"| {spelling} | {_cell(text)} |" for spelling, text in _options(command, context)]
    return "\n".join(lines) + "\n"


def commands() -> Iterator[tuple[str, Command]]:
    """Every command as it is typed, with its definition."""

    def below(path: str, command: Command) -> Iterator[tuple[str, Command]]:
        if isinstance(command, TyperGroup):
            for name, child in sorted(command.commands.items()):
                yield from below(f"{path} {name}", child)
        else:
            yield path, command

    yield from below("sluicegate", typer.main.get_command(program()))


def _options(command: Command, context: typer.Context) -> Iterator[tuple[str, str]]:
    for parameter in command.get_params(context):
        if (record := parameter.get_help_record(context)) is not None:
            spelling, text = record
            yield f"`{spelling}`", text


def errors_page() -> str:
    """The tree of errors: what each means and what to do next."""
    lines = [
        "# Errors",
        "",
        NOTE,
        "",
        "Every error has a code, a sentence about what happened, and one about what to do next. Over HTTP, its",
        "surface's own dialect decides the status and the body.",
        "",
        "| Code | What happened | Can trying again help? | What to do |",
        "| --- | --- | --- | --- |",
    ]
    for kind in errors():
        meaning = (kind.__doc__ or "").splitlines()[0]
        lines.append(f"| `{kind.code}` | {_cell(meaning)} | {RETRIES[kind.retry]} | {_cell(kind.action)} |")
    return "\n".join(lines) + "\n"


def errors() -> list[type[SluicegateError]]:
    """The classes of ``core.errors``, parents before children."""
    found: list[type[SluicegateError]] = [SluicegateError]
    for kind in found:
        found += [child for child in kind.__subclasses__() if child.__module__ == SluicegateError.__module__]
    return found


def api_page() -> str:
    """Every endpoint of every surface, from the surfaces' own descriptions."""
    lines = ["# Endpoints", "", NOTE, ""]
    lines += [
        "A running server describes each API in full at `/docs`: parameters, bodies, answers, and a page to try them",
        "on. This is the list.",
        "",
        "Keys: `tu_…` in `Authorization: Bearer` for the library and the gateway's management, `sk_…` in `x-api-key`",
        "for media jobs and webhooks, `pk_…` together with an add-on's `as_…` for the gateway. Files come from",
        "`/bytes/…`, whose addresses are signed and need no key. The dashboard is at `/app`.",
    ]
    for document in web.DOCUMENTS:
        mine = [one for one in endpoints() if _document_of(one[1]) == document.slug]
        lines += ["", f"## {document.title}", "", document.description]
        lines += ["", f"Described at `/docs/{document.slug}`.", "", *_endpoint_rows(mine)]
    lines += ["", "## Canonical gateway", "", f"Described at `{GATEWAY_BASE}/openapi.json`.", ""]
    lines += _endpoint_rows(_operations(describe()["paths"]))
    return "\n".join(lines) + "\n"


Endpoint = tuple[str, str, str]
"""Method, path and summary."""


@cache
def endpoints() -> tuple[Endpoint, ...]:
    """Those of all surfaces on the web framework."""
    routers = web._surfaces(_Unused(), Metrics())  # type: ignore[arg-type]  # noqa: SLF001
    app = Litestar(routers, openapi_config=web._OPENAPI)  # noqa: SLF001
    return tuple(_operations(app.openapi_schema.to_schema()["paths"]))


class _Unused:
    """Stands in for an installation: describing routes calls nothing."""

    settings = Settings.model_construct(**{name: field.default for name, field in Settings.model_fields.items()})

    def __getattr__(self, name: str) -> "_Unused":
        return self

    def __call__(self, *_: object, **__: object) -> "_Unused":
        return self


def _operations(paths: Mapping[str, Mapping[str, Any]]) -> Iterator[Endpoint]:
    for path, item in sorted(paths.items()):
        for method, operation in item.items():
            if method in {"get", "post", "put", "patch", "delete"}:
                yield method.upper(), path, str(operation.get("summary") or "")


def _document_of(path: str) -> str:
    """The most special of the documents that cover a path."""
    covering = [(len(prefix), one.slug) for one in web.DOCUMENTS if one.covers(path) for prefix in one.prefixes]
    return max(covering, default=(0, ""))[1]


def _endpoint_rows(found: Iterable[Endpoint]) -> list[str]:
    rows = [f"| `{method} {path}` | {_cell(summary)} |" for method, path, summary in found]
    return ["| Call | What it does |", "| --- | --- |", *rows]


def _cell(text: str) -> str:
    return " ".join(text.replace("|", "\\|").split())


def _current(name: str, text: str) -> bool:
    path = DOCS / name
    return path.exists() and path.read_text() == text


PAGES: dict[str, Callable[[], str]] = {
    "settings.md": settings_page,
    "cli.md": cli_page,
    "errors.md": errors_page,
    "endpoints.md": api_page,
}

if __name__ == "__main__":
    main()
