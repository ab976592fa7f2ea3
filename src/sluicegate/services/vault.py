"""The vault: AES-256-GCM for what must be readable again, keyed SHA-256 for what must only be recognised.

A sealed value is ``version(1) | key id(4) | nonce(12) | ciphertext and tag``. The associated data binds it to its owner
and kind, so that a row moved to another user or column does not open. One key is derived from the master key for each
use, so that no use weakens another. Sealing follows the master key; the keys for fingerprints and signatures outlast
it, because what was made with them cannot be made again: from the first rotation on they are kept, sealed, by
``master_key``.
"""

import hashlib
import hmac
import os
from typing import Final, NamedTuple

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from sluicegate.core.errors import InternalError
from sluicegate.core.secrets import Secret
from sluicegate.services.vault_keys import KEY_BYTES, WRONG_KEY, GivenKeys, MasterKeys

__all__ = ["AesVault", "LastingKeys"]

_VERSION: Final = b"\x01"
_NONCE_BYTES: Final = 12
_ID_BYTES: Final = 4
_HEADER_BYTES: Final = len(_VERSION) + _ID_BYTES


class LastingKeys(NamedTuple):
    """The keys that outlast a master key; 32 bytes each."""

    fingerprint: bytes
    signing: bytes

    def __repr__(self) -> str:
        return "LastingKeys(…)"


class _Sealer(NamedTuple):
    """What follows from one master key."""

    cipher: AESGCM
    header: bytes
    lasting: LastingKeys


class AesVault:
    """Implements ``core.ports.Vault``; no key ever leaves this object but for signing.

    Args:
        keys: the master key of 32 bytes, or where it comes from.
    """

    def __init__(self, keys: bytes | MasterKeys) -> None:
        self._source: MasterKeys = GivenKeys(keys) if isinstance(keys, bytes) else keys
        self._sealers: dict[bytes, _Sealer] = {}
        self._stamp: object = None
        newest, *older = self._look()
        self._newest = newest
        # Until it is known better, see master_key: those of the older key, with which everything was begun.
        self._lasting = (older or [newest])[-1].lasting

    @property
    def signing_key(self) -> bytes:
        """Key for signing links and tokens we hand out; 32 bytes."""
        return self._lasting.signing

    @property
    def lasting(self) -> LastingKeys:
        """The keys in use that outlast the master key."""
        return self._lasting

    @property
    def header(self) -> bytes:
        """How every value begins that is sealed with the newest key."""
        return self._current().header

    def adopt(self, lasting: LastingKeys) -> None:
        """Uses these keys for fingerprints and signatures from now on."""
        self._lasting = lasting

    def lasting_beside(self, ciphertext: bytes) -> LastingKeys:
        """The lasting keys of the master key that ``ciphertext`` was sealed with. Raises InternalError."""
        return self._opener(ciphertext).lasting

    def seal(self, plaintext: str, *, owner: str, kind: str) -> bytes:
        """See ``core.ports.Vault.seal``."""
        sealer, nonce = self._current(), os.urandom(_NONCE_BYTES)
        sealed = sealer.cipher.encrypt(nonce, plaintext.encode(), _bound(sealer.header, owner, kind))
        return sealer.header + nonce + sealed

    def open(self, ciphertext: bytes, *, owner: str, kind: str) -> Secret:
        """See ``core.ports.Vault.open``."""
        sealer, rest = self._opener(ciphertext), ciphertext[_HEADER_BYTES:]
        bound = _bound(sealer.header, owner, kind)
        try:
            plain = sealer.cipher.decrypt(rest[:_NONCE_BYTES], rest[_NONCE_BYTES:], bound)
        except (InvalidTag, ValueError) as error:
            raise InternalError("A stored secret was altered or belongs to another row.", action=WRONG_KEY) from error
        return Secret(plain.decode())

    def fingerprint(self, text: str) -> bytes:
        """See ``core.ports.Vault.fingerprint``."""
        return hmac.digest(self._lasting.fingerprint, text.encode(), "sha256")

    def _opener(self, ciphertext: bytes) -> _Sealer:
        """The keys for a value; an unknown key id may be the first sign of a rotation."""
        header = ciphertext[:_HEADER_BYTES]
        if header not in self._sealers:
            self._current()
        if header not in self._sealers:
            raise InternalError("A stored secret was sealed with another master key.", action=WRONG_KEY)
        return self._sealers[header]

    def _current(self) -> _Sealer:
        """The newest key's, read anew when the keys have changed: a server that runs must not seal with a past one."""
        if self._source.stamp() != self._stamp:
            self._newest = self._look()[0]
        return self._newest

    def _look(self) -> list[_Sealer]:
        """Reads the keys. Those of the past stay known: a row that was read a moment ago may be sealed with one."""
        self._stamp = self._source.stamp()
        found = [_sealer(key) for key in self._source.read()]
        self._sealers |= {sealer.header: sealer for sealer in found}
        return found


def _sealer(master_key: bytes) -> _Sealer:
    if len(master_key) != KEY_BYTES:
        raise InternalError("The master key must be 32 bytes.", action=WRONG_KEY)
    sealing = _derive(master_key, b"sluicegate sealing v1")
    lasting = LastingKeys(
        _derive(master_key, b"sluicegate fingerprints v1"), _derive(master_key, b"sluicegate links v1")
    )
    return _Sealer(AESGCM(sealing), _VERSION + hashlib.sha256(sealing).digest()[:_ID_BYTES], lasting)


def _derive(master_key: bytes, purpose: bytes) -> bytes:
    return hmac.digest(master_key, purpose, "sha256")


def _bound(header: bytes, owner: str, kind: str) -> bytes:
    """Associated data; lengths are included so that no two (owner, kind) pairs read the same."""
    return header + len(owner).to_bytes(4, "big") + owner.encode() + kind.encode()
