"""What every storage must do. A storage's test module subclasses ``StorageSuite`` and provides the two fixtures."""

import asyncio
import hashlib
import os
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from sluicegate.core.errors import InvalidInput, ObjectMissing, SizeMismatch, StorageFull
from sluicegate.core.storage import Storage

HOSTILE_KEYS = [
    "",
    "/",
    "/etc/passwd",
    "..",
    "../x",
    "a/../../x",
    "a/..",
    "a/./b",
    ".",
    "a//b",
    "a/",
    "a\\b",
    "..\\x",
    "a\0b",
    "a\nb",
    "a\r\nb",
    "a\x7fb",
    "a\x85b",
    "a\ud800b",
    "n" * 256,
    "é" * 128,
    "/".join(["d" * 100] * 11),
]

AWKWARD_KEYS = [
    "plain.bin",
    "a/b/c/d/e.bin",
    "spaces and 'quotes\" & ampersands?.mkv",
    "%2e%2e%2f percent #hash.bin",
    "日本語/фильм/🎬.mkv",
    "-rf",
    "...",
    "..a/b..",
    "CON",
    "C:",
    "n" * 255,
    ".hidden/file",
]


async def pieces(content: bytes, step: int = 65_536) -> AsyncIterator[bytes]:
    for start in range(0, len(content), step):
        yield content[start : start + step]
        await asyncio.sleep(0)


async def collect(chunks: AsyncIterator[bytes]) -> bytes:
    return b"".join([chunk async for chunk in chunks])


class StorageSuite:
    """Subclasses provide ``storage`` (empty) and ``full_storage`` (one that takes some bytes, but not a mebibyte)."""

    @pytest.mark.parametrize("size", [0, 1, 65_535, 1_048_576, 3_000_001])
    async def test_what_is_written_can_be_read(self, storage: Storage, size: int) -> None:
        content = os.urandom(size)
        before = datetime.now(UTC) - timedelta(seconds=5)
        written = await storage.write("movies/one.mkv", pieces(content), size=size)
        assert (written.key, written.size) == ("movies/one.mkv", size)
        assert before < written.modified_at < datetime.now(UTC) + timedelta(seconds=5)
        assert await storage.stat("movies/one.mkv") == written
        assert await collect(storage.read("movies/one.mkv")) == content

    async def test_an_unknown_size_is_fine(self, storage: Storage) -> None:
        assert (await storage.write("x", pieces(b"abc", 1), size=None)).size == 3
        assert await collect(storage.read("x")) == b"abc"

    @pytest.mark.parametrize("key", AWKWARD_KEYS)
    async def test_awkward_keys_are_kept_as_they_are(self, storage: Storage, key: str) -> None:
        assert (await storage.write(key, pieces(key.encode()), size=None)).key == key
        assert await collect(storage.read(key)) == key.encode()

    async def test_keys_that_differ_stay_apart(self, storage: Storage) -> None:
        for key in ("a/b", "a/b2", "A/c", "a b", "a%20b", "a+b"):
            await storage.write(key, pieces(key.encode()), size=None)
        for key in ("a/b", "a/b2", "A/c", "a b", "a%20b", "a+b"):
            assert await collect(storage.read(key)) == key.encode()

    @pytest.mark.parametrize("key", HOSTILE_KEYS)
    async def test_hostile_keys_are_refused_everywhere(self, storage: Storage, tmp_path: Path, key: str) -> None:
        source = tmp_path / "source"
        source.write_bytes(b"abc")
        with pytest.raises(InvalidInput):
            await storage.write(key, pieces(b"abc"), size=3)
        with pytest.raises(InvalidInput):
            await storage.adopt(key, source, size=3)
        with pytest.raises(InvalidInput):
            await storage.stat(key)
        with pytest.raises(InvalidInput):
            await collect(storage.read(key))
        with pytest.raises(InvalidInput):
            await storage.delete(key)
        with pytest.raises(InvalidInput):
            await storage.presign(key, expires_in=60) or _refuse()
        with pytest.raises(InvalidInput):
            storage.local_path(key) or _refuse()
        assert source.read_bytes() == b"abc"

    @pytest.mark.parametrize(
        ("start", "stop", "expected"),
        [
            (0, None, slice(0, None)),
            (0, 0, slice(0, 0)),
            (5, 5, slice(0, 0)),
            (9, 5, slice(0, 0)),
            (1, 2, slice(1, 2)),
            (1_048_575, 1_048_577, slice(1_048_575, 1_048_577)),
            (2_499_999, None, slice(2_499_999, None)),
            (2_400_000, 99_999_999, slice(2_400_000, None)),
            (2_500_000, None, slice(0, 0)),
            (2_500_001, 2_500_002, slice(0, 0)),
        ],
    )
    async def test_ranges(self, storage: Storage, start: int, stop: int | None, expected: slice) -> None:
        content = os.urandom(2_500_000)
        await storage.write("r", pieces(content), size=len(content))
        chunks = [chunk async for chunk in storage.read("r", start, stop)]
        assert b"".join(chunks) == content[expected]
        assert all(0 < len(chunk) <= 1_048_576 for chunk in chunks)

    async def test_a_negative_start_is_refused(self, storage: Storage) -> None:
        await storage.write("r", pieces(b"abc"), size=3)
        with pytest.raises(InvalidInput):
            await collect(storage.read("r", -1))

    @pytest.mark.parametrize(("promised", "sent"), [(10, 9), (10, 11), (0, 1), (1, 0), (2_000_000, 2_000_001)])
    async def test_a_wrong_size_leaves_nothing(self, storage: Storage, promised: int, sent: int) -> None:
        with pytest.raises(SizeMismatch):
            await storage.write("w", pieces(bytes(sent)), size=promised)
        with pytest.raises(ObjectMissing):
            await storage.stat("w")

    async def test_a_failed_write_leaves_the_old_object(self, storage: Storage) -> None:
        old = await storage.write("w", pieces(b"old"), size=3)
        with pytest.raises(SizeMismatch):
            await storage.write("w", pieces(b"new content"), size=99)
        assert await storage.stat("w") == old
        assert await collect(storage.read("w")) == b"old"

    async def test_a_source_that_fails_leaves_nothing_and_its_error_passes(self, storage: Storage) -> None:
        async def breaking() -> AsyncIterator[bytes]:
            yield bytes(2_000_000)
            raise RuntimeError("the source broke")

        with pytest.raises(RuntimeError, match="the source broke"):
            await storage.write("w", breaking(), size=None)
        with pytest.raises(ObjectMissing):
            await storage.stat("w")

    async def test_a_cancelled_write_leaves_nothing(self, storage: Storage) -> None:
        started = asyncio.Event()

        async def endless() -> AsyncIterator[bytes]:
            while True:
                yield bytes(700_000)
                started.set()
                await asyncio.sleep(0.001)

        task = asyncio.create_task(storage.write("w", endless(), size=None))
        await asyncio.wait_for(started.wait(), 10)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        with pytest.raises(ObjectMissing):
            await storage.stat("w")

    async def test_an_object_is_invisible_until_it_is_whole(self, storage: Storage) -> None:
        half, go = asyncio.Event(), asyncio.Event()

        async def slow() -> AsyncIterator[bytes]:
            yield b"a" * 1_500_000
            half.set()
            await go.wait()
            yield b"b"

        task = asyncio.create_task(storage.write("w", slow(), size=1_500_001))
        await asyncio.wait_for(half.wait(), 10)
        with pytest.raises(ObjectMissing):
            await storage.stat("w")
        go.set()
        assert (await task).size == 1_500_001

    async def test_replacing_changes_the_etag(self, storage: Storage) -> None:
        first = await storage.write("e", pieces(b"one"), size=3)
        second = await storage.write("e", pieces(b"two"), size=3)
        assert first.etag != second.etag
        assert (await storage.stat("e")).etag == second.etag
        assert not set('"\\ \r\n') & set(second.etag)

    async def test_a_reader_of_a_replaced_object_never_sees_a_mixture(self, storage: Storage) -> None:
        await storage.write("e", pieces(b"a" * 3_000_000), size=3_000_000)
        reader = storage.read("e")
        got = [await anext(reader)]
        await storage.write("e", pieces(b"b" * 3_000_000), size=3_000_000)
        got += [chunk async for chunk in reader]
        assert set(b"".join(got)) == {ord("a")}

    async def test_missing_objects(self, storage: Storage) -> None:
        for key in ("nothing", "no/such/folder"):
            with pytest.raises(ObjectMissing):
                await storage.stat(key)
            with pytest.raises(ObjectMissing):
                await collect(storage.read(key))
            await storage.delete(key)

    async def test_a_folder_is_not_an_object(self, storage: Storage) -> None:
        await storage.write("folder/file", pieces(b"abc"), size=3)
        with pytest.raises(ObjectMissing):
            await storage.stat("folder")
        with pytest.raises(ObjectMissing):
            await collect(storage.read("folder"))
        with pytest.raises(ObjectMissing):
            await storage.stat("folder/file/deeper")
        await storage.delete("folder")
        assert (await storage.stat("folder/file")).size == 3

    async def test_deleting(self, storage: Storage) -> None:
        await storage.write("d/one", pieces(b"1"), size=1)
        await storage.write("d/two", pieces(b"2"), size=1)
        await storage.delete("d/one")
        await storage.delete("d/one")
        with pytest.raises(ObjectMissing):
            await storage.stat("d/one")
        assert await collect(storage.read("d/two")) == b"2"
        await storage.write("d/one", pieces(b"again"), size=5)
        assert await collect(storage.read("d/one")) == b"again"

    async def test_adopting_moves_the_file(self, storage: Storage, tmp_path: Path) -> None:
        content = os.urandom(1_200_000)
        path = tmp_path / "done.part"
        path.write_bytes(content)
        adopted = await storage.adopt("a/b.mkv", path, size=len(content))
        assert not path.exists()
        assert adopted == await storage.stat("a/b.mkv")
        assert await collect(storage.read("a/b.mkv")) == content

    async def test_adopting_twice_is_one_success(self, storage: Storage, tmp_path: Path) -> None:
        path = tmp_path / "done.part"
        path.write_bytes(b"abc")
        first = await storage.adopt("a", path, size=3)
        assert await storage.adopt("a", path, size=3) == first
        with pytest.raises(ObjectMissing):
            await storage.adopt("a", path, size=4)
        with pytest.raises(ObjectMissing):
            await storage.adopt("b", path, size=3)

    async def test_adopting_replaces(self, storage: Storage, tmp_path: Path) -> None:
        await storage.write("a", pieces(b"old"), size=3)
        path = tmp_path / "done.part"
        path.write_bytes(b"newer")
        await storage.adopt("a", path, size=5)
        assert await collect(storage.read("a")) == b"newer"

    async def test_adopting_a_file_of_another_size_changes_nothing(self, storage: Storage, tmp_path: Path) -> None:
        path = tmp_path / "done.part"
        path.write_bytes(b"abc")
        with pytest.raises(SizeMismatch):
            await storage.adopt("a", path, size=4)
        assert path.read_bytes() == b"abc"
        with pytest.raises(ObjectMissing):
            await storage.stat("a")

    async def test_a_symbolic_link_is_not_adopted(self, storage: Storage, tmp_path: Path) -> None:
        (tmp_path / "secret").write_bytes(b"abc")
        (tmp_path / "link").symlink_to(tmp_path / "secret")
        with pytest.raises(InvalidInput):
            await storage.adopt("a", tmp_path / "link", size=3)
        assert (tmp_path / "secret").read_bytes() == b"abc"

    async def test_a_full_storage_says_so_and_keeps_nothing(self, full_storage: Storage) -> None:
        kept = await full_storage.write("small", pieces(b"fits"), size=4)
        with pytest.raises(StorageFull):
            await full_storage.write("big", pieces(bytes(8_000_000)), size=8_000_000)
        with pytest.raises(ObjectMissing):
            await full_storage.stat("big")
        assert await full_storage.stat("small") == kept
        assert (await full_storage.write("next", pieces(b"fits too"), size=8)).size == 8

    async def test_many_writers_of_one_key_leave_one_whole_object(self, storage: Storage) -> None:
        contents = [bytes([number]) * 400_000 for number in range(8)]
        await asyncio.gather(*(storage.write("same", pieces(content), size=400_000) for content in contents))
        assert await collect(storage.read("same")) in contents

    async def test_writing_and_deleting_side_by_side(self, storage: Storage) -> None:
        async def churn(number: int) -> None:
            for _ in range(10):
                await storage.write(f"deep/er/{number}", pieces(b"x"), size=1)
                await storage.delete(f"deep/er/{number}")

        await asyncio.gather(*(churn(number) for number in range(6)))
        with pytest.raises(ObjectMissing):
            await storage.stat("deep/er/0")

    async def test_reading_a_large_object_in_pieces_keeps_its_digest(self, storage: Storage) -> None:
        content = os.urandom(5_000_000)
        await storage.write("big", pieces(content, 333_333), size=len(content))
        digest = hashlib.sha256()
        for start in range(0, len(content), 777_777):
            digest.update(await collect(storage.read("big", start, start + 777_777)))
        assert digest.digest() == hashlib.sha256(content).digest()

    async def test_a_local_path_holds_the_object(self, storage: Storage) -> None:
        await storage.write("p/q", pieces(b"abc"), size=3)
        path = storage.local_path("p/q")
        assert path is None or path.read_bytes() == b"abc"

    async def test_closing_twice_is_fine(self, storage: Storage) -> None:
        await storage.aclose()
        await storage.aclose()


def _refuse() -> None:
    """For operations a storage may not offer: no answer is as good as the refusal."""
    raise InvalidInput
