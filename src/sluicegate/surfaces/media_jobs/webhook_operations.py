"""What the API description says about the bodies that the webhook routes read by themselves."""

from dataclasses import dataclass
from typing import Final

from litestar.openapi.spec import OpenAPIMediaType, OpenAPIType, Operation, RequestBody, Schema

from sluicegate.core.webhooks import EventType

__all__ = ["ChangeOperation", "NewOperation"]

_FIELDS: Final = {
    "url": Schema(type=OpenAPIType.STRING, description="http(s) address that messages are posted to."),
    "events": Schema(
        type=OpenAPIType.ARRAY,
        items=Schema(type=OpenAPIType.STRING, enum=[str(kind) for kind in EventType]),
        description="Types to tell; empty for all but progress.",
    ),
    "description": Schema(type=OpenAPIType.STRING, max_length=200, description="What it is for."),
}


def _json(schema: Schema) -> RequestBody:
    return RequestBody({"application/json": OpenAPIMediaType(schema)}, required=True)


@dataclass
class NewOperation(Operation):
    """Body of ``POST /webhooks``."""

    def __post_init__(self) -> None:
        """Describes the body."""
        self.request_body = _json(
            Schema(type=OpenAPIType.OBJECT, properties=dict(_FIELDS), required=["url"], additional_properties=False)
        )


@dataclass
class ChangeOperation(Operation):
    """Body of ``PATCH /webhooks/{id}``."""

    def __post_init__(self) -> None:
        """Describes the body."""
        active = Schema(type=OpenAPIType.BOOLEAN, description="Whether messages are sent.")
        self.request_body = _json(
            Schema(type=OpenAPIType.OBJECT, properties={**_FIELDS, "active": active}, additional_properties=False)
        )
