"""The API description tells what the routes do."""

from litestar import Litestar
from litestar.openapi import OpenAPIConfig

from sluicegate.surfaces.library.routes import LibraryServices, router
from sluicegate.surfaces.library.schemas import SubmitBody


def _paths() -> dict:
    app = Litestar(
        [router(LibraryServices(None, None, 0.0))], openapi_config=OpenAPIConfig("x", "1"), logging_config=None
    )  # type: ignore[arg-type]
    return app.openapi_schema.to_schema()["paths"]


def test_every_operation_has_a_summary_and_the_errors_that_all_share():
    operations = [op for path in _paths().values() for op in path.values() if isinstance(op, dict)]
    assert len(operations) == 4
    for operation in operations:
        assert operation["summary"]
        assert "401" in operation["responses"]


def test_the_bodies_of_a_submit_are_described_field_by_field():
    content = _paths()["/v1/torrents"]["post"]["requestBody"]["content"]
    choices = content["application/json"]["schema"]["oneOf"]
    assert {name for choice in choices for name in choice["properties"]} == set(SubmitBody.__struct_fields__)
    assert {"multipart/form-data", "application/x-bittorrent", "application/x-nzb"} < set(content)
