"""TLS of the server itself: what is spoken, which pairs of files are taken, and renewal while it runs."""

import asyncio
import os
import ssl
import warnings
from pathlib import Path

import httpx
import pytest
from cryptography.hazmat.primitives import serialization
from tests.launching import run
from tests.net.certificates import Authority
from tests.surfaces.serving import serving
from tests.web.serving import Source

from sluicegate.core.errors import InvalidInput
from sluicegate.settings import Settings
from sluicegate.web.certificates import ServerCertificate
from sluicegate.web.security_headers import with_security_headers
from sluicegate.web.streaming import send_bytes
from sluicegate.wiring.tls import tls_finding


@pytest.fixture(scope="module")
def authority() -> Authority:
    return Authority()


class Pair:
    """A certificate and its key in files."""

    def __init__(self, folder: Path, authority: Authority) -> None:
        self.certificate, self.key = folder / "cert.pem", folder / "key.pem"
        self._authority = authority
        self.write()

    def write(self) -> None:
        self._authority.write("127.0.0.1", self.certificate, self.key)


@pytest.fixture
def pair(tmp_path: Path, authority: Authority) -> Pair:
    return Pair(tmp_path, authority)


async def tells_scheme(scope, receive, send):
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": scope["scheme"].encode()})


async def shown(url: str, context: ssl.SSLContext) -> bytes:
    """The certificate that a new connection is shown."""
    host, port = url.removeprefix("https://").split(":")
    _, writer = await asyncio.open_connection(host, int(port), ssl=context)
    try:
        return writer.get_extra_info("ssl_object").getpeercert(binary_form=True)
    finally:
        writer.close()
        await writer.wait_closed()


async def test_https_is_spoken_with_version_1_2_at_least_and_nothing_else(pair: Pair, authority: Authority):
    certificate = ServerCertificate(pair.certificate, pair.key)
    trusting = authority.trusting()
    async with serving(with_security_headers(tells_scheme, tls=True), tls=certificate.context) as url:
        async with httpx.AsyncClient(verify=trusting) as client:
            answer = await client.get(url)
        assert answer.text == "https"
        assert answer.headers["strict-transport-security"] == "max-age=31536000"
        async with httpx.AsyncClient() as client:
            with pytest.raises(httpx.TransportError):
                await client.get(url.replace("https", "http"))
            with pytest.raises(httpx.ConnectError, match="CERTIFICATE_VERIFY_FAILED"):
                await client.get(url)
        old = authority.trusting()
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DeprecationWarning)
            old.minimum_version, old.maximum_version = ssl.TLSVersion.TLSv1, ssl.TLSVersion.TLSv1_1
        old.set_ciphers("ALL:@SECLEVEL=0")
        with pytest.raises((ssl.SSLError, ConnectionResetError)):
            await shown(url, old)
        old.maximum_version = ssl.TLSVersion.TLSv1_2
        assert await shown(url, old), "the version was what was wrong"


async def test_a_renewed_certificate_is_shown_to_new_connections_and_old_ones_go_on(pair: Pair, authority: Authority):
    certificate = ServerCertificate(pair.certificate, pair.key)
    trusting = authority.trusting()
    async with serving(tells_scheme, tls=certificate.context) as url, httpx.AsyncClient(verify=trusting) as client:
        assert (await client.get(url)).status_code == 200
        first = await shown(url, trusting)
        assert not certificate.renew(), "nothing has changed"
        pair.write()
        watching = asyncio.create_task(certificate.keep_fresh(every=0.01))
        async with asyncio.timeout(60):
            while await shown(url, trusting) == first:
                await asyncio.sleep(0.02)
        assert (await client.get(url)).status_code == 200, "the connection from before"
        watching.cancel()


async def test_half_a_renewal_changes_nothing_until_the_other_half_is_there(pair: Pair, authority: Authority):
    certificate = ServerCertificate(pair.certificate, pair.key)
    trusting, kept = authority.trusting(), pair.key.read_bytes()
    async with serving(tells_scheme, tls=certificate.context) as url:
        first = await shown(url, trusting)
        pair.write()
        renewed = pair.key.read_bytes()
        pair.key.write_bytes(kept)
        with pytest.raises(InvalidInput, match="does not belong"):
            certificate.renew()
        assert await shown(url, trusting) == first
        pair.certificate.rename(pair.certificate.with_suffix(".away"))
        with pytest.raises(InvalidInput, match="cannot be read"):
            certificate.renew()
        assert await shown(url, trusting) == first
        pair.certificate.with_suffix(".away").rename(pair.certificate)
        pair.key.write_bytes(renewed)
        assert certificate.renew()
        assert await shown(url, trusting) != first


def _missing(pair: Pair) -> None:
    pair.certificate.unlink()


def _folder(pair: Pair) -> None:
    pair.key.unlink()
    pair.key.mkdir()


def _other_key(pair: Pair) -> None:
    kept = pair.certificate.read_bytes()
    pair.write()
    pair.certificate.write_bytes(kept)


def _swapped(pair: Pair) -> None:
    certificate, key = pair.certificate.read_bytes(), pair.key.read_bytes()
    pair.certificate.write_bytes(key)
    pair.key.write_bytes(certificate)


def _no_key(pair: Pair) -> None:
    pair.key.write_text("hello")


def _damaged(pair: Pair) -> None:
    pair.certificate.write_text("-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n")


def _locked(pair: Pair) -> None:
    key = serialization.load_pem_private_key(pair.key.read_bytes(), None)
    locked = serialization.BestAvailableEncryption(b"word")
    pair.key.write_bytes(key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, locked))


@pytest.mark.parametrize(
    ("spoil", "words"),
    [
        (_missing, r"TLS certificate cannot be read: .*cert\.pem: No such file"),
        (_folder, r"TLS key cannot be read: .*key\.pem: Is a directory"),
        (_other_key, r"key\.pem does not belong to the certificate in .*cert\.pem"),
        (_swapped, r"cert\.pem holds no certificate"),
        (_no_key, r"key\.pem holds no private key"),
        (_damaged, r"cannot be used"),
        (_locked, r"has a password"),
    ],
)
def test_what_will_not_do_is_told_in_one_line(pair: Pair, spoil, words: str):
    spoil(pair)
    with pytest.raises(InvalidInput, match=words) as refused:
        ServerCertificate(pair.certificate, pair.key)
    assert os.linesep not in refused.value.detail


def test_doctor_says_until_when_it_is_good(pair: Pair, tmp_path: Path):
    settings = Settings.load(data_dir=tmp_path, tls_certificate=pair.certificate, tls_key=pair.key)
    finding = tls_finding(settings)
    assert finding.state.startswith("certificate valid until 20")
    assert "Renew" in finding.advice, "it ends within the hour"
    _other_key(pair)
    assert "does not belong" in tls_finding(settings).advice
    half = Settings.load(data_dir=tmp_path, tls_certificate=pair.certificate)
    assert "SLUICEGATE_TLS_KEY" in tls_finding(half).advice
    assert not tls_finding(Settings.load(data_dir=tmp_path)).advice


async def test_stored_files_go_out_over_tls_whole_and_in_parts(pair: Pair, authority: Authority):
    """Without the kernel's short way, which is for plain connections."""
    stored = pair.key.with_name("film.mkv")
    stored.write_bytes(os.urandom(3_000_001))
    source = Source(3_000_001, local_path=stored)

    async def sends(scope, receive, send):
        await send_bytes(source, scope, receive, send)

    certificate = ServerCertificate(pair.certificate, pair.key)
    trusting = authority.trusting()
    async with serving(sends, tls=certificate.context) as url, httpx.AsyncClient(verify=trusting) as client:
        assert (await client.get(url)).content == stored.read_bytes()
        part = await client.get(url, headers={"range": "bytes=1000000-2999999"})
        assert (part.status_code, part.content) == (206, stored.read_bytes()[1_000_000:3_000_000])


async def test_the_server_does_not_start_with_a_wrong_one(pair: Pair, tmp_path: Path):
    _other_key(pair)
    options = ("--port", "0", "--tls-certificate", pair.certificate, "--tls-key", pair.key)
    outcome = await run("serve", *options, data=tmp_path / "data")
    assert (outcome.code, outcome.out) == (2, "")
    assert "does not belong to the certificate" in outcome.err
    assert len(outcome.err.strip().splitlines()) <= 2, outcome.err
    assert not (tmp_path / "data" / "postgres").exists(), "nothing slow was started for that"
