"""``sluicegate blocklist``: what the operator refuses, and whether something is refused."""

from typing import TYPE_CHECKING, Annotated

import typer

from sluicegate.cli.context import DatabaseUrl, DataDir, Json, load, with_installation
from sluicegate.cli.output import fail, notes, print_json, print_table
from sluicegate.core.blocklist import BlocklistCopy, parse_blocklist
from sluicegate.core.errors import ContentBlocked, InvalidInput
from sluicegate.core.source_reading import read_source

if TYPE_CHECKING:
    from sluicegate.wiring.installation import Installation

__all__ = ["app"]

app = typer.Typer(no_args_is_help=True, help="Content that this installation refuses (SLUICEGATE_BLOCKLIST).")

_UNSET = "no blocklist is set; name a file or URL in SLUICEGATE_BLOCKLIST"


@app.command("list")
def list_(data_dir: DataDir = None, database_url: DatabaseUrl = None, json: Json = False) -> None:
    """Shows the list in force: where it is from, how many rules it has, and the lines that cannot be read."""

    async def work(installation: "Installation") -> BlocklistCopy | None:
        return await installation.blocklist.refresh()

    _show(with_installation(load(data_dir, database_url), work), as_json=json)


@app.command()
def reload(data_dir: DataDir = None, database_url: DatabaseUrl = None, json: Json = False) -> None:
    """Reads the file or URL again at once; a running server takes the new list within seconds."""

    async def work(installation: "Installation") -> BlocklistCopy | None:
        return await installation.blocklist.refresh(force=True)

    _show(with_installation(load(data_dir, database_url), work), as_json=json)


@app.command("test")
def would_refuse(
    text: Annotated[str, typer.Argument(help="A magnet, info hash, link, or the name of a release.")],
    data_dir: DataDir = None,
    database_url: DatabaseUrl = None,
) -> None:
    """Says whether something would be refused: leaves with 4 when it would."""

    async def work(installation: "Installation") -> str | None:
        if not installation.blocklist.source:
            fail(_UNSET, 2)
        try:
            try:
                source = read_source(text)
            except InvalidInput:
                await installation.blocklist.check_names([text])
            else:
                await installation.blocklist.check_source(source)
        except ContentBlocked as error:
            return error.detail
        return None

    refusal = with_installation(load(data_dir, database_url), work)
    if refusal is not None:
        fail(refusal, 4)
    typer.echo("not blocked")


def _show(copy: BlocklistCopy | None, *, as_json: bool) -> None:
    if copy is None:
        fail(_UNSET, 2)
    rules = parse_blocklist(copy.content)
    facts = {"source": copy.source, "version": copy.version, **rules.counts, "problems": list(rules.problems)}
    if as_json:
        print_json(facts | {"error": copy.error or None})
    else:
        columns = ("SOURCE", "VERSION", "HASHES", "HOSTS", "NAMES")
        counts = rules.counts
        row = (copy.source, copy.version, counts["hash"], counts["host"], counts["name"])
        print_table(columns, [row], empty="")
        for problem in rules.problems:
            notes.print(f"skipped: {problem}", markup=False)
    if copy.error:
        fail(copy.error)
