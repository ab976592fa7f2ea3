"""The certificate that a server shows: read when it starts, and again when its files have changed."""

import asyncio
import logging
import ssl
from datetime import datetime
from pathlib import Path
from typing import Final

from cryptography import x509

from sluicegate.core.errors import InvalidInput

__all__ = ["ServerCertificate"]

_LOOK_SECONDS: Final = 10.0
_BEGINS: Final = b"-----BEGIN CERTIFICATE-----"
_KEY_BEGINS: Final = (b"-----BEGIN PRIVATE KEY-----", b"-----BEGIN RSA PRIVATE KEY-----", b"-----BEGIN EC ")
_LOCKED: Final = b"ENCRYPTED"
_FIELD: Final = "SLUICEGATE_TLS_CERTIFICATE"
_KEY_FIELD: Final = "SLUICEGATE_TLS_KEY"
_log: Final = logging.getLogger(__name__)

_Stamp = tuple[tuple[int, int, int], ...]


class ServerCertificate:
    """A certificate with its key, and the TLS context that shows it.

    A renewed pair is taken whole or not at all: it is loaded into a context of its own, which new connections get once
    it is complete. Connections that stand keep the one they began with.

    Args:
        certificate: PEM file, the server's own certificate first, then those between it and the authority.
        key: PEM file of its private key, without a password.

    Raises:
        InvalidInput: one of them cannot be read, or they do not belong together.
    """

    def __init__(self, certificate: Path, key: Path) -> None:
        self._certificate = certificate
        self._key = key
        self._stamp = self._look()
        self._shown, self._ends = self._load()
        self.context, _ = self._load()
        self.context.sni_callback = self._show  # asked for every connection, also for one that names no host

    @property
    def ends(self) -> datetime:
        """Until when clients take the certificate that is shown."""
        return self._ends

    async def keep_fresh(self, *, every: float = _LOOK_SECONDS) -> None:
        """Looks at the files every so often, for ever; a pair that will not do is logged, and the old one stays."""
        while True:
            await asyncio.sleep(every)
            try:
                if await asyncio.to_thread(self.renew):
                    _log.info("the TLS certificate was read anew")
            except InvalidInput as error:
                _log.warning("the changed TLS certificate is not taken, the old one stays: %s", error.detail)

    def renew(self) -> bool:
        """Takes the files' present content if they have changed; False when they have not.

        Raises:
            InvalidInput: it will not do. It is not looked at again until the files change once more.
        """
        stamp = self._look()
        if stamp == self._stamp:
            return False
        self._stamp = stamp
        self._shown, self._ends = self._load()
        return True

    def _show(self, connection: ssl.SSLObject | ssl.SSLSocket, name: str | None, context: ssl.SSLContext) -> None:
        del name, context
        connection.context = self._shown

    def _look(self) -> _Stamp:
        """What differs once somebody has written the files."""
        found = []
        for path in (self._certificate, self._key):
            try:
                status = path.stat()
            except OSError:
                found.append((0, 0, 0))
            else:
                found.append((status.st_ino, status.st_size, status.st_mtime_ns))
        return tuple(found)

    def _load(self) -> tuple[ssl.SSLContext, datetime]:
        certificate = _read(self._certificate, "certificate", _FIELD)
        key = _read(self._key, "key", _KEY_FIELD)
        if _BEGINS not in certificate:
            raise InvalidInput(f"{self._certificate} holds no certificate in PEM form.", field=_FIELD)
        if _LOCKED in key:
            raise InvalidInput(f"The key in {self._key} has a password; use one without.", field=_KEY_FIELD)
        if not any(begin in key for begin in _KEY_BEGINS):
            raise InvalidInput(f"{self._key} holds no private key in PEM form.", field=_KEY_FIELD)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        context.set_alpn_protocols(["http/1.1"])
        try:
            context.load_cert_chain(self._certificate, self._key, password=b"")  # never asks at a terminal
            ends = x509.load_pem_x509_certificate(certificate).not_valid_after_utc
        except (ssl.SSLError, ValueError) as error:
            raise InvalidInput(_why(error, self._certificate, self._key), field=_FIELD) from error
        return context, ends


def _read(path: Path, what: str, field: str) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise InvalidInput(f"The TLS {what} cannot be read: {path}: {error.strerror}.", field=field) from error


def _why(error: Exception, certificate: Path, key: Path) -> str:
    reason = getattr(error, "reason", None)
    if reason == "KEY_VALUES_MISMATCH":
        return f"The key in {key} does not belong to the certificate in {certificate}."
    return f"The certificate in {certificate} and the key in {key} cannot be used: {reason or 'damaged'}."
