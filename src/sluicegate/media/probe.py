"""What is really in a media file.

The wheel has no ffprobe, and ffmpeg's listing on the error output mixes facts with text from the file: a title can
forge a line of it. The ``framecrc`` muxer writes codec, size and packet times alone, on an output of its own.
"""

from dataclasses import dataclass
from pathlib import Path

from sluicegate.media.ffmpeg import Ffmpeg, opened

__all__ = ["MediaStreams", "probe_file"]


@dataclass(frozen=True, slots=True)
class MediaStreams:
    """The first picture and the first sound of a file; cover pictures do not count.

    Attributes:
        video, audio: codecs in ffmpeg's spelling (``h264``, ``aac``), None without one.
        width, height: as stored, before any rotation.
    """

    video: str | None = None
    audio: str | None = None
    width: int | None = None
    height: int | None = None


async def probe_file(ffmpeg: Ffmpeg, path: Path, *, folder: Path) -> MediaStreams:
    """Reads the beginning of ``path``.

    Raises:
        ConversionFailed: it is not media, or has neither picture nor sound.
    """
    header: list[str] = []
    packets = 0

    def on_line(line: bytes) -> None:
        nonlocal packets
        if line.startswith(b"#"):
            header.append(line.decode("ascii", "replace").strip())
        else:
            packets += 1

    with opened([path]) as handles:
        arguments = [*ffmpeg.inputs(handles), "-map", "0:V:0?", "-map", "0:a:0?", "-c", "copy"]
        limit = ["-frames:v", "1", "-frames:a", "1", "-f", "framecrc", "pipe:1"]
        await ffmpeg.run([*arguments, *limit], folder=folder, handles=handles, on_line=on_line)
    return _streams(header) if packets else MediaStreams()


def _streams(header: list[str]) -> MediaStreams:
    """Reads lines like ``#codec_id 0: h264``, ``#media_type 0: video``, ``#dimensions 0: 640x360``."""
    facts: dict[str, dict[str, str]] = {}
    for line in header:
        name, _, value = line.removeprefix("#").partition(": ")
        kind, _, number = name.partition(" ")
        facts.setdefault(number, {})[kind] = value
    video = next((stream for stream in facts.values() if stream.get("media_type") == "video"), {})
    audio = next((stream for stream in facts.values() if stream.get("media_type") == "audio"), {})
    width, _, height = video.get("dimensions", "").partition("x")
    return MediaStreams(
        video=video.get("codec_id"),
        audio=audio.get("codec_id"),
        width=int(width) if width.isdecimal() else None,
        height=int(height) if height.isdecimal() else None,
    )
