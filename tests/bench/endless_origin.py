"""A remote side that sends zeros for ever and notes when it is let go."""

import contextlib
import re
import socket
import threading
import time
from collections.abc import Iterator

__all__ = ["EndlessOrigin", "endless_origin"]

SIZE = 1 << 40
_BLOCK = bytes(1 << 20)


class EndlessOrigin:
    """Answers every request with a file of one tebibyte.

    Attributes:
        released: times (``time.perf_counter``) at which a connection was closed by the other side.
    """

    def __init__(self) -> None:
        self.released: list[float] = []
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self._listener.getsockname()[1]}/film.mkv"
        threading.Thread(target=self._accept, daemon=True).start()

    def close(self) -> None:
        """Takes no more connections."""
        self._listener.close()

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                connection, _ = self._listener.accept()
                threading.Thread(target=self._serve, args=(connection,), daemon=True).start()

    def _serve(self, connection: socket.socket) -> None:
        with connection, contextlib.suppress(OSError):
            head = b""
            while b"\r\n\r\n" not in head:
                part = connection.recv(65_536)
                if not part:
                    return
                head += part
            start = int(found[1]) if (found := re.search(rb"(?i)range: bytes=(\d+)-", head)) else 0
            connection.sendall(
                b"HTTP/1.1 206 Partial Content\r\nContent-Length: %d\r\nContent-Range: bytes %d-%d/%d\r\n\r\n"
                % (SIZE - start, start, SIZE - 1, SIZE)
            )
            with contextlib.suppress(OSError):
                while True:
                    connection.sendall(_BLOCK)
            self.released.append(time.perf_counter())


@contextlib.contextmanager
def endless_origin() -> Iterator[EndlessOrigin]:
    """Runs one."""
    origin = EndlessOrigin()
    try:
        yield origin
    finally:
        origin.close()
