"""Makes the demo's material: a real video by ffmpeg, the same as HLS, a page around it, and a torrent."""

import hashlib
import os
import subprocess
from dataclasses import dataclass
from pathlib import Path

import imageio_ffmpeg
import libtorrent as lt

PAGE = """<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>A test pattern, twelve seconds long</title></head>
<body><h1>A test pattern</h1><video controls src="pattern.mp4"></video></body></html>
"""


@dataclass(frozen=True)
class Material:
    """Where everything lies.

    Attributes:
        site: folder that the web site serves: pattern.mp4, page.html, hls/index.m3u8, archive.bin
        shared: folder that the seeder shares.
        torrent: the .torrent file.
        magnet: its magnet, with the seeder's address in it.
        sums: SHA-256 by file name.
    """

    site: Path
    shared: Path
    torrent: Path
    magnet: str
    sums: dict[str, str]


def make(folder: Path, seeder_port: int) -> Material:
    """Makes everything below ``folder``; takes a few seconds."""
    site, shared = folder / "site", folder / "shared" / "Sluicegate Demo"
    (site / "hls").mkdir(parents=True)
    shared.mkdir(parents=True)
    _video(site / "pattern.mp4")
    _hls(site / "pattern.mp4", site / "hls" / "index.m3u8")
    (site / "page.html").write_text(PAGE, encoding="utf-8")
    (site / "archive.bin").write_bytes(os.urandom(48 << 20))
    (shared / "pattern.mp4").write_bytes((site / "pattern.mp4").read_bytes())
    (shared / "extras").mkdir()
    (shared / "extras" / "noise.bin").write_bytes(os.urandom(32 << 20))
    torrent, info_hash = _torrent(shared, folder / "demo.torrent")
    magnet = f"magnet:?xt=urn:btih:{info_hash}&dn=Sluicegate+Demo&x.pe=127.0.0.1:{seeder_port}"
    sums = {
        "archive.bin": sha256(site / "archive.bin"),
        "pattern.mp4": sha256(shared / "pattern.mp4"),
        "extras/noise.bin": sha256(shared / "extras" / "noise.bin"),
    }
    return Material(site, shared.parent, torrent, magnet, sums)


def sha256(path: Path) -> str:
    """Of a file."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def describe(source: str) -> str:
    """One line on what ffmpeg finds in a file or URL: container, duration, streams."""
    run = subprocess.run(
        [_ffmpeg(), "-hide_banner", "-i", source], capture_output=True, text=True, timeout=60, check=False
    )
    lines = [line.strip() for line in run.stderr.splitlines()]
    wanted = [line for line in lines if line.startswith(("Duration:", "Stream #"))]
    return " · ".join(line.split(", start")[0][:70] for line in wanted)


def _ffmpeg() -> str:
    return imageio_ffmpeg.get_ffmpeg_exe()


def _video(path: Path) -> None:
    _run(
        *("-f", "lavfi", "-i", "testsrc2=size=1280x720:rate=30:duration=12"),
        *("-f", "lavfi", "-i", "sine=frequency=330:duration=12"),
        *("-c:v", "libx264", "-preset", "ultrafast", "-g", "60", "-pix_fmt", "yuv420p"),
        *("-c:a", "aac", "-b:a", "128k", "-movflags", "+faststart", str(path)),
    )


def _hls(source: Path, playlist: Path) -> None:
    _run("-i", str(source), "-c", "copy", "-f", "hls", "-hls_time", "4", "-hls_playlist_type", "vod", str(playlist))


def _run(*arguments: str) -> None:
    subprocess.run(
        [_ffmpeg(), "-hide_banner", "-nostdin", "-loglevel", "error", "-y", *arguments], check=True, timeout=120
    )


def _torrent(folder: Path, target: Path) -> tuple[Path, str]:
    files = lt.list_files(str(folder))
    torrent = lt.create_torrent(files, flags=lt.create_torrent.v1_only)
    lt.set_piece_hashes(torrent, str(folder.parent))
    raw = lt.bencode(torrent.generate())
    target.write_bytes(raw)
    return target, str(lt.torrent_info(lt.bdecode(raw)).info_hashes().v1)
