"""``sluicegate feeds``: feeds that a user subscribes to."""

from typing import TYPE_CHECKING, Annotated, Any
from uuid import UUID

import typer

from sluicegate.cli.context import DatabaseUrl, DataDir, Json, UserName, load, owner, with_installation
from sluicegate.cli.output import fail, notes, print_json, print_table
from sluicegate.services.feeds import FeedChange

if TYPE_CHECKING:
    from sluicegate.wiring.installation import Installation

__all__ = ["app"]

app = typer.Typer(no_args_is_help=True, help="Feeds whose new items are fetched by themselves.")

FeedId = Annotated[UUID, typer.Argument(help="Id of the feed, from 'feeds list'.")]


@app.command()
def add(
    url: Annotated[str, typer.Argument(help="Address of an RSS or Atom feed.")],
    user: UserName = "home",
    name: Annotated[str, typer.Option(help="What to call it; the address' host without.")] = "",
    filter_regex: Annotated[str, typer.Option("--filter", help="RE2 expression that titles must match.")] = "",
    quality: Annotated[str, typer.Option(help="1080p, 4k or any.")] = "any",
    interval: Annotated[int, typer.Option(help="Seconds between polls, 300 or more.")] = 900,
    data_dir: DataDir = None,
    database_url: DatabaseUrl = None,
) -> None:
    """Subscribes to a feed and prints its id. What it lists already is left alone."""

    async def work(installation: "Installation") -> str:
        person = await owner(installation, user)
        change = FeedChange(
            name or url.partition("://")[2].partition("/")[0] or url, url, filter_regex, quality, interval
        )
        return str((await installation.feeds.feeds.add(person.id, change)).id)

    typer.echo(with_installation(load(data_dir, database_url), work))


@app.command("list")
def list_(
    user: UserName = "home",
    data_dir: DataDir = None,
    database_url: DatabaseUrl = None,
    json: Json = False,
) -> None:
    """Lists a user's feeds with what went wrong the last time."""

    async def work(installation: "Installation") -> list[dict[str, Any]]:
        person = await installation.users.by_name(user)
        return [
            {
                "id": str(feed.id),
                "name": feed.name,
                "filter": feed.filter_regex,
                "quality": feed.filter_quality.value,
                "interval": feed.interval,
                "enabled": feed.enabled,
                "last_polled_at": feed.last_polled_at.isoformat() if feed.last_polled_at else None,
                "last_error": feed.last_error or None,
            }
            for feed in await installation.feeds.feeds.page(person.id, limit=1000, offset=0)
        ]

    feeds = with_installation(load(data_dir, database_url), work)
    if json:
        print_json(feeds)
    else:
        columns = ("ID", "NAME", "FILTER", "QUALITY", "EVERY (S)", "ON", "LAST POLL", "ERROR")
        print_table(columns, [tuple(feed.values()) for feed in feeds], empty="This user has no feeds.")


@app.command()
def poll(feed: FeedId, data_dir: DataDir = None, database_url: DatabaseUrl = None, json: Json = False) -> None:
    """Polls a feed now and prints the counts."""

    async def work(installation: "Installation") -> dict[str, Any]:
        report = await installation.feeds.poller.poll(feed)
        return {
            "fetched": report.fetched,
            "matched": report.matched,
            "submitted": report.submitted,
            "skipped": report.skipped,
            "deferred": report.deferred,
            "unchanged": report.unchanged,
            "error": report.error,
        }

    counts = with_installation(load(data_dir, database_url), work)
    if json:
        print_json(counts)
    elif counts["error"] is None:
        print_table([name.upper() for name in counts], [tuple(counts.values())], empty="")
    if counts["error"] is not None:
        fail(str(counts["error"]))


@app.command()
def items(feed: FeedId, user: UserName = "home", data_dir: DataDir = None, database_url: DatabaseUrl = None) -> None:
    """Shows what was made of a feed's newest items, and why."""

    async def work(installation: "Installation") -> list[tuple[object, ...]]:
        person = await installation.users.by_name(user)
        seen = await installation.feeds.feeds.items(person.id, feed, limit=50, offset=0)
        return [
            (item.seen_at.isoformat(timespec="seconds"), item.verdict.value, item.title, item.reason) for item in seen
        ]

    rows = with_installation(load(data_dir, database_url), work)
    print_table(("AT", "VERDICT", "TITLE", "WHY"), rows, empty="Nothing was seen in it yet.")


@app.command()
def remove(feed: FeedId, user: UserName = "home", data_dir: DataDir = None, database_url: DatabaseUrl = None) -> None:
    """Ends a subscription; the jobs that it made stay."""

    async def work(installation: "Installation") -> None:
        person = await installation.users.by_name(user)
        await installation.feeds.feeds.remove(person.id, feed)

    with_installation(load(data_dir, database_url), work)
    notes.print("removed")
