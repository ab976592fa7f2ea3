"""Real swarms on 127.0.0.1 for tests: torrents from random bytes, seeders in their own processes, a tracker.

A seeder is a separate libtorrent process: ``python -m tests.swarm_fixtures seed --torrent T --folder F``. It prints its
port and lives until its stdin closes, so it can never outlive the test that started it.
"""

import argparse
import asyncio
import hashlib
import os
import sys
import warnings
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import parse_qsl, quote, unquote_to_bytes

import libtorrent as lt

ROOT = Path(__file__).resolve().parent.parent

KINDS = {"v1": lt.create_torrent.v1_only, "v2": lt.create_torrent.v2_only, "hybrid": 0}


@dataclass(frozen=True)
class Seed:
    """A torrent and the bytes behind it."""

    folder: Path
    raw: bytes = field(repr=False)
    info_hash: str
    info_hash_v2: str | None
    name: str
    files: dict[str, str]
    """SHA-256 by path without the root folder."""

    @property
    def size(self) -> int:
        return sum((self.folder / self.name / path).stat().st_size for path in self.files)

    def magnet(self, *peers: str, trackers: tuple[str, ...] = ()) -> str:
        """A magnet link that names these peers (``x.pe``) and trackers."""
        topics = []
        if self.info_hash_v2 is None or not self.info_hash_v2.startswith(self.info_hash):
            topics.append(f"xt=urn:btih:{self.info_hash}")
        if self.info_hash_v2 is not None:
            topics.append(f"xt=urn:btmh:1220{self.info_hash_v2}")
        topics += [f"tr={quote(url, safe='')}" for url in trackers] + [f"x.pe={peer}" for peer in peers]
        return "magnet:?" + "&".join([*topics, f"dn={quote(self.name)}"])


def make_seed(
    folder: Path,
    files: Mapping[str, int | bytes],
    *,
    name: str = "demo",
    kind: str = "v1",
    piece: int = 64 * 1024,
    trackers: tuple[str, ...] = (),
    web_seeds: tuple[str, ...] = (),
) -> Seed:
    """Writes ``files`` (random bytes of a size, or given content) below ``folder/name`` and makes their torrent."""
    root = folder / name
    digests = {}
    for path, content in files.items():
        target = root / path
        target.parent.mkdir(parents=True, exist_ok=True)
        digests[path] = _fill(target, content)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        layout = lt.file_storage()
        lt.add_files(layout, str(root))
        made = lt.create_torrent(layout, piece, KINDS[kind])
        for url in trackers:
            made.add_tracker(url)
        for url in web_seeds:
            made.add_url_seed(url)
        lt.set_piece_hashes(made, str(folder))
        raw = bytes(lt.bencode(made.generate()))
    hashes = lt.load_torrent_buffer(raw).info_hashes
    v2 = str(hashes.v2) if hashes.has_v2() else None
    v1 = str(hashes.v1) if hashes.has_v1() else (v2 or "")[:40]
    return Seed(folder, raw, v1, v2, name, digests)


def _fill(target: Path, content: int | bytes) -> str:
    digest = hashlib.sha256()
    with target.open("wb") as file:
        left = content if isinstance(content, int) else 0
        if isinstance(content, bytes):
            file.write(content)
            digest.update(content)
        while left > 0:
            chunk = os.urandom(min(left, 1 << 20))
            file.write(chunk)
            digest.update(chunk)
            left -= len(chunk)
    return digest.hexdigest()


@asynccontextmanager
async def seeding(seed: Seed, *, rate: int = 0, port: int = 0, tracker: bool = False) -> AsyncIterator[str]:
    """Seeds from a process of its own and yields ``127.0.0.1:port``.

    Args:
        seed: what to seed.
        rate: bytes per second, 0 for unlimited.
        port: fixed port, or 0 for a free one.
        tracker: announce to the torrent's trackers.
    """
    torrent = seed.folder / f"{seed.name}.torrent"
    await asyncio.to_thread(torrent.write_bytes, seed.raw)
    arguments = ["--torrent", str(torrent), "--folder", str(seed.folder), "--rate", str(rate), "--port", str(port)]
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "tests.swarm_fixtures", "seed", *arguments, *(["--tracker"] if tracker else []),
        stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE, cwd=ROOT,
    )  # fmt: skip
    assert process.stdin is not None
    assert process.stdout is not None
    try:
        async with asyncio.timeout(30):
            line = await process.stdout.readline()
        yield f"127.0.0.1:{int(line)}"
    finally:
        process.stdin.close()
        try:
            async with asyncio.timeout(10):
                await process.wait()
        except TimeoutError:
            process.kill()
            await process.wait()


class Tracker:
    """The smallest HTTP tracker (BEP 3, BEP 23): it remembers who announced which hash and tells everybody."""

    def __init__(self) -> None:
        self.peers: dict[bytes, dict[tuple[str, int], None]] = {}
        self.announces: list[dict[str, str]] = []
        self.url = ""

    @asynccontextmanager
    async def serving(self) -> AsyncIterator["Tracker"]:
        server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        port = server.sockets[0].getsockname()[1]
        self.url = f"http://127.0.0.1:{port}/announce"
        async with server:
            yield self

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        request = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
        target = request.split(" ", 2)[1]
        query = target.partition("?")[2]
        fields = dict(parse_qsl(query, encoding="latin-1", keep_blank_values=True))
        info_hash = next(
            (unquote_to_bytes(part[10:]) for part in query.split("&") if part.startswith("info_hash=")), b""
        )
        self.announces.append(fields)
        known = self.peers.setdefault(info_hash, {})
        compact = b"".join(bytes(map(int, host.split("."))) + port.to_bytes(2, "big") for host, port in known)
        known[("127.0.0.1", int(fields.get("port", "1")))] = None
        body = b"d8:intervali5e12:min intervali1e5:peers" + str(len(compact)).encode() + b":" + compact + b"e"
        head = f"HTTP/1.1 200 OK\r\nContent-Length: {len(body)}\r\nConnection: close\r\n\r\n".encode()
        writer.write(head + body)
        await writer.drain()
        writer.close()


def _seed(arguments: argparse.Namespace) -> None:
    warnings.simplefilter("ignore")
    session = lt.session(
        {
            "listen_interfaces": f"127.0.0.1:{arguments.port}",
            "enable_dht": False,
            "enable_lsd": False,
            "enable_upnp": False,
            "enable_natpmp": False,
            "allow_multiple_connections_per_ip": True,
            "alert_mask": 0,
        }
    )
    params = lt.load_torrent_file(arguments.torrent)
    params.save_path = arguments.folder
    params.flags |= lt.torrent_flags.seed_mode
    params.flags &= ~(lt.torrent_flags.paused | lt.torrent_flags.auto_managed)
    if not arguments.tracker:
        params.trackers = []
    handle = session.add_torrent(params)
    if arguments.rate:
        handle.set_upload_limit(arguments.rate)
    while session.listen_port() == 0:
        session.wait_for_alert(10)
    print(session.listen_port(), flush=True)
    sys.stdin.read()


def main() -> None:
    parser = argparse.ArgumentParser()
    commands = parser.add_subparsers(required=True)
    seed = commands.add_parser("seed")
    seed.add_argument("--torrent", required=True)
    seed.add_argument("--folder", required=True)
    seed.add_argument("--rate", type=int, default=0)
    seed.add_argument("--port", type=int, default=0)
    seed.add_argument("--tracker", action="store_true")
    _seed(parser.parse_args())


if __name__ == "__main__":
    main()
