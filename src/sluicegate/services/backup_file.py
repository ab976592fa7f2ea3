"""The encrypted file of a backup: what goes in comes out whole and unaltered, or not at all.

``magic(8) | memory KiB(4) | passes(4) | lanes(1) | salt(16) | nonce prefix(7)``, then chunks of 1 MiB, each sealed with
AES-256-GCM under a key that Argon2id makes of the passphrase. A chunk's nonce is ``prefix | number(4) | last(1)`` and
its associated data the header, so that chunks cannot be altered, dropped, doubled, moved or taken from another file,
and a file that was cut behind a chunk lacks its last one (the STREAM construction of Hoang, Reyhanitabar, Rogaway and
Vizár).
"""

import os
import struct
from collections.abc import Iterator
from typing import BinaryIO, Final

from argon2.low_level import Type, hash_secret_raw
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from sluicegate.core.errors import InvalidInput

__all__ = ["CHUNK_BYTES", "HEADER_BYTES", "PASSPHRASE_MIN", "TAG_BYTES", "BackupWriter", "read_backup", "refused"]

CHUNK_BYTES: Final = 1 << 20
TAG_BYTES: Final = 16
PASSPHRASE_MIN: Final = 8

_MAGIC: Final = b"SLUICEB1"
_HEADER: Final = struct.Struct(">8sIIB16s7s")
HEADER_BYTES: Final = _HEADER.size
_MEMORY_KIB: Final = 64 << 10
_PASSES: Final = 3
_LANES: Final = 4
_MEMORY_MAX: Final = 1 << 20
"""1 GiB: an altered header must not make us fill the memory."""


class BackupWriter:
    """Encrypts what is written; nothing is a backup before ``finish`` has returned.

    Args:
        sink: where to; its position is the file's beginning.
        passphrase: of at least eight characters.

    Raises:
        InvalidInput: the passphrase is too short.
    """

    def __init__(self, sink: BinaryIO, passphrase: str) -> None:
        if len(passphrase) < PASSPHRASE_MIN:
            raise InvalidInput(f"A passphrase has at least {PASSPHRASE_MIN} characters.", field="passphrase")
        self._sink = sink
        self._prefix = os.urandom(7)
        salt = os.urandom(16)
        self._header = _HEADER.pack(_MAGIC, _MEMORY_KIB, _PASSES, _LANES, salt, self._prefix)
        self._cipher = _cipher(passphrase, salt, _MEMORY_KIB, _PASSES, _LANES)
        self._number = 0
        self._pending = bytearray()
        sink.write(self._header)

    def write(self, data: bytes) -> None:
        """Adds bytes; at most a chunk is held in memory."""
        self._pending += data
        # The last chunk must be known as such, so a full one waits until more comes.
        while len(self._pending) > CHUNK_BYTES:
            self._put(bytes(self._pending[:CHUNK_BYTES]), last=False)
            del self._pending[:CHUNK_BYTES]

    def finish(self) -> None:
        """Writes the last chunk, with which the file is whole."""
        self._put(bytes(self._pending), last=True)
        self._sink.flush()

    def _put(self, chunk: bytes, *, last: bool) -> None:
        nonce = _nonce(self._prefix, self._number, last=last)
        self._sink.write(self._cipher.encrypt(nonce, chunk, self._header))
        self._number += 1


def read_backup(source: BinaryIO, passphrase: str) -> Iterator[bytes]:
    """The plaintext of a backup, chunk by chunk, each authentic and in its place.

    Raises:
        InvalidInput: no backup, the wrong passphrase, or a file that is not as it was written; ahead of the first
            byte that is wrong.
    """
    header = source.read(HEADER_BYTES)
    if len(header) != HEADER_BYTES or not header.startswith(_MAGIC):
        raise InvalidInput("This file is not a backup of Sluicegate, or its beginning is missing.")
    _, memory, passes, lanes, salt, prefix = _HEADER.unpack(header)
    if not (8 * lanes <= memory <= _MEMORY_MAX and 1 <= passes <= 16 and 1 <= lanes <= 16):
        raise refused()
    cipher = _cipher(passphrase, salt, memory, passes, lanes)
    sealed, number = source.read(CHUNK_BYTES + TAG_BYTES), 0
    while True:
        following = source.read(CHUNK_BYTES + TAG_BYTES)
        try:
            yield cipher.decrypt(_nonce(prefix, number, last=not following), sealed, header)
        except (InvalidTag, ValueError):
            raise refused() from None
        if not following:
            return
        sealed, number = following, number + 1


def refused() -> InvalidInput:
    """The error for a file that does not open; a wrong passphrase and an altered file cannot be told apart."""
    return InvalidInput(
        "The passphrase is wrong, or the backup was altered or cut.",
        action="Try the passphrase again; if it is the right one, use another copy of the backup.",
    )


def _nonce(prefix: bytes, number: int, *, last: bool) -> bytes:
    return prefix + number.to_bytes(4, "big") + (b"\x01" if last else b"\x00")


def _cipher(passphrase: str, salt: bytes, memory: int, passes: int, lanes: int) -> AESGCM:
    return AESGCM(
        hash_secret_raw(
            passphrase.encode(),
            salt,
            time_cost=passes,
            memory_cost=memory,
            parallelism=lanes,
            hash_len=32,
            type=Type.ID,
        )
    )
