"""AES-128 as HLS uses it for whole segments (RFC 8216, section 4.3.2.4): CBC with PKCS #7 padding."""

from cryptography.hazmat.primitives.ciphers import Cipher
from cryptography.hazmat.primitives.ciphers.algorithms import AES
from cryptography.hazmat.primitives.ciphers.modes import CBC
from cryptography.hazmat.primitives.padding import PKCS7

from sluicegate.core.errors import ExtractionFailed
from sluicegate.media.extractor.refusal import Refusal

__all__ = ["decrypted"]


def decrypted(content: bytes, key: bytes, vector: bytes) -> bytes:
    """One segment in the clear.

    Raises:
        Refusal: the key is none, or does not fit.
    """
    try:
        reader = Cipher(AES(key), CBC(vector)).decryptor()
        padding = PKCS7(AES.block_size).unpadder()
        padded = reader.update(content) + reader.finalize()
        return padding.update(padded) + padding.finalize()
    except ValueError as error:
        raise Refusal(ExtractionFailed("A piece of the media cannot be decrypted with its key.")) from error
