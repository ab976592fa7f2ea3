"""Runs ffmpeg: input through an open file descriptor or a port of ours, output into the job's folder, nothing else."""

import errno
import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from sluicegate.core.errors import ConversionFailed, InternalError, StorageFull, UnsafeSource
from sluicegate.media.child import ChildLimits, Ending, confined, run_child

__all__ = ["Ffmpeg", "find_ffmpeg", "opened"]

_DEMUXERS: Final = (
    "mov,matroska,webm,mpegts,mpeg,mpegvideo,avi,flv,live_flv,asf,ogg,wav,w64,flac,mp3,aac,ac3,eac3,amr,caf,aiff,dts,"
    "srt,webvtt,ass"
)
"""Formats that hold media. Missing on purpose: hls, dash, concat, image2, lavfi and all that name other files."""

_NO_SPACE: Final = 256 - errno.ENOSPC
"""The exit code is the low byte of the negative error number."""

_QUIET: Final = ("-hide_banner", "-nostdin", "-nostats", "-v", "error", "-y")


def find_ffmpeg() -> Path:
    """The wheel's program, or the system's where the wheel has none; whether it runs is tried.

    Raises:
        InternalError: there is none.
    """
    import imageio_ffmpeg

    try:
        return Path(imageio_ffmpeg.get_ffmpeg_exe())
    except RuntimeError as error:
        raise InternalError("ffmpeg is missing.", action="Install ffmpeg; media jobs need it.") from error


@contextmanager
def opened(paths: Sequence[Path]) -> Iterator[list[int]]:
    """Opens files for reading, never through a symbolic link, and closes them again."""
    handles: list[int] = []
    try:
        for path in paths:
            handles.append(os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC))  # noqa: PERF401  (kept on failure)
        yield handles
    finally:
        for handle in handles:
            os.close(handle)


class Ffmpeg:
    """ffmpeg under limits.

    Why descriptors: with ``-protocol_whitelist fd`` no demuxer can open anything by name, neither another file nor an
    address, whatever the media says. A whitelist that allows files would let a playlist in disguise read them.
    """

    def __init__(self, program: Path, limits: ChildLimits) -> None:
        self._program = program
        self._limits = limits

    def inputs(self, handles: Sequence[int], before: Sequence[str] = ()) -> list[str]:
        """Arguments that read ``handles``, each with the options in ``before``."""
        return [
            argument
            for handle in handles
            for argument in (
                "-protocol_whitelist", "fd", "-format_whitelist", _DEMUXERS, *before, "-fd", str(handle), "-i", "fd:",
            )
        ]  # fmt: skip

    def input_at(self, url: str, before: Sequence[str]) -> list[str]:
        """Arguments that read ``url``, a file of our own on the loopback, with its own times counted from zero."""
        only = ("-protocol_whitelist", "http,tcp", "-format_whitelist", _DEMUXERS)
        return ["-copyts", "-start_at_zero", *only, *before, "-i", url]

    async def run(
        self,
        arguments: Sequence[str],
        *,
        folder: Path,
        handles: Sequence[int],
        on_line: Callable[[bytes], None],
        port: int | None = None,
    ) -> Ending:
        """Runs ffmpeg and returns when it has succeeded; ``port`` is the only one it may connect to.

        Raises:
            ConversionFailed: it cannot read or write this.
            UnsafeSource: over the limit of time or size.
            StorageFull: the disk has no space left.
        """
        ports = () if port is None else (port,)
        command = confined(self._limits.confinement(folder, ports), self._program, [*_QUIET, *arguments])
        ending = await run_child(
            command, folder=folder, wall_seconds=self._limits.wall_seconds, on_line=on_line, keep_open=handles
        )
        if ending.over_time:
            raise UnsafeSource("Converting the media takes longer than allowed.")
        if ending.over_size:
            raise UnsafeSource("The converted media is larger than allowed.")
        if ending.code == _NO_SPACE:
            raise StorageFull("The disk of the work folder is full.")
        if ending.code < 0:
            raise InternalError("The converter was killed from outside.")
        if ending.code:
            failure = ConversionFailed("The media cannot be read or converted.")
            failure.add_note(ending.complaint.decode("utf-8", "replace"))
            raise failure
        return ending
