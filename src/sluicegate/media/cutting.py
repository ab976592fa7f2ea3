"""Fetches only the part of a plain file that holds a clip; the exact cut is made later, as for every other source.

The converter reads the index, goes to the key frame before the clip and copies from there, nothing else is fetched.
"""

import time
from pathlib import Path
from typing import Final

from sluicegate.core.errors import ConversionFailed
from sluicegate.core.media import DirectBytes, FetchedMedia, MediaFacts, MediaProgress, MediaTrack, OnProgress
from sluicegate.core.media_jobs import MediaOptions
from sluicegate.media.ffmpeg import Ffmpeg
from sluicegate.media.probe import probe_end, probe_file
from sluicegate.media.ranged import RangedFile

__all__ = ["can_cut", "cut"]

_SEEKABLE: Final = {"mp4", "mov", "m4a", "mkv", "webm"}
"""Containers with an index of times."""

_MORE_SECONDS: Final = 2.0
"""Behind the end: pictures are not stored in the order in which they are shown."""


def can_cut(direct: DirectBytes, options: MediaOptions) -> bool:
    """Whether there is a clip, and the container and the host allow fetching it alone."""
    clipped = bool(options.clip_start) or options.clip_end is not None
    return clipped and direct.ranges and direct.file.size is not None and direct.file.container in _SEEKABLE


async def cut(
    ffmpeg: Ffmpeg, direct: DirectBytes, options: MediaOptions, folder: Path, on_progress: OnProgress
) -> FetchedMedia | None:
    """The part of the file around the clip; None when the converter cannot find its way in it.

    Raises:
        UpstreamError: the bytes cannot be had.
        UnsafeSource, StorageFull: over a limit.
    """
    size, start, end = direct.file.size or 0, options.clip_start or 0.0, options.clip_end
    begun = time.monotonic()
    path = folder / "clip.mkv"
    served = RangedFile(direct, size, lambda done: on_progress(MediaProgress(done=done)))
    try:
        async with served.serving() as (url, port):
            seconds = [] if end is None else ["-t", f"{end - start + _MORE_SECONDS:.3f}"]
            arguments = [*ffmpeg.input_at(url, ["-ss", f"{start:.3f}", *seconds]), *_copied(options), f"file:{path}"]
            await ffmpeg.run(arguments, folder=folder, handles=(), on_line=lambda _: None, port=port)
        begin, ending = await probe_file(ffmpeg, path, folder=folder), await probe_end(ffmpeg, path, folder=folder)
    except ConversionFailed:
        if served.failure is not None:
            raise served.failure from None
        return None
    if ending.last <= 0:
        raise ConversionFailed("The clip lies beyond the end of the media.")
    return FetchedMedia(
        tracks=(MediaTrack(path, path.stat().st_size, begin.first),),
        facts=MediaFacts(title=direct.name or None),
        strategy="direct",
        retries=direct.retries,
        download_ms=round((time.monotonic() - begun) * 1000),
    )


def _copied(options: MediaOptions) -> list[str]:
    """First picture and first sound as they are, with the times of the source, from the key frame on."""
    picture = [] if options.audio_only else ["-map", "0:V:0?", "-copypriorss:v", "1"]
    return [*picture, "-map", "0:a:0?", "-copypriorss:a", "1", "-c", "copy", "-f", "matroska"]
