"""Takes abilities away from the interpreter itself: no program is started, no other address is connected to.

Python calls an audit hook before each such act; a hook cannot be removed. It is the second wall behind Landlock and
the only one on systems without it.
"""

import sys
from typing import Any, Final
from urllib.parse import urlsplit

__all__ = ["forbid"]

_PROGRAMS: Final = frozenset(
    {"subprocess.Popen", "os.system", "os.exec", "os.posix_spawn", "os.fork", "os.forkpty", "os.spawn", "pty.spawn"}
)
_NETWORK: Final = frozenset({"socket.connect", "socket.getaddrinfo", "socket.sendto", "socket.bind"})


def forbid(proxy: str | None) -> None:
    """From now on no program can be started and, with a ``proxy``, nothing but it can be reached."""
    way_out = urlsplit(proxy) if proxy else None
    host, port = (way_out.hostname, way_out.port) if way_out else (None, None)

    def hook(event: str, arguments: tuple[Any, ...]) -> None:
        if event in _PROGRAMS:
            raise PermissionError("The extraction child may not start programs.")
        if host is not None and event in _NETWORK and not _is_proxy(event, arguments, host, port):
            raise PermissionError("The extraction child may only speak to its proxy.")

    sys.addaudithook(hook)


def _is_proxy(event: str, arguments: tuple[Any, ...], host: str, port: int | None) -> bool:
    if event == "socket.getaddrinfo":
        return bool(arguments[0] == host)
    return event == "socket.connect" and tuple(arguments[1][:2]) == (host, port)
