"""A plain web site on the loopback that serves one folder with single ranges: ``python -m demo_parts.site FOLDER``.

Prints ``serving PORT``; ends when its standard input is closed.
"""

import http.server
import mimetypes
import re
import sys
import threading
from pathlib import Path
from typing import ClassVar
from urllib.parse import unquote, urlsplit

mimetypes.add_type("application/vnd.apple.mpegurl", ".m3u8")
RANGE = re.compile(r"bytes=(\d+)-(\d*)")
BLOCK = 1 << 18


class Site(http.server.BaseHTTPRequestHandler):
    """Serves files below ``root``; honours ``Range: bytes=a-b``."""

    root: ClassVar[Path]
    protocol_version = "HTTP/1.1"

    def do_HEAD(self) -> None:
        """Headers only."""
        self._serve(body=False)

    def do_GET(self) -> None:
        """The file, or the range asked for."""
        self._serve(body=True)

    def log_message(self, *arguments: object) -> None:
        """Stays silent."""

    def _serve(self, *, body: bool) -> None:
        path = (self.root / unquote(urlsplit(self.path).path).lstrip("/")).resolve()
        if not path.is_relative_to(self.root) or not path.is_file():
            self.send_error(404)
            return
        size = path.stat().st_size
        match = RANGE.fullmatch(self.headers.get("Range", ""))
        start = int(match[1]) if match else 0
        stop = min(int(match[2]) + 1, size) if match and match[2] else size
        if start >= stop:
            self.send_error(416)
            return
        self.send_response(206 if match else 200)
        self.send_header("Content-Type", mimetypes.guess_type(path.name)[0] or "application/octet-stream")
        self.send_header("Accept-Ranges", "bytes")
        self.send_header("ETag", f'"{path.stat().st_mtime_ns:x}-{size:x}"')
        self.send_header("Content-Length", str(stop - start))
        if match:
            self.send_header("Content-Range", f"bytes {start}-{stop - 1}/{size}")
        self.end_headers()
        if body:
            self._send(path, start, stop)

    def _send(self, path: Path, start: int, stop: int) -> None:
        with path.open("rb") as file:
            file.seek(start)
            while start < stop and (block := file.read(min(BLOCK, stop - start))):
                self.wfile.write(block)
                start += len(block)


class QuietServer(http.server.ThreadingHTTPServer):
    """A client that leaves early is nothing to talk about."""

    def handle_error(self, request: object, client_address: object) -> None:
        """Stays silent about broken connections."""
        if not isinstance(sys.exc_info()[1], ConnectionError):
            super().handle_error(request, client_address)


def main() -> None:
    """Serves until told to stop."""
    Site.root = Path(sys.argv[1]).resolve()
    server = QuietServer(("127.0.0.1", 0), Site)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    print(f"serving {server.server_address[1]}", flush=True)
    sys.stdin.read()


if __name__ == "__main__":
    main()
