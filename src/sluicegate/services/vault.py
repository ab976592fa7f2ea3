"""The vault: AES-256-GCM for what must be readable again, keyed SHA-256 for what must only be recognised.

A sealed value is ``version(1) | key id(4) | nonce(12) | ciphertext and tag``. The associated data binds it to its owner
and kind, so that a row moved to another user or column does not open. Two keys are derived from the master key, one
for sealing and one for fingerprints, so that neither use weakens the other.
"""

import hashlib
import hmac
import os
import secrets
from pathlib import Path
from typing import Final

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from sluicegate.core.errors import InternalError
from sluicegate.core.secrets import Secret

__all__ = ["AesVault", "load_master_key"]

_VERSION: Final = b"\x01"
_KEY_BYTES: Final = 32
_NONCE_BYTES: Final = 12
_ID_BYTES: Final = 4
_WRONG_KEY: Final = (
    "Start with the master key this installation was set up with (SLUICEGATE_MASTER_KEY or master.key in the data "
    "folder), or restore the backup that belongs to this key."
)


class AesVault:
    """Implements ``core.ports.Vault``; ``master_key`` is 32 bytes and never leaves this object."""

    def __init__(self, master_key: bytes) -> None:
        if len(master_key) != _KEY_BYTES:
            raise InternalError("The master key must be 32 bytes.", action=_WRONG_KEY)
        sealing = _derive(master_key, b"sluicegate sealing v1")
        self._cipher = AESGCM(sealing)
        self._key_id = hashlib.sha256(sealing).digest()[:_ID_BYTES]
        self._fingerprint_key = _derive(master_key, b"sluicegate fingerprints v1")
        self._signing_key = _derive(master_key, b"sluicegate links v1")

    @property
    def signing_key(self) -> bytes:
        """Key for signing links and tokens we hand out; 32 bytes."""
        return self._signing_key

    def seal(self, plaintext: str, *, owner: str, kind: str) -> bytes:
        """See ``core.ports.Vault.seal``."""
        nonce = os.urandom(_NONCE_BYTES)
        header = _VERSION + self._key_id
        sealed = self._cipher.encrypt(nonce, plaintext.encode(), _bound(header, owner, kind))
        return header + nonce + sealed

    def open(self, ciphertext: bytes, *, owner: str, kind: str) -> Secret:
        """See ``core.ports.Vault.open``."""
        header, rest = ciphertext[: 1 + _ID_BYTES], ciphertext[1 + _ID_BYTES :]
        if header != _VERSION + self._key_id:
            raise InternalError("A stored secret was sealed with another master key.", action=_WRONG_KEY)
        try:
            plain = self._cipher.decrypt(rest[:_NONCE_BYTES], rest[_NONCE_BYTES:], _bound(header, owner, kind))
        except (InvalidTag, ValueError) as error:
            raise InternalError("A stored secret was altered or belongs to another row.", action=_WRONG_KEY) from error
        return Secret(plain.decode())

    def fingerprint(self, text: str) -> bytes:
        """See ``core.ports.Vault.fingerprint``."""
        return hmac.digest(self._fingerprint_key, text.encode(), "sha256")


def load_master_key(text: str | None, path: Path) -> bytes:
    """The installation's master key: from ``text`` (64 hex characters) or the file at ``path``, made on first use.

    Raises:
        InternalError: the text or file is not 64 hex characters.
    """
    if text is None:
        text = path.read_text("ascii", errors="replace") if path.exists() else _make(path)
    try:
        key = bytes.fromhex(text.strip())
    except ValueError:
        key = b""
    if len(key) != _KEY_BYTES:
        raise InternalError("The master key must be 64 hexadecimal characters.", action=_WRONG_KEY)
    return key


def _make(path: Path) -> str:
    """Writes a new key so that a crash leaves either no file or a whole one, and two first starts agree on one."""
    path.parent.mkdir(parents=True, exist_ok=True)
    text = secrets.token_hex(_KEY_BYTES)
    draft = path.with_name(f".{path.name}.{os.getpid()}.{secrets.token_hex(4)}")
    with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="ascii") as file:
        file.write(text + "\n")
        file.flush()
        os.fsync(file.fileno())
    try:
        os.link(draft, path)
    except FileExistsError:
        return path.read_text("ascii")
    finally:
        draft.unlink()
    return text


def _derive(master_key: bytes, purpose: bytes) -> bytes:
    return hmac.digest(master_key, purpose, "sha256")


def _bound(header: bytes, owner: str, kind: str) -> bytes:
    """Associated data; lengths are included so that no two (owner, kind) pairs read the same."""
    return header + len(owner).to_bytes(4, "big") + owner.encode() + kind.encode()
