"""Makes WebVTT of a fetched subtitle, whatever text format it came in."""

import asyncio
from pathlib import Path
from typing import Final

from sluicegate.core.errors import ConversionFailed
from sluicegate.media.ffmpeg import Ffmpeg, opened

__all__ = ["as_webvtt"]

_SIGNATURE: Final = b"WEBVTT"


async def as_webvtt(ffmpeg: Ffmpeg, path: Path, *, folder: Path) -> Path | None:
    """The subtitle as ``….vtt``; None when it is not one, which never fails the job."""
    if path.suffix == ".vtt":
        return path if await asyncio.to_thread(_is_webvtt, path) else None
    result = path.with_suffix(".vtt")
    try:
        with opened([path]) as handles:
            arguments = [*ffmpeg.inputs(handles, ["-f", path.suffix.removeprefix(".")]), "-f", "webvtt"]
            await ffmpeg.run([*arguments, f"file:{result}"], folder=folder, handles=handles, on_line=lambda _: None)
    except ConversionFailed:
        return None
    return result


def _is_webvtt(path: Path) -> bool:
    with path.open("rb") as file:
        return file.read(64).removeprefix(b"\xef\xbb\xbf").startswith(_SIGNATURE)
