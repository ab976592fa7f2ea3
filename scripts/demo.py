"""make demo: starts everything on this machine and runs the main jobs on real bytes, as a stranger would use them.

A server with its embedded database, a BitTorrent seeder and a web site run as processes of their own, all on the
loopback. A magnet, a direct link, an HLS playlist and a page are handed in through the public API with real keys; each
result is streamed back with range requests and compared. Exits 0 when every byte was right.
"""

import argparse
import hashlib
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TransferSpeedColumn

sys.path.insert(0, str(Path(__file__).parent))
from demo_parts import bucket, material
from demo_parts.ports import free_ports

ROOT = Path(__file__).resolve().parent.parent
COMMAND = str(Path(sys.executable).parent / "sluicegate")
RANGE = 4 << 20
PATIENCE = 180.0
CACHED = "5eed" * 10
COLD = "c01d" * 10
console = Console(highlight=False)


class Api:
    """One surface of the server, called with one key."""

    def __init__(self, base: str, headers: dict[str, str]) -> None:
        self.base = base
        self.headers = headers

    def call(self, method: str, path: str, body: dict[str, Any] | None = None) -> dict[str, Any]:
        """A JSON call; an HTTP error ends the demo with the server's own words."""
        request = urllib.request.Request(
            self.base + path,
            method=method,
            headers=self.headers | {"Content-Type": "application/json"},
            data=json.dumps(body).encode() if body is not None else None,
        )
        try:
            with urllib.request.urlopen(request, timeout=30) as answer:
                return json.loads(answer.read() or b"{}")
        except urllib.error.HTTPError as error:
            sys.exit(f"{method} {path} answered {error.code}: {error.read().decode(errors='replace')[:500]}")


def main() -> None:
    """Runs the demo."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--keep", action="store_true", help="leave everything running until Ctrl-C")
    keep = parser.parse_args().keep
    started = time.monotonic()
    with ExitStack() as stack:
        folder = Path(tempfile.mkdtemp(prefix="sluicegate-demo-"))
        stack.callback(shutil.rmtree, folder, ignore_errors=True)
        _run(stack, folder)
        console.print(f"\n[bold green]Everything arrived.[/] The demo took {time.monotonic() - started:.0f} s.")
        if keep:
            console.print("The server goes on running; Ctrl-C ends it.")
            _wait_for_interrupt()


def _run(stack: ExitStack, folder: Path) -> None:
    console.print("[bold]1. Material[/]  a video by ffmpeg, the same as HLS and on a page, a torrent")
    (port,) = free_ports()
    made = material.make(folder / "material", port)
    site = stack.enter_context(_child("demo_parts.site", str(made.site), says="serving")).split()[1]
    stack.enter_context(_child("demo_parts.seeder", str(made.torrent), str(made.shared), str(port), says="seeding"))
    console.print(f"   seeder on 127.0.0.1:{port}, web site on http://127.0.0.1:{site}")

    console.print("[bold]2. Server[/]    sluicegate serve, with its embedded database")
    base, sandbox = stack.enter_context(_server(folder / "data"))
    console.print(f"   ready at {base}, API pages at {base}/docs; every provider is the sandbox at {sandbox}")
    library, media = _keys(folder / "data", base)

    console.print("[bold]3. Magnet[/]    POST /v1/torrents")
    _library_job(library, {"magnet": made.magnet}, made.sums)
    console.print("[bold]4. Link[/]      POST /v1/torrents")
    _library_job(library, {"url": f"http://127.0.0.1:{site}/archive.bin"}, made.sums)
    console.print("[bold]5. HLS[/]       POST /jobs")
    _media_job(media, {"url": f"http://127.0.0.1:{site}/hls/index.m3u8", "filename": "from hls"})
    console.print("[bold]6. Page[/]      POST /jobs")
    _media_job(media, {"url": f"http://127.0.0.1:{site}/page.html", "format": "mkv", "filename": "from page"})
    console.print("[bold]7. Provider[/]  sluicegate accounts add, POST /v1/torrents: a magnet that TorBox has cached")
    _cli("accounts", "add", "--user", "demo", "--provider", "torbox", "--token", "sandbox-demo", data=folder / "data")
    _library_job(library, {"magnet": f"magnet:?xt=urn:btih:{CACHED}"}, _cached(Api(sandbox, {})))
    console.print("[bold]8. Cascade[/]   three accounts, two of them in trouble: who is asked, what is said, and why")
    _cascade(library, Api(sandbox, {}), folder / "data")
    console.print("[bold]9. Bucket[/]    POST /user/s3, POST /jobs: from a web site into a bucket of a real S3 server")
    _bucket_job(stack, media, f"http://127.0.0.1:{site}/hls/index.m3u8", folder / "bucket")


def _bucket_job(stack: ExitStack, media: Api, source: str, folder: Path) -> None:
    """A job whose file lands in the user's own bucket; it is read back through a link that the bucket signs for."""
    endpoint = stack.enter_context(_child("demo_parts.bucket", str(folder), says="bucket")).split()[1]
    place = {"endpoint": endpoint, "bucket": "demo", "region": "us-east-1"}
    told = media.call("POST", "/user/s3", place | {"access_key": bucket.ACCESS_KEY, "secret_key": bucket.SECRET_KEY})
    console.print(f"   {told['message']}: {told['container_or_bucket']} at {endpoint}")
    _media_job(media, {"url": source, "filename": "in the bucket"})


def _cascade(library: Api, sandbox: Api, data: Path) -> None:
    """A magnet that nobody has cached: Real-Debrid has no slot, TorBox a fault, Premiumize takes it."""
    for provider in ("realdebrid", "premiumize"):
        _cli("accounts", "add", "--user", "demo", "--provider", provider, "--token", "sandbox-demo", data=data)
    files = [{"path": "reading.mp4", "size": 4 << 20}]
    sandbox.call(
        "POST", "/_control/content", {"info_hash": COLD, "name": "Reading", "files": files} | {"seconds_to_ready": 1}
    )
    for provider, call, fault in (
        ("realdebrid", "*addMagnet", "slots_full"),
        ("torbox", "*createtorrent", "server_error"),
    ):
        sandbox.call("POST", "/_control/faults", {"provider": provider, "call": call, "fault": fault, "times": 1})
    magnet = {"magnet": f"magnet:?xt=urn:btih:{COLD}"}
    told = library.call("POST", "/v1/torrents/simulate", magnet)
    console.print(f"   simulated first: {told['words']}", soft_wrap=True)
    sums = {file["path"]: file["sha256"] for file in sandbox.call("GET", f"/_control/content/{COLD}")["files"]}
    job = _library_job(library, magnet, sums)
    for entry in library.call("GET", f"/v1/torrents/{job}/trace")["items"]:
        took = f", {entry['latency_ms']} ms" if entry["latency_ms"] is not None else ""
        console.print(f"   {entry['verdict']:>14}  {entry['words']} [dim]({entry['rule']}{took})[/]", soft_wrap=True)


def _cached(sandbox: Api) -> dict[str, str]:
    """Tells the sandbox what its TorBox has cached: the sums of the files by name."""
    files = [{"path": "concert.mkv", "size": 24 << 20}, {"path": "extras/notes.txt", "size": 2_000}]
    content = {"info_hash": CACHED, "name": "Concert", "files": files, "cached_on": ["torbox"]}
    sandbox.call("POST", "/_control/content", content)
    shown = sandbox.call("GET", f"/_control/content/{CACHED}")
    return {file["path"].rpartition("/")[2]: file["sha256"] for file in shown["files"]}


def _keys(data: Path, base: str) -> tuple[Api, Api]:
    _cli("users", "create", "demo", data=data)
    library = _cli("keys", "create", "--user", "demo", "--kind", "library", data=data)
    media = _cli("keys", "create", "--user", "demo", "--kind", "media", data=data)
    return Api(base, {"Authorization": f"Bearer {library}"}), Api(base, {"x-api-key": media})


def _library_job(api: Api, body: dict[str, Any], sums: dict[str, str]) -> str:
    job = api.call("POST", "/v1/torrents", body)
    with _bar() as bar:
        task = bar.add_task("waiting", total=None)
        path = f"/v1/torrents/{job['id']}"
        for state in _polled(lambda: api.call("GET", path)):
            job = state
            size = job.get("size_bytes")
            done = (size or 0) * job["progress_pct"] / 100
            bar.update(task, description=job["status"], total=size, completed=done)
            if job["status"] == "ready":
                break
            if job["status"] in {"failed", "cancelled"}:
                sys.exit(f"the job is {job['status']}: {job.get('error')}")
    for file in job["files"]:
        answer = api.call("GET", f"/v1/torrents/{job['id']}/files/{file['id']}/stream")
        digest, speed = _stream(answer["url"], file["size_bytes"])
        right = digest == sums[file["name"]] if file["name"] in sums else digest in sums.values()
        _say(file["name"], file["size_bytes"], speed, "SHA-256 equal" if right else "[red]SHA-256 DIFFERS[/]")
        console.print(f"   {answer['url']}", style="dim", soft_wrap=True)
        if not right:
            sys.exit(1)
    return str(job["id"])


def _media_job(api: Api, body: dict[str, Any]) -> None:
    job_id = api.call("POST", "/jobs", body)["job_id"]
    with _bar() as bar:
        task = bar.add_task("Queued", total=1.0)
        for job in _polled(lambda: api.call("GET", f"/jobs/{job_id}")):
            bar.update(task, description=job["step"], completed=job["progress"])
            if job["status"] == "Completed":
                break
            if job["status"] not in {"Pending", "Processing"}:
                sys.exit(f"the job is {job['status']}: {job['error']}")
    _, speed = _stream(job["s3_url"], job["file_size"])
    found = material.describe(job["s3_url"])
    _say(job["title"], job["file_size"], speed, found)
    console.print(f"   {job['s3_url']}", style="dim", soft_wrap=True)
    if "Video:" not in found or "Audio:" not in found:
        sys.exit("the file has not both picture and sound")


def _stream(url: str, size: int) -> tuple[str, float]:
    """Reads a file in ranges: (SHA-256, MiB/s)."""
    digest, started = hashlib.sha256(), time.monotonic()
    for start in range(0, size, RANGE):
        stop = min(start + RANGE, size)
        request = urllib.request.Request(url, headers={"Range": f"bytes={start}-{stop - 1}"})
        with urllib.request.urlopen(request, timeout=30) as answer:
            body = answer.read()
        if answer.status != 206 or len(body) != stop - start:
            sys.exit(f"a range of {stop - start} bytes was answered with {answer.status} and {len(body)} bytes")
        digest.update(body)
    return digest.hexdigest(), size / (1 << 20) / (time.monotonic() - started)


def _polled(ask: Any) -> Iterator[dict[str, Any]]:
    deadline = time.monotonic() + PATIENCE
    while time.monotonic() < deadline:
        yield ask()
        time.sleep(0.2)
    sys.exit(f"not done after {PATIENCE:.0f} s")


def _bar() -> Progress:
    columns = (TextColumn("   {task.description:<12}"), BarColumn(30), DownloadColumn(), TransferSpeedColumn())
    return Progress(*columns, console=console, transient=True)


def _say(name: str, size: int, speed: float, verdict: str) -> None:
    console.print(f"   {name}: {size / (1 << 20):.1f} MiB, streamed in ranges at {speed:.0f} MiB/s, {verdict}")


@contextmanager
def _server(data: Path) -> Iterator[tuple[str, str]]:
    """A server with its sandbox: the addresses of both."""
    environment = os.environ | {
        "SLUICEGATE_EGRESS_ALLOW": "127.0.0.0/8",
        "SLUICEGATE_SWARM_LISTEN": "127.0.0.1:0",
        "SLUICEGATE_SWARM_DHT": "false",
    }
    log = data.parent / "server.log"
    with log.open("wb") as sink:
        process = subprocess.Popen(
            [COMMAND, "serve", "--sandbox", "--data-dir", str(data), "--port", "0"],
            stdout=subprocess.PIPE, stderr=sink, env=environment, text=True,
        )  # fmt: skip
        try:
            sandbox = _said(process, "sandbox", log).split()[1]
            yield _said(process, "ready", log).split()[1], sandbox
        finally:
            _end(process)


@contextmanager
def _child(module: str, *arguments: str, says: str) -> Iterator[str]:
    process = subprocess.Popen(
        [sys.executable, "-m", module, *arguments],
        cwd=Path(__file__).parent, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
    )  # fmt: skip
    try:
        yield _said(process, says, None)
    finally:
        _end(process)


def _said(process: subprocess.Popen[str], word: str, log: Path | None) -> str:
    """The first line on the child's stdout that begins with ``word``."""
    assert process.stdout is not None
    for line in process.stdout:
        if line.startswith(word):
            return line.strip()
    details = log.read_text(errors="replace")[-3000:] if log else ""
    sys.exit(f"{process.args!r} ended before it said '{word}'\n{details}")


def _end(process: subprocess.Popen[str]) -> None:
    if process.stdin:
        process.stdin.close()
    process.terminate()
    try:
        process.wait(20)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait(10)
    if process.stdout:
        process.stdout.close()


def _cli(*arguments: str, data: Path) -> str:
    run = subprocess.run(
        [COMMAND, *arguments, "--data-dir", str(data)], capture_output=True, text=True, timeout=60, check=False
    )
    if run.returncode:
        sys.exit(f"sluicegate {' '.join(arguments)}: {run.stderr.strip()}")
    return run.stdout.strip()


def _wait_for_interrupt() -> None:
    try:
        while True:
            time.sleep(3600)
    except KeyboardInterrupt:
        console.print("stopping")


if __name__ == "__main__":
    main()
