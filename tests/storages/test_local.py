import asyncio
import errno
import os
import resource
import signal
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
from tests.storages.suite import StorageSuite, collect, pieces

from sluicegate.core.errors import (
    InvalidInput,
    ObjectMissing,
    StorageDenied,
    StorageFull,
    StorageUnavailable,
)
from sluicegate.storages.local import LocalStorage
from sluicegate.storages.local.adapter import storage_error

WRITER = """
import asyncio, sys
from pathlib import Path
from sluicegate.storages.local import LocalStorage

async def endless():
    while True:
        yield bytes(1_048_576)
        print("wrote", flush=True)
        await asyncio.sleep(0.05)

asyncio.run(LocalStorage(Path(sys.argv[1])).write("job/file.bin", endless(), size=None))
"""


@pytest.fixture
def file_size_limit() -> Iterator[None]:
    """Makes this process unable to write files over 256 KiB: the kernel refuses in mid-write, as on a full disk."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    handler = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (256 * 1024, before[1]))
    yield
    resource.setrlimit(resource.RLIMIT_FSIZE, before)
    signal.signal(signal.SIGXFSZ, handler)


class TestLocalStorage(StorageSuite):
    @pytest.fixture
    async def storage(self, tmp_path: Path) -> AsyncIterator[LocalStorage]:
        storage = LocalStorage(tmp_path / "kept")
        yield storage
        await storage.aclose()

    @pytest.fixture
    async def full_storage(self, tmp_path: Path, file_size_limit: None) -> AsyncIterator[LocalStorage]:
        storage = LocalStorage(tmp_path / "kept")
        yield storage
        await storage.aclose()
        assert list((tmp_path / "kept" / ".incoming").iterdir()) == []


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return tmp_path / "kept"


@pytest.fixture
async def storage(root: Path) -> AsyncIterator[LocalStorage]:
    storage = LocalStorage(root)
    yield storage
    await storage.aclose()


async def test_a_device_without_space_is_storage_full() -> None:
    with Path("/dev/full").open("wb", buffering=0) as device, pytest.raises(OSError) as caught:
        device.write(b"x")
    assert isinstance(storage_error(caught.value), StorageFull)
    assert isinstance(storage_error(OSError(errno.EDQUOT, "")), StorageFull)
    assert isinstance(storage_error(OSError(errno.EIO, "")), StorageUnavailable)


async def test_no_temporary_survives_a_failed_or_cancelled_write(storage: LocalStorage, root: Path) -> None:
    async def stuck() -> AsyncIterator[bytes]:
        yield bytes(2_000_000)
        await asyncio.Event().wait()

    task = asyncio.create_task(storage.write("a", stuck(), size=None))
    while not any(path.stat().st_size for path in (root / ".incoming").iterdir()):
        await asyncio.sleep(0.01)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert sorted(path.name for path in root.rglob("*")) == [".incoming"]


async def test_the_sweep_takes_what_a_killed_writer_left_and_nothing_else(root: Path) -> None:
    child = subprocess.Popen([sys.executable, "-c", WRITER, str(root)], stdout=subprocess.PIPE)
    try:
        assert child.stdout is not None
        assert child.stdout.readline() == b"wrote\n"
        assert child.stdout.readline() == b"wrote\n"
        beside = LocalStorage(root)
        assert len(list((root / ".incoming").iterdir())) == 1, "a running writer's temporary must stay"
        await beside.aclose()
    finally:
        child.kill()
        child.wait(10)
        child.stdout.close()
    assert len(list((root / ".incoming").iterdir())) == 1, "a killed writer leaves its temporary"
    with pytest.raises(ObjectMissing):
        await beside_stat(root)
    assert list((root / ".incoming").iterdir()) == []


async def beside_stat(root: Path) -> None:
    storage = LocalStorage(root)
    try:
        await storage.stat("job/file.bin")
    finally:
        await storage.aclose()


@pytest.mark.parametrize("key", ["link/secret", "file-link", "link/deeper/secret"])
async def test_symbolic_links_inside_the_folder_are_not_followed(
    storage: LocalStorage, root: Path, tmp_path: Path, key: str
) -> None:
    outside = tmp_path / "outside"
    (outside / "deeper").mkdir(parents=True)
    (outside / "secret").write_bytes(b"secret")
    (outside / "deeper" / "secret").write_bytes(b"secret")
    (root / "link").symlink_to(outside)
    (root / "file-link").symlink_to(outside / "secret")
    with pytest.raises(ObjectMissing):
        await storage.stat(key)
    with pytest.raises(ObjectMissing):
        await collect(storage.read(key))
    assert storage.local_path(key) is None
    await storage.delete(key)
    assert (outside / "secret").read_bytes() == b"secret"
    assert (outside / "deeper" / "secret").read_bytes() == b"secret"


async def test_nothing_is_written_through_a_symbolic_link(storage: LocalStorage, root: Path, tmp_path: Path) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "mine").write_bytes(b"mine")
    (root / "link").symlink_to(outside)
    (root / "file").symlink_to(outside / "mine")
    source = tmp_path / "source"
    source.write_bytes(b"abc")
    with pytest.raises(StorageDenied):
        await storage.write("link/new", pieces(b"abc"), size=3)
    with pytest.raises(StorageDenied):
        await storage.adopt("link/new", source, size=3)
    await storage.write("file", pieces(b"abc"), size=3)
    assert not (root / "file").is_symlink()
    assert [path.name for path in outside.iterdir()] == ["mine"]
    assert (outside / "mine").read_bytes() == b"mine"
    assert source.read_bytes() == b"abc"


async def test_a_fifo_in_the_folder_does_not_hang_a_reader(storage: LocalStorage, root: Path) -> None:
    os.mkfifo(root / "pipe")
    with pytest.raises(ObjectMissing):
        await asyncio.wait_for(collect(storage.read("pipe")), 5)
    with pytest.raises(ObjectMissing):
        await storage.stat("pipe")


async def test_the_folder_of_temporaries_cannot_be_addressed(storage: LocalStorage) -> None:
    for key in (".incoming", ".incoming/x"):
        with pytest.raises(InvalidInput):
            await storage.write(key, pieces(b"abc"), size=3)
        with pytest.raises(InvalidInput):
            await storage.stat(key)


async def test_deleting_the_last_object_removes_its_empty_folders(storage: LocalStorage, root: Path) -> None:
    await storage.write("a/b/c", pieces(b"1"), size=1)
    await storage.write("a/d", pieces(b"1"), size=1)
    await storage.delete("a/b/c")
    assert sorted(str(path.relative_to(root)) for path in root.rglob("*")) == [".incoming", "a", "a/d"]


async def test_objects_and_folders_are_private_to_the_owner(storage: LocalStorage, root: Path) -> None:
    await storage.write("a/b", pieces(b"1"), size=1)
    assert (root / "a").stat().st_mode & 0o077 == 0
    assert (root / "a" / "b").stat().st_mode & 0o077 == 0


async def test_an_object_in_the_place_of_a_folder_is_denied_clearly(storage: LocalStorage, tmp_path: Path) -> None:
    await storage.write("a", pieces(b"1"), size=1)
    with pytest.raises(StorageDenied):
        await storage.write("a/b", pieces(b"1"), size=1)
    await storage.write("c/d", pieces(b"1"), size=1)
    with pytest.raises(StorageDenied):
        await storage.write("c", pieces(b"1"), size=1)


async def test_adopting_on_the_same_device_keeps_the_inode(storage: LocalStorage, root: Path, tmp_path: Path) -> None:
    path = tmp_path / "done"
    path.write_bytes(b"abc")
    inode = path.stat().st_ino
    await storage.adopt("x/y", path, size=3)
    assert (root / "x" / "y").stat().st_ino == inode


async def test_adopting_by_copy_verifies_and_then_deletes(storage: LocalStorage, root: Path, tmp_path: Path) -> None:
    path = tmp_path / "done"
    content = os.urandom(2_100_000)
    path.write_bytes(content)
    await storage._adopt_by_copy("x/y", path, len(content))
    assert not path.exists()
    assert (root / "x" / "y").read_bytes() == content
    assert list((root / ".incoming").iterdir()) == []


async def test_adopting_from_memory_backed_files(storage: LocalStorage, root: Path) -> None:
    """On Linux /dev/shm is another file system than any test folder, so that the rename is refused with EXDEV."""
    folder = Path("/dev/shm") if Path("/dev/shm").is_dir() else root.parent
    path = folder / f"sluicegate-test-{os.getpid()}"
    path.write_bytes(b"abc")
    try:
        assert (await storage.adopt("x/y", path, size=3)).size == 3
        assert not path.exists()
    finally:
        path.unlink(missing_ok=True)
    assert (root / "x" / "y").read_bytes() == b"abc"
