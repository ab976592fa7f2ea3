"""Which codecs a container takes, what to convert to when it does not take one, and how quality is named.

Tables only, no processes. Sources: the contract sheet (section 4.1) for what can be asked for; the muxers of ffmpeg
and the players' habits for what fits: a pair is listed when the usual players of the container play it.
"""

from dataclasses import dataclass
from typing import Final

from sluicegate.core.errors import InvalidInput
from sluicegate.core.media import CODECS_BY_CONTAINER
from sluicegate.core.media_jobs import MediaOptions

__all__ = [
    "CONTAINERS",
    "ENCODERS",
    "Container",
    "audio_arguments",
    "container_of_options",
    "crf",
    "native_word",
    "quality_word",
    "video_arguments",
]


@dataclass(frozen=True, slots=True)
class Container:
    """One kind of result.

    Attributes:
        name: as asked for, and the file's extension.
        muxer: ffmpeg's name.
        media_type: MIME type.
        video: codecs copied as they are, best first; the first is the fall-back. Empty for audio containers.
        audio: likewise.
        edits: it can hide what lies before a cut, so a clip can begin anywhere without re-encoding.
    """

    name: str
    muxer: str
    media_type: str
    video: tuple[str, ...]
    audio: tuple[str, ...]
    edits: bool = False


_ANY_VIDEO = ("h264", "hevc", "vp9", "av1", "vp8", "mpeg4", "mpeg2video", "mpeg1video", "theora", "mjpeg", "prores")
_ANY_AUDIO = ("aac", "opus", "mp3", "vorbis", "flac", "ac3", "eac3", "alac", "mp2", "dts", "pcm_s16le", "pcm_s24le")

CONTAINERS: Final[dict[str, Container]] = {
    container.name: container
    for container in (
        Container("mp4", "mp4", "video/mp4", ("h264", "hevc", "av1", "vp9", "mpeg4"),
                  ("aac", "mp3", "opus", "ac3", "eac3", "flac", "alac"), edits=True),
        Container("mov", "mov", "video/quicktime", ("h264", "hevc", "mpeg4", "prores", "mjpeg"),
                  ("aac", "mp3", "alac", "ac3", "eac3", "pcm_s16le", "pcm_s24le"), edits=True),
        Container("mkv", "matroska", "video/x-matroska", _ANY_VIDEO, _ANY_AUDIO),
        Container("webm", "webm", "video/webm", ("vp9", "vp8", "av1"), ("opus", "vorbis")),
        Container("m4a", "ipod", "audio/mp4", (), ("aac", "alac"), edits=True),
        Container("mp3", "mp3", "audio/mpeg", (), ("mp3",)),
        Container("ogg", "ogg", "audio/ogg", (), ("opus",)),
        Container("opus", "opus", "audio/ogg", (), ("opus",)),
    )
}  # fmt: skip

ENCODERS: Final = {
    "h264": "libx264", "h265": "libx265", "hevc": "libx265", "vp9": "libvpx-vp9",
    "aac": "aac", "opus": "libopus", "mp3": "libmp3lame",
}  # fmt: skip

_PRESETS: Final = {"highest": 17, "high": 20, "medium": 23, "low": 28, "lowest": 34}
_VP9_SHIFT: Final = 8
_CODEC_NAMES: Final = {"h265": "hevc"}
_NATIVE_WORDS: Final = {"h264": "avc1", "hevc": "hvc1", "av1": "av01", "aac": "mp4a", "vp9": "vp09", "vp8": "vp08"}


def container_of_options(options: MediaOptions) -> Container:
    """The container asked for.

    Raises:
        InvalidInput: an unknown one, an audio container for a video, or a codec that does not go into it.
    """
    container = CONTAINERS.get(options.container)
    if container is None or not (container.video or options.audio_only):
        raise InvalidInput(f"The format {options.container!r} does not fit this job.", field="format")
    video, audio = CODECS_BY_CONTAINER[container.name]
    if not options.audio_only and options.video_codec not in video:
        raise InvalidInput(f"{options.video_codec} does not go into {container.name}.", field="video_codec")
    if options.audio_codec not in audio:
        raise InvalidInput(f"{options.audio_codec} does not go into {container.name}.", field="audio_codec")
    return container


def video_arguments(options: MediaOptions, container: Container, codec: str, *, precise: bool) -> list[str]:
    """The arguments for a picture in ``codec``: a copy where that is possible.

    Args:
        options: what was asked for.
        container: where it goes.
        codec: of the source, in ffmpeg's spelling.
        precise: a cut must fall between two key frames and the container cannot hide the rest.
    """
    wanted = _CODEC_NAMES.get(options.video_codec, options.video_codec)
    if wanted == "copy" and codec in container.video and not precise:
        return ["-c:v", "copy", *_tag(codec, container)]
    if wanted == "copy":
        wanted = codec if codec in container.video and codec in ENCODERS else container.video[0]
    quality = str(crf(options, wanted))
    extra = {
        "libx264": ["-preset", "veryfast", "-pix_fmt", "yuv420p"],
        "libx265": ["-preset", "veryfast", "-pix_fmt", "yuv420p", "-x265-params", "log-level=error"],
        "libvpx-vp9": ["-b:v", "0", "-row-mt", "1", "-deadline", "good", "-cpu-used", "4"],
    }[ENCODERS[wanted]]
    return ["-c:v", ENCODERS[wanted], "-crf", quality, *extra, *_tag(wanted, container)]


def audio_arguments(options: MediaOptions, container: Container, codec: str) -> list[str]:
    """The arguments for sound in ``codec``: a copy where possible, else AAC or what the container takes."""
    wanted = options.audio_codec
    if wanted in {"copy", codec} and codec in container.audio:
        return ["-c:a", "copy"]
    if wanted == "copy":
        wanted = container.audio[0]
    # Opus knows five rates and ffmpeg's encoder picks one; channel layouts beyond stereo need a mapping it lacks.
    return ["-c:a", ENCODERS[wanted], "-b:a", options.audio_bitrate, *(["-ac", "2"] if wanted == "opus" else [])]


def crf(options: MediaOptions, codec: str) -> int:
    """The encoder's constant rate factor; a preset wins over a number, and VP9's scale is longer (0 to 63)."""
    quality = options.video_quality
    if options.quality_preset is not None:
        quality = _PRESETS.get(options.quality_preset, quality)
    return min(quality + _VP9_SHIFT, 63) if codec == "vp9" else quality


def quality_word(width: int | None, height: int | None) -> str:
    """``1080p`` for 1920x1080 and 1080x1920; ``audio`` without a picture."""
    return f"{min(width, height)}p" if width and height else "audio"


def native_word(codec: str | None) -> str | None:
    """The codec as containers spell it (``avc1``, ``mp4a``), as the contract shows it."""
    return _NATIVE_WORDS.get(codec, codec) if codec else None


def _tag(codec: str, container: Container) -> list[str]:
    """Apple's players accept HEVC under one of its two tags only."""
    return ["-tag:v", "hvc1"] if codec == "hevc" and container.name in {"mp4", "mov"} else []
