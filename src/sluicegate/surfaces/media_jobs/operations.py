"""What the API description says about the bodies that the routes read by themselves."""

from dataclasses import dataclass
from typing import Final

from litestar.openapi.spec import OpenAPIMediaType, OpenAPIType, Operation, RequestBody, Schema

from sluicegate.surfaces.media_jobs import options

__all__ = ["BulkOperation", "CreateOperation", "MetadataOperation", "RenameOperation"]

_TEXT: Final = Schema(type=OpenAPIType.STRING)
_FLAG: Final = Schema(type=OpenAPIType.BOOLEAN, default=False)


def _one_of(*words: str) -> Schema:
    return Schema(type=OpenAPIType.STRING, enum=list(words))


def _choices() -> dict[str, Schema]:
    """The options that single jobs and bulks share."""
    properties: dict[str, Schema] = {
        "format": _one_of(*options.VIDEO, *options.AUDIO),
        "video_codec": _one_of(*options.VIDEO_CODECS),
        "audio_codec": _one_of(*options.AUDIO_CODECS),
        "audio_bitrate": _one_of(*options.BITRATES),
        "video_quality": Schema(type=OpenAPIType.INTEGER, minimum=0, maximum=options.CRF_MAX),
        "quality_preset": _one_of(*options.PRESETS),
        "max_resolution": _one_of(*options.RESOLUTIONS),
        "folder": Schema(type=OpenAPIType.STRING, min_length=1, max_length=options.FOLDER_MAX),
        "clip_start": _TEXT,
        "clip_end": _TEXT,
        "max_duration": Schema(type=OpenAPIType.INTEGER, minimum=1),
        "webhook_url": Schema(type=OpenAPIType.STRING, description="Told when the job is over."),
        "storage": Schema(type=OpenAPIType.OBJECT, description="Storage for this request only, with its provider."),
    }
    flags = ("audio_only", "download_subtitles", "download_thumbnail", "live_recording", "live_from_start")
    return properties | dict.fromkeys((*flags, "wait_for_video", "enable_progress_webhook", "paused"), _FLAG)


def _body(properties: dict[str, Schema], *required: str) -> RequestBody:
    schema = Schema(
        type=OpenAPIType.OBJECT, properties=dict(properties), required=list(required), additional_properties=False
    )
    return RequestBody(required=True, content={"application/json": OpenAPIMediaType(schema)})


_URL: Final = Schema(type=OpenAPIType.STRING, description="Page, collection or media file, http or https.")
_FILENAME: Final = Schema(type=OpenAPIType.STRING, max_length=options.FILENAME_MAX, description="Without extension.")


@dataclass
class CreateOperation(Operation):
    """``POST /jobs``: the URL and its options (sheet, section 4.1)."""

    def __post_init__(self) -> None:
        """Describes the body."""
        most = options.PRIORITY_MAX
        priority = Schema(type=OpenAPIType.INTEGER, minimum=-most, maximum=most, description="Larger runs first.")
        self.request_body = _body({"url": _URL, "filename": _FILENAME, "priority": priority, **_choices()}, "url")


@dataclass
class BulkOperation(Operation):
    """``POST /jobs/bulk`` (section 7)."""

    def __post_init__(self) -> None:
        """Describes the body."""
        item = Schema(
            type=OpenAPIType.OBJECT,
            properties={"url": _URL, "filename": _FILENAME},
            required=["url"],
            additional_properties=False,
        )
        jobs = Schema(type=OpenAPIType.ARRAY, items=item, min_items=1, max_items=options.BULK_MAX)
        self.request_body = _body({"jobs": jobs, **_choices()}, "jobs")


@dataclass
class MetadataOperation(Operation):
    """``POST /metadata`` (section 8)."""

    def __post_init__(self) -> None:
        """Describes the body."""
        self.request_body = _body({"url": _URL}, "url")


@dataclass
class RenameOperation(Operation):
    """``PATCH /batch/{id}/jobs`` (section 9.3)."""

    def __post_init__(self) -> None:
        """Describes the body."""
        item = Schema(
            type=OpenAPIType.OBJECT,
            properties={"job_id": _TEXT, "filename": _TEXT},
            required=["job_id", "filename"],
            additional_properties=False,
        )
        self.request_body = _body({"renames": Schema(type=OpenAPIType.ARRAY, items=item)}, "renames")
