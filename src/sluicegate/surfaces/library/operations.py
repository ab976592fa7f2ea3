"""What the API description says about bodies that routes read by themselves."""

from dataclasses import dataclass

from litestar.openapi.spec import OpenAPIFormat, OpenAPIMediaType, OpenAPIType, Operation, RequestBody, Schema

__all__ = ["SubmitOperation"]


@dataclass
class SubmitOperation(Operation):
    """``POST /v1/torrents``: JSON of the contract, and our uploads."""

    def __post_init__(self) -> None:
        file = OpenAPIMediaType(Schema(type=OpenAPIType.STRING, format=OpenAPIFormat.BINARY))
        self.request_body = RequestBody(
            description="One magnet, bare info hash, http(s) link, .torrent or NZB.",
            required=True,
            content={
                "application/json": OpenAPIMediaType(Schema(one_of=[_only("magnet"), _only("url")])),
                "multipart/form-data": OpenAPIMediaType(
                    Schema(one_of=[_only("magnet"), _only("url"), _only("file", OpenAPIFormat.BINARY)])
                ),
                "application/x-bittorrent": file,
                "application/x-nzb": file,
            },
        )


def _only(name: str, text_format: OpenAPIFormat | None = None) -> Schema:
    text = Schema(type=OpenAPIType.STRING, format=text_format)
    return Schema(type=OpenAPIType.OBJECT, properties={name: text}, required=[name], additional_properties=False)
