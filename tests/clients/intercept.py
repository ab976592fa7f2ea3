"""A loopback HTTPS proxy for clients whose host is built in: it ends their TLS and takes the calls to the sandbox."""

import asyncio
import contextlib
import ssl
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from urllib.parse import urlsplit

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

SECONDS = 30.0
DAY = timedelta(days=1)


@dataclass
class Interceptor:
    """Where to send a client: the proxy's address, and the file with the authority to trust."""

    proxy: str
    authority: Path


def _certificate(
    name: str, key: ec.EllipticCurvePrivateKey, issuer: tuple[str, ec.EllipticCurvePrivateKey] | None
) -> x509.Certificate:
    """A certificate for a host, or (without an issuer) of an authority."""
    signer = issuer or (name, key)
    now = datetime.now(UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)]))
        .issuer_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, signer[0])]))
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - DAY)
        .not_valid_after(now + DAY)
        .add_extension(x509.BasicConstraints(ca=issuer is None, path_length=None), critical=True)
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(name)]), critical=False)
    )
    return made.sign(signer[1], hashes.SHA256())


def _tls(host: str, folder: Path) -> tuple[ssl.SSLContext, Path]:
    """A server context that speaks for ``host``, and the authority behind it."""
    ca_key, key = ec.generate_private_key(ec.SECP256R1()), ec.generate_private_key(ec.SECP256R1())
    authority, chain = folder / "authority.pem", folder / "host.pem"
    pem = serialization.Encoding.PEM
    authority.write_bytes(_certificate("loopback authority", ca_key, None).public_bytes(pem))
    secret = key.private_bytes(pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    chain.write_bytes(secret + _certificate(host, key, ("loopback authority", ca_key)).public_bytes(pem))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(chain)
    return context, authority


@contextlib.asynccontextmanager
async def intercepting(host: str, target: str, folder: Path) -> AsyncIterator[Interceptor]:
    """Takes ``https://<host>/…`` to ``<target>/…``, one request a connection; every other host is refused."""
    context, authority = _tls(host, folder)
    address = urlsplit(target)
    open_tasks: set[asyncio.Task[None]] = set()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            wanted = (await reader.readuntil(b"\r\n\r\n")).split()[1].decode()
            if wanted != f"{host}:443":
                writer.write(b"HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n\r\n")
                return
            writer.write(b"HTTP/1.1 200 Connection established\r\n\r\n")
            await writer.drain()
            await writer.start_tls(context)
            await forward(reader, writer)
        except (OSError, EOFError, asyncio.CancelledError):
            return
        finally:
            writer.close()

    async def forward(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        first, _, rest = (await reader.readuntil(b"\r\n\r\n")).partition(b"\r\n")
        method, path, version = first.split(b" ")
        back, onward = await asyncio.open_connection(address.hostname, address.port)
        try:
            onward.write(
                b" ".join((method, address.path.encode() + path, version)) + b"\r\nConnection: close\r\n" + rest
            )
            upload = asyncio.create_task(_pump(reader, onward))
            await _pump(back, writer)
            upload.cancel()
            await asyncio.gather(upload, return_exceptions=True)
        finally:
            onward.close()

    def accept(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.create_task(serve(reader, writer))
        open_tasks.add(task)
        task.add_done_callback(open_tasks.discard)

    server = await asyncio.start_server(accept, "127.0.0.1", 0)
    try:
        port = server.sockets[0].getsockname()[1]
        yield Interceptor(f"http://127.0.0.1:{port}", authority)
    finally:
        server.close()
        for task in open_tasks:
            task.cancel()
        await asyncio.gather(*open_tasks, return_exceptions=True)
        await server.wait_closed()


async def _pump(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    async with asyncio.timeout(SECONDS):
        while data := await reader.read(65_536):
            writer.write(data)
            await writer.drain()
