"""The envelope: under each requested slug either a value with its meta, or an error alone."""

from collections.abc import Sequence
from typing import Any

import msgspec

from sluicegate.core.errors import InternalError
from sluicegate.core.gateway import GatewayOperation
from sluicegate.services.gateway_fanout import Answered
from sluicegate.surfaces.gateway.problems import Problem, problem_of

__all__ = ["Debug", "Envelope", "Failure", "Fragment", "FragmentMeta", "Meta", "Summary", "wrap"]


class FragmentMeta(msgspec.Struct):
    """Who answered, and to which request."""

    request_id: str
    provider: str
    schema: str


class Debug(msgspec.Struct):
    """The provider's own JSON, outside the contract; one document, or a list where several calls were needed."""

    upstream: Any


class Fragment(msgspec.Struct, omit_defaults=True):
    """One provider's success."""

    data: Any
    meta: FragmentMeta
    debug: Debug | None = None


class Failure(msgspec.Struct):
    """One provider's failure; the others are not affected."""

    error: Problem


class Summary(msgspec.Struct):
    """How many providers answered and failed; an addition of ours."""

    succeeded: int
    failed: int


class Meta(msgspec.Struct):
    """About the whole answer; ``providers`` is in request order."""

    request_id: str
    providers: list[str]
    schema: str
    summary: Summary


class Envelope(msgspec.Struct):
    """The whole answer."""

    data: dict[str, Fragment | Failure]
    meta: Meta


def wrap(
    operation: GatewayOperation, request_id: str, answers: Sequence[Answered[tuple[Any, Debug | None]]]
) -> Envelope:
    """Answers of all providers in one envelope."""
    schema = operation.schema
    data: dict[str, Fragment | Failure] = {}
    failed = 0
    for answer in answers:
        slug = answer.target.slug
        if answer.value is not None:
            body, debug = answer.value
            data[slug] = Fragment(body, FragmentMeta(request_id, slug, schema), debug)
        else:
            failed += 1
            data[slug] = Failure(problem_of(answer.error or InternalError(), request_id))
    return Envelope(data, Meta(request_id, list(data), schema, Summary(len(data) - failed, failed)))
