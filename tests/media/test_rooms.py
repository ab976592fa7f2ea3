"""Work folders: private, found again, removed."""

import os
import stat
from pathlib import Path
from uuid import uuid4

import pytest

from sluicegate.core.errors import StorageFull, UnsafeSource
from sluicegate.media.rooms import WorkRooms


def test_private_and_found_again(tmp_path: Path) -> None:
    rooms, job = WorkRooms(tmp_path / "deep" / "rooms"), uuid4()

    path = rooms.open(job)
    (path / "x").write_bytes(b"kept")

    assert stat.S_IMODE(path.stat().st_mode) == 0o700
    assert rooms.open(job) == path
    assert (path / "x").read_bytes() == b"kept"


def test_mode_is_put_right(tmp_path: Path) -> None:
    rooms, job = WorkRooms(tmp_path), uuid4()
    rooms.open(job).chmod(0o777)

    assert stat.S_IMODE(rooms.open(job).stat().st_mode) == 0o700


def test_symbolic_link_in_its_place(tmp_path: Path) -> None:
    """T16."""
    rooms, job = WorkRooms(tmp_path / "rooms"), uuid4()
    (tmp_path / "rooms").mkdir()
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "rooms" / str(job)).symlink_to(tmp_path / "elsewhere")

    with pytest.raises(UnsafeSource):
        rooms.open(job)


def test_file_in_its_place(tmp_path: Path) -> None:
    rooms, job = WorkRooms(tmp_path), uuid4()
    (tmp_path / str(job)).write_bytes(b"")

    with pytest.raises(UnsafeSource):
        rooms.open(job)


def test_root_that_cannot_be_made(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"")

    with pytest.raises((StorageFull, UnsafeSource)):
        WorkRooms(tmp_path / "file" / "rooms").open(uuid4())


async def test_removal_does_not_follow_links(tmp_path: Path) -> None:
    """T16: symbolic links in the work folder are not followed."""
    rooms, job = WorkRooms(tmp_path / "rooms"), uuid4()
    (tmp_path / "precious").mkdir()
    (tmp_path / "precious" / "x").write_bytes(b"stay")
    (rooms.open(job) / "link").symlink_to(tmp_path / "precious")

    await rooms.remove(job)
    await rooms.remove(job)

    assert not (tmp_path / "rooms" / str(job)).exists()
    assert (tmp_path / "precious" / "x").exists()


async def test_sweep_keeps_the_living_and_the_unknown(tmp_path: Path) -> None:
    rooms, alive, dead, young = WorkRooms(tmp_path), uuid4(), uuid4(), uuid4()
    for job in (alive, dead):
        os.utime(rooms.open(job), (0, 0))
    rooms.open(young)
    (tmp_path / "lost+found").mkdir()

    assert await rooms.sweep({alive}) == 1
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted([str(alive), str(young), "lost+found"])
    assert await WorkRooms(tmp_path / "none").sweep(set()) == 0
