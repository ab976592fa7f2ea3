from collections.abc import AsyncIterator

import httpx
import pytest
from litestar import Litestar, get
from litestar.params import FromPath
from tests.surfaces.serving import calling

from sluicegate.core import errors
from sluicegate.core.errors import SluicegateError
from sluicegate.surfaces.library.errors import EXCEPTION_HANDLERS, answer_error, status_of


def _tree() -> list[type[SluicegateError]]:
    """The core's tree; what other surfaces add to it for themselves never comes here."""
    kinds = [SluicegateError]
    for kind in kinds:
        kinds += kind.__subclasses__()
    return [kind for kind in kinds if kind.__module__ == errors.__name__]


@pytest.fixture(scope="module")
async def failing() -> AsyncIterator[httpx.AsyncClient]:
    """A client of an application that raises the error whose code is in the path."""

    @get("/v1/torrents/{code:str}")
    async def raising(code: FromPath[str]) -> None:
        raise {kind.code: kind for kind in _tree()}[code]("Something happened.", retry_after=3)

    app = Litestar([raising], exception_handlers=EXCEPTION_HANDLERS, logging_config=None)
    async with calling(app) as client:
        yield client


@pytest.mark.parametrize("kind", _tree())
async def test_every_core_error_has_a_status_and_one_shape(failing, kind):
    answer = await failing.get(f"/v1/torrents/{kind.code}")
    assert answer.status_code == status_of(kind)
    assert answer.json() == {"error": f"Something happened. {kind.action}"}
    assert answer.headers["retry-after"] == "3"


@pytest.mark.parametrize(
    ("kind", "status"),
    [
        (errors.MalformedSource, 400),
        (errors.UnsafeSource, 422),
        (errors.Unauthenticated, 401),
        (errors.PlanRequired, 402),
        (errors.PolicyDenied, 403),
        (errors.NotFound, 404),
        (errors.NotReady, 409),
        (errors.TransferNotReady, 409),
        (errors.RateLimited, 429),
        (errors.SourceRejected, 422),
        (errors.UpstreamQuota, 502),
        (errors.CredentialsRejected, 502),
        (errors.StorageFull, 502),
        (errors.InternalError, 500),
    ],
)
def test_statuses_of_the_contract(kind, status):
    assert status_of(kind) == status


async def test_what_nobody_foresaw_is_500_without_its_text(caplog):
    @get("/v1/torrents/x")
    async def raising() -> None:
        raise RuntimeError("token=hunter2")

    app = Litestar([raising], exception_handlers={Exception: answer_error}, logging_config=None)
    async with calling(app) as client:
        answer = await client.get("/v1/torrents/x")
    assert answer.status_code == 500
    assert set(answer.json()) == {"error"}
    assert "hunter2" not in answer.text
    assert "An unexpected error ended a request" in caplog.text
