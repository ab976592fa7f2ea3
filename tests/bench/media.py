"""What the rows about media jobs share: a key, real media on a local server, and the end of a job."""

import contextlib
import functools
import http.server
import json
import subprocess
import threading
import time
import urllib.request
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import imageio_ffmpeg
from tests.bench.product import COMMAND, Product

__all__ = ["MediaClient", "hls_folder", "media_client", "web_folder"]

_OVER = {"Completed", "Failed", "Warning", "Skipped"}


@dataclass(frozen=True, slots=True)
class MediaClient:
    """Calls the media jobs API of a product; ``library_key`` belongs to the same user and follows the changes."""

    url: str
    key: str = field(repr=False)
    library_key: str = field(repr=False)

    def call(self, method: str, path: str, body: object = None) -> Any:
        """A JSON call."""
        headers = {"x-api-key": self.key, "Content-Type": "application/json"}
        raw = json.dumps(body).encode() if body is not None else None
        request = urllib.request.Request(self.url + path, method=method, headers=headers, data=raw)
        with urllib.request.urlopen(request, timeout=120) as answer:
            return json.loads(answer.read() or b"null")

    def told(self, url: str, **options: object) -> tuple[dict[str, Any], float]:
        """The completed job for ``url``, and the seconds from the request until the change stream told its end."""
        headers = {"Authorization": f"Bearer {self.library_key}"}
        request = urllib.request.Request(f"{self.url}/v1/events", headers=headers)
        with urllib.request.urlopen(request, timeout=600) as events:
            _until(events, "following", ())
            began = time.monotonic()
            job_id = self.call("POST", "/jobs", {"url": url, **options})["job_id"]
            _until(events, "media_job", {(job_id, status) for status in _OVER})
            seconds = time.monotonic() - began
        return self._checked(self.call("GET", f"/jobs/{job_id}")), seconds

    def completed(self, url: str, every: float = 0.02, **options: object) -> dict[str, Any]:
        """The job for ``url`` when it is completed; it is looked at ``every`` so many seconds."""
        job_id = self.call("POST", "/jobs", {"url": url, **options})["job_id"]
        while True:
            job: dict[str, Any] = self.call("GET", f"/jobs/{job_id}")
            if job["status"] in _OVER:
                break
            time.sleep(every)
        return self._checked(job)

    def _checked(self, job: dict[str, Any]) -> dict[str, Any]:
        if job["status"] != "Completed":
            raise RuntimeError(f"the job ended as {job['status']}: {job['error']}")
        return job


def _until(events: Iterable[bytes], name: str, wanted: Collection[tuple[str, str]]) -> None:
    """Reads server-sent events until the first one of this name that tells one of these (id, status)."""
    event = ""
    for line in events:
        word, _, value = line.decode().strip().partition(": ")
        event = value if word == "event" else event
        if word == "data" and event == name:
            told = json.loads(value)
            if not wanted or (told["id"], told["status"]) in wanted:
                return
    raise RuntimeError("the change stream has ended")


def media_client(product: Product, user: str = "home") -> MediaClient:
    """A client with a fresh media key."""
    command = [COMMAND, "keys", "create", "--user", user, "--kind", "media", "--data-dir", str(product.data)]
    key = subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()
    return MediaClient(product.url, key, product.key)


def hls_folder(folder: Path, seconds: int = 60) -> None:
    """Fills ``folder`` with ``index.m3u8``, its segments, ``film.mp4`` and a page that shows it."""
    ffmpeg = [imageio_ffmpeg.get_ffmpeg_exe(), "-v", "error", "-nostdin", "-y"]
    picture = ["-f", "lavfi", "-i", f"testsrc2=s=1280x720:r=25:d={seconds}"]
    sound = ["-f", "lavfi", "-i", f"sine=d={seconds}"]
    codecs = ["-c:v", "libx264", "-preset", "ultrafast", "-b:v", "6M", "-pix_fmt", "yuv420p", "-g", "50", "-c:a", "aac"]
    film = str(folder / "film.mp4")
    subprocess.run([*ffmpeg, *picture, *sound, *codecs, "-movflags", "+faststart", film], check=True)
    hls = ["-c", "copy", "-f", "hls", "-hls_time", "4", "-hls_playlist_type", "vod", str(folder / "index.m3u8")]
    subprocess.run([*ffmpeg, "-i", film, *hls], check=True)
    (folder / "watch.html").write_text('<html><title>A film</title><video src="film.mp4"></video></html>')


class _Quiet(http.server.SimpleHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *_: Any) -> None:
        """Nothing."""


class _Server(http.server.ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, *_: Any) -> None:
        """A client that has read enough closes its connection."""


@contextlib.contextmanager
def web_folder(folder: Path) -> Iterator[str]:
    """Serves ``folder`` on the loopback; yields the base URL."""
    handler = functools.partial(_Quiet, directory=str(folder))
    with _Server(("127.0.0.1", 0), handler) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join()
