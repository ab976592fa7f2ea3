"""Storage: the user's own buckets, tried before they are kept."""

from typing import Annotated, Any, Final

from litestar import Request, Response, get, post
from litestar.di import NamedDependency
from litestar.params import FromPath, QueryParameter, SkipValidation
from litestar.response import Redirect

from sluicegate.core.destinations import BASE_FOLDER, Cloud
from sluicegate.core.errors import SluicegateError
from sluicegate.services.destination_forms import FIELDS, read_form
from sluicegate.surfaces.dashboard.forms import Form, sentence
from sluicegate.surfaces.dashboard.frame import Frame, go
from sluicegate.surfaces.dashboard.services import DashboardServices
from sluicegate.surfaces.dashboard.sessions import session_of

__all__ = ["HANDLERS"]

_Request = Request[Any, Any, Any]
_Services = NamedDependency[SkipValidation[DashboardServices]]
_PATH: Final = "/app/storage"
_TARGETS: Final = 100
_SECRET_MAX: Final = 20_000
_FRAME: Final = Frame(
    "storage",
    {
        "added": "The target is kept: a test object was written there and deleted again.",
        "removed": "The target is forgotten; what is stored there stays.",
    },
)
_TITLES: Final = {
    Cloud.S3: "S3 and compatibles",
    Cloud.BLOB: "Azure Blob",
    Cloud.GCS: "Google Cloud Storage",
    Cloud.OSS: "Alibaba OSS",
}
_LABELS: Final = {
    "endpoint": "Endpoint",
    "bucket": "Bucket",
    "region": "Region",
    "access_key": "Access key",
    "secret_key": "Secret key",
    "account_name": "Account name",
    "container": "Container",
    "account_key": "Account key",
    "sas_token": "SAS token",
    "project_id": "Project id",
    "service_account_json": "Service account (JSON)",
    "access_key_id": "Access key id",
    "access_key_secret": "Access key secret",
}
_SECRETS: Final = frozenset({"secret_key", "account_key", "sas_token", "service_account_json", "access_key_secret"})
_HINTS: Final = {
    (Cloud.S3, "endpoint"): "https://s3.eu-west-1.amazonaws.com, or the address of R2, B2, MinIO, SeaweedFS …",
    (Cloud.S3, "region"): "us-east-1 or auto where there is none",
    (Cloud.BLOB, "account_key"): "This or the SAS token.",
    (Cloud.BLOB, "sas_token"): "Needs the rights to read, write, create and delete.",
    (Cloud.BLOB, "endpoint"): "Only for national clouds and emulators.",
    (Cloud.GCS, "service_account_json"): "The key file's whole text, on one line or several.",
    (Cloud.GCS, "endpoint"): "Only for emulators.",
    (Cloud.OSS, "endpoint"): "https://oss-eu-central-1.aliyuncs.com",
}


@get("/storage")
async def page(
    request: _Request, services: _Services, cloud: Annotated[Cloud, QueryParameter(description="Kind.")] = Cloud.S3
) -> Response[str]:
    """Targets, and the form for one more of a kind."""
    return await _page(request, services, Form(), cloud)


@post("/storage/{cloud:str}")
async def add(request: _Request, services: _Services, cloud: FromPath[Cloud]) -> Response[str] | Redirect:
    """Tries a target and keeps it."""
    form = await Form.of(request)
    required, optional = FIELDS[cloud]
    wanted = {
        name: form.secret(name, most=_SECRET_MAX) if name in _SECRETS else form.text(name, most=2_000)
        for name in (*required, *optional, "folder_prefix", "base_folder")
    }
    name = form.needed("name", most=60)
    if not form.errors:
        try:
            place, secret = read_form(cloud, {key: text for key, text in wanted.items() if text})
            await services.destinations.save(
                session_of(request).user_id, place, secret, name=name, default=form.flag("default")
            )
        except SluicegateError as error:
            form.errors[error.field if error.field in {*wanted, "name"} else ""] = sentence(error)
        else:
            return go(_PATH, "added")
    return await _page(request, services, form, cloud)


@post("/storage/remove")
async def remove(request: _Request, services: _Services) -> Redirect:
    """Forgets a target."""
    form = await Form.of(request)
    await services.destinations.remove(session_of(request).user_id, name=form.text("name", most=60))
    return go(_PATH, "removed")


async def _page(request: _Request, services: DashboardServices, form: Form, cloud: Cloud) -> Response[str]:
    required, optional = FIELDS[cloud]
    fields = [
        (name, _LABELS[name], name in _SECRETS, name in required, _HINTS.get((cloud, name), ""))
        for name in (*required, *optional)
    ]
    return _FRAME.page(
        request,
        "storage.html",
        form=form,
        targets=await services.destinations.page(session_of(request).user_id, limit=_TARGETS, offset=0),
        titles=_TITLES,
        cloud=cloud,
        fields=fields,
        base_folder=BASE_FOLDER,
    )


HANDLERS: Final = (page, remove, add)
