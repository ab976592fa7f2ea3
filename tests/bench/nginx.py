"""nginx, as the measure of what this machine can do: one worker, no log, its own folder, a free port."""

import contextlib
import os
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

from scripts.demo_parts.ports import free_ports
from tests.bench.harness import Missing

__all__ = ["nginx"]

_CONFIG = """
daemon off; worker_processes 1; pid {folder}/pid; error_log {folder}/error.log crit; {user}
events {{ worker_connections 2048; }}
http {{
  access_log off; sendfile on; tcp_nodelay on; keepalive_requests 1000000; default_type video/x-matroska;
  client_body_temp_path {folder}/b; proxy_temp_path {folder}/p;
  fastcgi_temp_path {folder}/f; uwsgi_temp_path {folder}/u; scgi_temp_path {folder}/s;
  server {{ listen 127.0.0.1:{port}; {server} }}
}}
"""


def _binary() -> str:
    found = shutil.which("nginx") or shutil.which("nginx", path="/usr/sbin:/usr/local/sbin")
    if found is None and os.geteuid() == 0 and shutil.which("apt-get"):
        subprocess.run(
            ["apt-get", "install", "-y", "-qq", "nginx-light"], check=False, capture_output=True, timeout=300
        )
        found = shutil.which("nginx", path="/usr/sbin")
    if found is None:
        raise Missing("nginx is not installed (Debian: apt-get install nginx-light)")
    return found


@contextlib.contextmanager
def nginx(folder: Path, server: str) -> Iterator[tuple[int, int]]:
    """Runs nginx with one ``server`` block; yields (process id, port)."""
    binary = _binary()
    folder.mkdir(parents=True)
    (port,) = free_ports()
    config = folder / "nginx.conf"
    user = "user root;" if os.geteuid() == 0 else ""
    config.write_text(_CONFIG.format(folder=folder, port=port, server=server, user=user))
    process = subprocess.Popen([binary, "-p", str(folder), "-c", str(config), "-e", str(folder / "error.log")])
    try:
        _wait(process, port)
        yield process.pid, port
    finally:
        process.terminate()
        process.wait(10)


def _wait(process: "subprocess.Popen[bytes]", port: int) -> None:
    deadline = time.monotonic() + 10
    while time.monotonic() < deadline and process.poll() is None:
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
            return
        time.sleep(0.05)
    raise Missing("nginx does not start")
