"""Shapes fetched tracks into the one file that was asked for; copying beats converting."""

import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from sluicegate.core.errors import ConversionFailed, InternalError
from sluicegate.core.media import FetchedMedia, MediaProgress, OnProgress, ShapedMedia
from sluicegate.core.media_jobs import MediaOptions
from sluicegate.media.ffmpeg import Ffmpeg, opened
from sluicegate.media.formats import (
    Container,
    audio_arguments,
    container_of_options,
    native_word,
    quality_word,
    video_arguments,
)
from sluicegate.media.matching import matching
from sluicegate.media.probe import MediaStreams, duration_of, probe_end, probe_file

__all__ = ["shape"]

_MAX_TITLE: Final = 300


@dataclass(frozen=True, slots=True)
class _Source:
    """Which track gives the picture, which the sound, and what they are."""

    streams: MediaStreams
    video_track: int | None
    audio_track: int | None


async def shape(
    ffmpeg: Ffmpeg, fetched: FetchedMedia, options: MediaOptions, folder: Path, on_progress: OnProgress
) -> ShapedMedia:
    """See ``MediaWorkshop.shape``.

    Raises:
        InvalidInput: the options do not fit each other.
        ConversionFailed: the tracks cannot be read, lack what was asked for, or the clip is empty.
        UnsafeSource: over the limit of time or size.
    """
    begun = time.monotonic()
    container = container_of_options(options)
    result = folder / f"shaped.{container.name}"
    meter = _Meter(on_progress, _seconds(fetched, options))
    made = await matching(ffmpeg, fetched, options, container, folder)
    if made is not None:
        _pass(fetched.tracks[0].path, result)
        source = made
    else:
        source, made = await _convert(ffmpeg, fetched, options, folder, container, result, meter)
    size = result.stat().st_size
    meter.finish(size)
    return ShapedMedia(
        path=result,
        size=size,
        container=container.name,
        media_type=container.media_type,
        native_video_codec=native_word(source.video),
        native_audio_codec=native_word(source.audio),
        video_codec=made.video,
        audio_codec=made.audio,
        width=made.width,
        height=made.height,
        actual_quality=quality_word(made.width, made.height),
        duration=round(made.last, 3),
        mux_ms=round((time.monotonic() - begun) * 1000),
    )


def _pass(path: Path, result: Path) -> None:
    """A second name for the same bytes: the first stays, so that a run after a crash finds what was fetched."""
    result.unlink(missing_ok=True)
    result.hardlink_to(path)


async def _convert(
    ffmpeg: Ffmpeg,
    fetched: FetchedMedia,
    options: MediaOptions,
    folder: Path,
    container: Container,
    result: Path,
    meter: "_Meter",
) -> tuple[MediaStreams, MediaStreams]:
    """Writes the result; what the source has, and what the result has."""
    source = await _inspect(ffmpeg, fetched, options, folder)
    await _check_clip(ffmpeg, fetched, options, folder)
    part = folder / f"shaping.{container.name}"
    with opened([track.path for track in fetched.tracks]) as handles:
        arguments = _arguments(ffmpeg, fetched, options, container, source, handles)
        await ffmpeg.run([*arguments, f"file:{part}"], folder=folder, handles=handles, on_line=meter.line)
    made = await probe_end(ffmpeg, part, folder=folder)
    _check(made, source)
    part.replace(result)
    return source.streams, made


async def _inspect(ffmpeg: Ffmpeg, fetched: FetchedMedia, options: MediaOptions, folder: Path) -> _Source:
    tracks = [await probe_file(ffmpeg, track.path, folder=folder) for track in fetched.tracks]
    with_video = next((number for number, track in enumerate(tracks) if track.video), None)
    # A second track was fetched for its sound; the first one's own sound is the fall-back.
    with_audio = next((number for number in reversed(range(len(tracks))) if tracks[number].audio), None)
    if with_video is None and with_audio is None:
        raise ConversionFailed("The fetched file has neither picture nor sound.")
    if options.audio_only and with_audio is None:
        raise ConversionFailed("The media has no sound.")
    picture = tracks[with_video] if with_video is not None else MediaStreams()
    sound = tracks[with_audio].audio if with_audio is not None else None
    streams = MediaStreams(picture.video, sound, picture.width, picture.height)
    return _Source(streams, None if options.audio_only else with_video, with_audio)


def _arguments(
    ffmpeg: Ffmpeg,
    fetched: FetchedMedia,
    options: MediaOptions,
    container: Container,
    source: _Source,
    handles: Sequence[int],
) -> list[str]:
    arguments: list[str] = []
    for track, handle in zip(fetched.tracks, handles, strict=True):
        offset = (options.clip_start or 0.0) - track.starts_at
        arguments += ffmpeg.inputs([handle], ["-ss", f"{offset:.3f}"] if offset > 0 else [])
    if source.video_track is not None and source.streams.video:
        precise = bool(options.clip_start) and not container.edits
        codec = video_arguments(options, container, source.streams.video, precise=precise)
        arguments += ["-map", f"{source.video_track}:V:0", *codec]
    if source.audio_track is not None and source.streams.audio:
        arguments += ["-map", f"{source.audio_track}:a:0", *audio_arguments(options, container, source.streams.audio)]
    if options.clip_start and not container.edits:
        # Sound that is copied would else begin at the key frame, before the picture.
        arguments += ["-copypriorss:a", "0"]
    if options.clip_end is not None:
        arguments += ["-t", f"{options.clip_end - (options.clip_start or 0.0):.3f}"]
    return [*arguments, *_metadata(fetched.facts.title), *_muxer(container), "-progress", "pipe:1"]


def _metadata(title: str | None) -> list[str]:
    """Nothing of the source's own tags is kept; the page's title is, as one line of text."""
    kept = "".join(letter for letter in (title or "")[:_MAX_TITLE] if letter.isprintable())
    return ["-map_metadata", "-1", "-map_chapters", "-1", *(["-metadata", f"title={kept}"] if kept else [])]


def _muxer(container: Container) -> list[str]:
    """The index goes to the front where there is one, so that a player can begin before it has all bytes."""
    faststart = ["-movflags", "+faststart"] if container.muxer in {"mp4", "mov", "ipod"} else []
    return ["-f", container.muxer, *faststart]


def _seconds(fetched: FetchedMedia, options: MediaOptions) -> float | None:
    """How long the result is going to be, as far as that is known."""
    end = options.clip_end if options.clip_end is not None else fetched.facts.duration
    return max(end - (options.clip_start or 0.0), 0.001) if end else None


async def _check_clip(ffmpeg: Ffmpeg, fetched: FetchedMedia, options: MediaOptions, folder: Path) -> None:
    """Looks before cutting: beyond the end ffmpeg would succeed with an empty file, or with the last pictures."""
    if options.clip_start:
        track = fetched.tracks[0]
        if options.clip_start >= track.starts_at + await duration_of(ffmpeg, track.path, folder=folder):
            raise ConversionFailed("The clip lies beyond the end of the media.")


def _check(made: MediaStreams, source: _Source) -> None:
    """Looks into the result: ffmpeg succeeds with an empty file when there was nothing to read."""
    if made.last <= 0:
        raise ConversionFailed("The media is empty.")
    if source.video_track is not None and source.streams.video and made.video is None:
        raise InternalError("The picture was lost while converting.")


class _Meter:
    """Turns ``-progress`` output (``key=value`` lines, a block about twice a second) into our progress."""

    def __init__(self, on_progress: OnProgress, expected: float | None) -> None:
        self._on_progress = on_progress
        self._expected = expected
        self._size = 0
        self._seconds: float | None = None

    def line(self, line: bytes) -> None:
        """Takes one line."""
        name, _, value = line.strip().partition(b"=")
        if name == b"total_size" and value.isdigit():
            self._size = max(self._size, int(value))
        elif name == b"out_time_us" and value.isdigit():
            self._seconds = int(value) / 1_000_000
        elif name == b"progress" and value == b"continue":
            done = min(self._seconds / self._expected, 1.0) if self._seconds and self._expected else None
            self._on_progress(MediaProgress(done=self._size, fraction=done))

    def finish(self, size: int) -> None:
        """All of it is written: ``size`` bytes."""
        self._on_progress(MediaProgress(done=size, total=size, fraction=1.0))
