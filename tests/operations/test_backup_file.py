"""The file of a backup: every byte of it is authentic, or it is refused (T56)."""

import io

import pytest
from tests.operations.conftest import PASSPHRASE

from sluicegate.core.errors import InvalidInput
from sluicegate.services import backup_file
from sluicegate.services.backup_file import CHUNK_BYTES, HEADER_BYTES, TAG_BYTES, BackupWriter, read_backup
from sluicegate.services.backup_parts import end_parts, read_parts, write_part

SEALED = CHUNK_BYTES + TAG_BYTES


@pytest.fixture(autouse=True)
def cheap(monkeypatch: pytest.MonkeyPatch) -> None:
    """A key that takes no time; the costs are part of the header, and the real ones are used by the tests beside."""
    monkeypatch.setattr(backup_file, "_MEMORY_KIB", 64)
    monkeypatch.setattr(backup_file, "_PASSES", 1)


def written(plain: bytes, *, piece: int = 300_000) -> bytes:
    sink = io.BytesIO()
    writer = BackupWriter(sink, PASSPHRASE)
    for start in range(0, len(plain), piece):
        writer.write(plain[start : start + piece])
    writer.finish()
    return sink.getvalue()


def read(raw: bytes, passphrase: str = PASSPHRASE) -> bytes:
    return b"".join(read_backup(io.BytesIO(raw), passphrase))


@pytest.mark.parametrize("size", [0, 1, CHUNK_BYTES - 1, CHUNK_BYTES, CHUNK_BYTES + 1, 3 * CHUNK_BYTES])
def test_what_goes_in_comes_out(size: int):
    plain = bytes(range(256)) * (size // 256) + bytes(size % 256)
    raw = written(plain)
    assert read(raw) == plain
    assert size < 64 or plain[:64] not in raw


def test_the_wrong_passphrase_and_two_files_of_the_same():
    raw = written(b"secret")
    with pytest.raises(InvalidInput):
        read(raw, "another passphrase")
    assert written(b"secret") != raw
    with pytest.raises(InvalidInput):
        BackupWriter(io.BytesIO(), "short")


PLACES = {
    "magic": 0, "memory": 9, "passes": 15, "lanes": 16, "salt": 20, "prefix": 34,
    "first chunk": HEADER_BYTES, "first tag": HEADER_BYTES + SEALED - 1,
    "second chunk": HEADER_BYTES + SEALED + 500, "last chunk": HEADER_BYTES + 2 * SEALED, "last tag": -1,
}  # fmt: skip


@pytest.mark.parametrize("place", PLACES.values(), ids=PLACES)
@pytest.mark.parametrize("bit", [0x01, 0x80])
def test_a_flipped_bit_anywhere_is_refused(place: int, bit: int):
    raw = bytearray(written(bytes(2 * CHUNK_BYTES + 10)))
    raw[place] ^= bit
    with pytest.raises(InvalidInput):
        read(bytes(raw))


CHANGES = {
    "empty": lambda raw: b"",
    "only a header": lambda raw: raw[:HEADER_BYTES],
    "cut in the header": lambda raw: raw[: HEADER_BYTES - 1],
    "cut behind a chunk": lambda raw: raw[: HEADER_BYTES + SEALED],
    "cut behind two chunks": lambda raw: raw[: HEADER_BYTES + 2 * SEALED],
    "cut in a chunk": lambda raw: raw[: HEADER_BYTES + SEALED + 99],
    "one byte short": lambda raw: raw[:-1],
    "one byte more": lambda raw: raw + b"\0",
    "a chunk twice": lambda raw: raw[: HEADER_BYTES + SEALED] + raw[HEADER_BYTES:],
    "a chunk missing": lambda raw: raw[:HEADER_BYTES] + raw[HEADER_BYTES + SEALED :],
    "two chunks swapped": lambda raw: (
        raw[:HEADER_BYTES]
        + raw[HEADER_BYTES + SEALED : HEADER_BYTES + 2 * SEALED]
        + raw[HEADER_BYTES : HEADER_BYTES + SEALED]
        + raw[HEADER_BYTES + 2 * SEALED :]
    ),
    "the tail of another file": lambda raw: raw[: HEADER_BYTES + SEALED] + written(b"x" * (2 * CHUNK_BYTES + 10))[
        HEADER_BYTES + SEALED :
    ],
    "some other file": lambda raw: b"PK\x03\x04" + raw,
}  # fmt: skip


@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES)
def test_a_file_that_is_not_as_it_was_written_is_refused(change):
    with pytest.raises(InvalidInput):
        read(change(written(bytes(2 * CHUNK_BYTES + 10))))


def test_a_header_cannot_make_us_fill_the_memory():
    raw = bytearray(written(b"x"))
    raw[8:12] = (0xFFFFFFFF).to_bytes(4, "big")
    with pytest.raises(InvalidInput):
        read(bytes(raw))


def test_parts_come_back_with_their_names_whether_they_are_read_or_skipped():
    sink = io.BytesIO()
    parts = {"about": b"{}", "empty": b"", "database": bytes(3_000_000), "files/a b/ü.mkv": b"film"}
    for name, content in parts.items():
        write_part(sink, name, [content[start : start + 70_000] for start in range(0, len(content), 70_000)])
    end_parts(sink)
    chunks = [sink.getvalue()[start : start + 9_999] for start in range(0, len(sink.getvalue()), 9_999)]
    assert {name: b"".join(blocks) for name, blocks in read_parts(chunks)} == parts
    assert [name for name, _ in read_parts(chunks)] == list(parts)
    for cut in (chunks[:-1], chunks[:3], [], [*chunks, b"more"]):
        with pytest.raises(InvalidInput):
            list(read_parts(cut))
