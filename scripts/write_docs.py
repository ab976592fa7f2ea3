"""Renders the reference pages from the code: ``docs/settings.md``, ``docs/cli.md`` and ``docs/errors.md``.

``python scripts/write_docs.py`` writes them; ``--check`` writes nothing and leaves with 1 when one is out of date.
"""

import argparse
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import typer
from pydantic_core import PydanticUndefined
from typer.core import TyperCommand, TyperGroup

from sluicegate.cli.main import app
from sluicegate.cli.output import EXIT_CODES
from sluicegate.core.errors import Retry, SluicegateError
from sluicegate.settings import Settings

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

    yield from below("sluicegate", typer.main.get_command(app))


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


def _cell(text: str) -> str:
    return " ".join(text.replace("|", "\\|").split())


def _current(name: str, text: str) -> bool:
    path = DOCS / name
    return path.exists() and path.read_text() == text


PAGES: dict[str, Callable[[], str]] = {
    "settings.md": settings_page,
    "cli.md": cli_page,
    "errors.md": errors_page,
}

if __name__ == "__main__":
    main()
