"""Every error of the core says what to do next, and has a fitting status on every surface."""

from collections import Counter
from typing import Any

import pytest
from scripts.write_docs import errors

from sluicegate.core.errors import (
    InvalidInput,
    LimitReached,
    NotFound,
    SluicegateError,
    UpstreamError,
)
from sluicegate.surfaces.bytes import errors as file_bytes
from sluicegate.surfaces.feed import errors as feed
from sluicegate.surfaces.library import errors as library
from sluicegate.surfaces.media_jobs import errors as media_jobs
from sluicegate.surfaces.stremio import errors as stremio

SURFACES: dict[str, Any] = {
    "library": library,
    "media jobs": media_jobs,
    "bytes": file_bytes,
    "feed": feed,
    "stremio": stremio,
}
KINDS = [kind for kind in errors() if kind is not SluicegateError]


def test_codes_are_unique_and_snake_case():
    codes = Counter(kind.code for kind in errors())
    assert [code for code, times in codes.items() if times > 1] == []
    assert all(code == code.lower().replace(" ", "_") for code in codes)


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.__name__)
def test_it_has_a_sentence_and_a_next_step(kind: type[SluicegateError]):
    error = kind()
    assert error.detail[0].isupper()
    assert error.detail.endswith(".")
    assert error.action.endswith(".")
    assert "code" in vars(kind), "its own code, not its parent's"


@pytest.mark.parametrize("surface", SURFACES)
@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.__name__)
def test_it_has_a_fitting_status(kind: type[SluicegateError], surface: str):
    status = SURFACES[surface].status_of(kind())
    assert 400 <= status < 600
    if issubclass(kind, InvalidInput | NotFound | LimitReached):
        assert status < 500, "the caller can do something about it"
    if issubclass(kind, UpstreamError):
        assert status != 500, "it is not our fault"
