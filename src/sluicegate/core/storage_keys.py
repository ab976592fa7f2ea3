"""What a storage key must look like, for every storage alike."""

import unicodedata
from typing import Final

from sluicegate.core.errors import InvalidInput

__all__ = ["KEY_BYTES_MAX", "check_key"]

KEY_BYTES_MAX: Final = 1024
"""Bytes of UTF-8 in a key: the limit of S3 and its compatibles, GCS and Azure Blob."""

_SEGMENT_BYTES_MAX: Final = 255
"""What file systems take, so that an object can be moved between storages."""


def check_key(key: str) -> tuple[str, ...]:
    """The segments of a valid key.

    Storages refuse instead of repairing: names are made safe once, where they come in (``core.names``).

    Raises:
        InvalidInput: the key is empty, too long, absolute, climbs, has empty segments, backslashes or control
            characters, or is not valid Unicode.
    """
    segments = tuple(key.split("/"))
    if not key or any(segment in {"", ".", ".."} for segment in segments):
        raise InvalidInput("A storage key is a relative path without empty or climbing segments.", field="key")
    if any(character == "\\" or unicodedata.category(character) in {"Cc", "Cs"} for character in key):
        raise InvalidInput("A storage key holds no backslashes and no control characters.", field="key")
    if len(key.encode()) > KEY_BYTES_MAX or any(len(segment.encode()) > _SEGMENT_BYTES_MAX for segment in segments):
        raise InvalidInput(
            f"A storage key has at most {KEY_BYTES_MAX} bytes, and {_SEGMENT_BYTES_MAX} in each segment.", field="key"
        )
    return segments
