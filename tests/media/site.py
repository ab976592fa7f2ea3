"""A small web server on the loopback: serves bytes with ranges, redirects, statuses and slow bodies; keeps a log."""

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

TYPES = {
    ".html": "text/html",
    ".m3u8": "application/vnd.apple.mpegurl",
    ".ts": "video/mp2t",
    ".mp4": "video/mp4",
    ".webm": "video/webm",
    ".mp3": "audio/mpeg",
    ".m4a": "audio/mp4",
    ".jpg": "image/jpeg",
    ".vtt": "text/vtt",
    ".xml": "application/rss+xml",
}


@dataclass
class Answer:
    body: bytes | Callable[[], bytes] = b""
    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)
    drip: float = 0.0
    """Seconds between blocks of 1 KiB; the body never ends before the site does."""
    stops_at: int | None = None
    """So many bytes of the promised ones are sent, and then nothing for as long as the site runs."""


class Site:
    def __init__(self) -> None:
        self.answers: dict[str, Answer] = {}
        self.log: list[tuple[str, dict[str, str]]] = []
        self.stopping = threading.Event()
        site = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            timeout = 20

            def do_GET(self) -> None:
                site.answer(self)

            do_HEAD = do_GET  # noqa: N815

            def log_message(self, *_: Any) -> None:
                pass

        class Server(ThreadingHTTPServer):
            daemon_threads = True

            def handle_error(self, *_: Any) -> None:
                """A client that went away is what some tests are about."""

        self.server = Server(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}"

    @classmethod
    @contextmanager
    def running(cls) -> Iterator["Site"]:
        site = cls()
        thread = threading.Thread(target=site.server.serve_forever, kwargs={"poll_interval": 0.05})
        thread.start()
        try:
            yield site
        finally:
            site.stopping.set()
            site.server.shutdown()
            site.server.server_close()
            thread.join()

    @property
    def paths(self) -> list[str]:
        return [path for path, _ in self.log]

    def put(self, path: str, body: bytes | str | Path | Callable[[], bytes], **more: Any) -> str:
        """Serves ``body`` at ``path``; returns the address."""
        if isinstance(body, Path):
            body = body.read_bytes()
        if isinstance(body, str):
            body = body.encode()
        headers = {"Content-Type": TYPES.get(Path(path).suffix, "application/octet-stream")} | more.pop("headers", {})
        self.answers[path] = Answer(body, headers=headers, **more)
        return self.url + path

    def put_folder(self, prefix: str, folder: Path) -> str:
        for file in folder.iterdir():
            self.put(f"{prefix}/{file.name}", file)
        return self.url + prefix

    def page(self, path: str, body: str, title: str = "A page") -> str:
        html = f"<html><head><title>{title}</title></head><body>{body}</body></html>"
        return self.put(path, html, headers={"Content-Type": "text/html; charset=utf-8"})

    def redirect(self, path: str, to: str) -> str:
        return self.put(path, b"", status=302, headers={"Location": to})

    def answer(self, request: BaseHTTPRequestHandler) -> None:
        path = request.path.partition("?")[0]
        self.log.append((path, dict(request.headers)))
        answer = self.answers.get(path, Answer(b"nothing here", status=404))
        if answer.drip:
            self._drip(request, answer)
            return
        body = answer.body() if callable(answer.body) else answer.body
        status, headers = answer.status, dict(answer.headers)
        wanted = request.headers.get("Range")
        if wanted and status == 200:
            first, _, last = wanted.removeprefix("bytes=").partition("-")
            begin, end = int(first), min(int(last or len(body) - 1), len(body) - 1)
            if begin >= len(body):
                status, headers["Content-Range"], body = 416, f"bytes */{len(body)}", b""
            elif request.headers.get("If-Range", headers.get("ETag")) == headers.get("ETag"):
                status, headers["Content-Range"] = 206, f"bytes {begin}-{end}/{len(body)}"
                body = body[begin : end + 1]
        request.send_response(status)
        for name, value in headers.items():
            request.send_header(name, value)
        request.send_header("Content-Length", str(len(body)))
        request.end_headers()
        if request.command != "HEAD":
            request.wfile.write(body[: answer.stops_at])
        if answer.stops_at is not None:
            self.stopping.wait()

    def _drip(self, request: BaseHTTPRequestHandler, answer: Answer) -> None:
        body = answer.body() if callable(answer.body) else answer.body
        request.send_response(200)
        for name, value in answer.headers.items():
            request.send_header(name, value)
        request.send_header("Content-Length", str(1 << 30))
        request.end_headers()
        request.wfile.write(body)
        while not self.stopping.is_set():
            time.sleep(answer.drip)
            request.wfile.write(bytes(1024))
