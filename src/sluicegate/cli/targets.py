"""``sluicegate targets``: the buckets that finished files can be delivered to."""

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from sluicegate.cli.context import DEFAULT_USER, DatabaseUrl, DataDir, Json, UserName, load, owner, with_installation
from sluicegate.cli.output import notes, print_json, print_table
from sluicegate.core.destinations import Cloud, Destination
from sluicegate.core.errors import NotFound
from sluicegate.services.destination_forms import read_form

if TYPE_CHECKING:
    from sluicegate.wiring.installation import Installation

__all__ = ["app", "target_for"]

app = typer.Typer(no_args_is_help=True, help="Buckets that finished files can be delivered to.")

_LIST_MAX = 1000
_SCHEMES = {
    "s3": Cloud.S3,
    "blob": Cloud.BLOB,
    "azure": Cloud.BLOB,
    "gcs": Cloud.GCS,
    "gs": Cloud.GCS,
    "oss": Cloud.OSS,
}
_NAMES = {
    Cloud.S3: ("bucket", "access_key", "secret_key"),
    Cloud.BLOB: ("container", "account_name", "account_key"),
    Cloud.GCS: ("bucket", "project_id", "service_account_json"),
    Cloud.OSS: ("bucket", "access_key_id", "access_key_secret"),
}
"""What the fields for bucket, account and secret are called in the contract."""

Name = Annotated[str, typer.Argument(help="Name of the target.")]


@app.command()
def add(
    name: Name,
    provider: Annotated[Cloud, typer.Option(help="s3 (and compatibles), blob (Azure), gcs (Google) or oss (Alibaba).")],
    bucket: Annotated[str, typer.Option(help="Bucket or container.")],
    account: Annotated[str, typer.Option(help="Access key id, Azure account name, or Google project id.")],
    secret: Annotated[
        str, typer.Option(help="Secret key, account key or service account JSON; '-' reads stdin, '@FILE' a file.")
    ],
    endpoint: Annotated[
        str | None, typer.Option(help="https://s3.eu-west-1.amazonaws.com; needed for s3, oss.")
    ] = None,
    region: Annotated[str | None, typer.Option(help="Needed for s3; 'auto' for Cloudflare R2.")] = None,
    sas: Annotated[bool, typer.Option("--sas", help="The secret is a shared access signature (Azure).")] = False,
    folder_prefix: Annotated[str | None, typer.Option(help="Put before every key, as it is.")] = None,
    base_folder: Annotated[str | None, typer.Option(help="Top-level folder; 'videos' unless named.")] = None,
    default: Annotated[bool, typer.Option("--default", help="Media jobs deliver here.")] = False,
    user: UserName = DEFAULT_USER,
    data_dir: DataDir = None,
    database_url: DatabaseUrl = None,
) -> None:
    """Saves a bucket after writing and deleting a test object in it, and prints its id."""
    bucket_field, account_field, secret_field = _NAMES[provider]
    fields = {
        bucket_field: bucket,
        account_field: account,
        "sas_token" if sas else secret_field: _secret(secret),
        "endpoint": endpoint,
        "region": region,
        "folder_prefix": folder_prefix,
        "base_folder": base_folder,
    }

    async def work(installation: "Installation") -> Destination:
        place, key = read_form(provider, {field: value for field, value in fields.items() if value is not None})
        person = await owner(installation, user)
        return await installation.destinations.save(person.id, place, key, name=name, default=default)

    saved = with_installation(load(data_dir, database_url), work)
    typer.echo(str(saved.id))
    notes.print(f"a test object was written to {saved.place.bucket} and deleted again", markup=False)


@app.command("list")
def list_(
    user: UserName = DEFAULT_USER,
    data_dir: DataDir = None,
    database_url: DatabaseUrl = None,
    json: Json = False,
) -> None:
    """Lists buckets without their secrets."""

    async def work(installation: "Installation") -> list[dict[str, Any]]:
        person = await owner(installation, user)
        found = await installation.destinations.page(person.id, limit=_LIST_MAX, offset=0)
        return [_row(one) for one in found]

    rows = with_installation(load(data_dir, database_url), work)
    if json:
        print_json(rows)
    else:
        columns = ("name", "provider", "bucket", "endpoint", "account", "folder", "default")
        table = [tuple(row[column] for column in columns) for row in rows]
        print_table([column.upper() for column in columns], table, empty="There are no storage targets.")


@app.command()
def remove(
    name: Name, user: UserName = DEFAULT_USER, data_dir: DataDir = None, database_url: DatabaseUrl = None
) -> None:
    """Forgets a bucket and its secret; what is stored there stays."""

    async def work(installation: "Installation") -> int:
        person = await owner(installation, user)
        return await installation.destinations.remove(person.id, name=name)

    def gone(count: int) -> None:
        if not count:
            notes.print("there is no such target", markup=False)
            raise typer.Exit(1)

    gone(with_installation(load(data_dir, database_url), work))
    notes.print("removed")


async def target_for(installation: "Installation", user: str, text: str) -> tuple[Destination, str | None]:
    """The target and the folder that ``scheme://bucket/folder`` names; the scheme may be a target's name, too.

    Raises:
        NotFound: the user has no such target.
    """
    scheme, _, rest = text.partition("://")
    bucket, slash, folder = rest.partition("/")
    person = await owner(installation, user)
    found = await installation.destinations.page(person.id, limit=_LIST_MAX, offset=0)
    cloud = _SCHEMES.get(scheme)
    for one in found:
        if one.place.bucket == bucket and (one.place.cloud is cloud or one.name == scheme):
            return one, folder.strip("/") if slash else None
    raise NotFound(
        f"There is no storage target for {scheme}://{bucket}.",
        action="Add it first with 'sluicegate targets add'.",
    )


def _row(one: Destination) -> dict[str, Any]:
    place = one.place
    return {
        "id": str(one.id),
        "name": one.name,
        "provider": place.cloud.value,
        "bucket": place.bucket,
        "endpoint": place.endpoint,
        "account": place.account,
        "folder": place.folder_prefix + place.base_folder,
        "default": one.is_default,
    }


def _secret(text: str) -> str:
    if text == "-":
        return sys.stdin.read().strip()
    return Path(text[1:]).expanduser().read_text("utf-8").strip() if text.startswith("@") else text
