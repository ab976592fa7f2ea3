"""What the API description says about the body that ``POST /jobs`` reads by itself."""

from dataclasses import dataclass
from typing import Final

from litestar.openapi.spec import OpenAPIMediaType, OpenAPIType, Operation, RequestBody, Schema

from sluicegate.surfaces.media_jobs import options

__all__ = ["CreateOperation"]

_TEXT: Final = Schema(type=OpenAPIType.STRING)
_FLAG: Final = Schema(type=OpenAPIType.BOOLEAN, default=False)


def _one_of(*words: str) -> Schema:
    return Schema(type=OpenAPIType.STRING, enum=list(words))


@dataclass
class CreateOperation(Operation):
    """``POST /jobs``: the URL and its options (sheet, section 4.1)."""

    def __post_init__(self) -> None:
        properties: dict[str, Schema] = {
            "url": Schema(type=OpenAPIType.STRING, description="Page, playlist or media file, http or https."),
            "format": _one_of(*options.VIDEO, *options.AUDIO),
            "video_codec": _one_of(*options.VIDEO_CODECS),
            "audio_codec": _one_of(*options.AUDIO_CODECS),
            "audio_bitrate": _one_of(*options.BITRATES),
            "video_quality": Schema(type=OpenAPIType.INTEGER, minimum=0, maximum=options.CRF_MAX),
            "quality_preset": _one_of(*options.PRESETS),
            "max_resolution": _one_of(*options.RESOLUTIONS),
            "filename": Schema(type=OpenAPIType.STRING, max_length=options.FILENAME_MAX),
            "folder": Schema(type=OpenAPIType.STRING, min_length=1, max_length=options.FOLDER_MAX),
            "clip_start": _TEXT,
            "clip_end": _TEXT,
            "max_duration": Schema(type=OpenAPIType.INTEGER, minimum=1),
        }
        flags = ("audio_only", "download_subtitles", "download_thumbnail", "live_recording", "live_from_start")
        properties |= dict.fromkeys((*flags, "wait_for_video"), _FLAG)
        schema = Schema(
            type=OpenAPIType.OBJECT, properties=dict(properties), required=["url"], additional_properties=False
        )
        self.request_body = RequestBody(required=True, content={"application/json": OpenAPIMediaType(schema)})
