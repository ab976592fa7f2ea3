"""What every cloud must do beside being a storage: parts, going on, hashes, links, and clear refusals."""

import asyncio
import hashlib
import os
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace

import aiohttp
import pytest
from tests.storages.clouds import guarded_http
from tests.storages.front import Front, fronted
from tests.storages.suite import StorageSuite, collect, pieces

from sluicegate.core.clock import SystemClock
from sluicegate.core.destinations import Place
from sluicegate.core.errors import ObjectMissing, SizeMismatch, StorageDenied, StorageFull, StorageUnavailable
from sluicegate.core.secrets import Secret
from sluicegate.core.storage import UploadState
from sluicegate.net.http import Http
from sluicegate.storages.object_store import ObjectStorage, open_bucket

MIB = 1 << 20


@dataclass(frozen=True)
class Cloud:
    """A fresh bucket in a running server.

    Attributes:
        origin: the part of the endpoint that a front can stand in for.
        wrong: secrets of the right form that open nothing.
        full: how this cloud says that it is full.
        links_checked: False where the emulator serves whatever a link says.
        part_mark: in the paths of requests that send a part.
    """

    http: Http
    place: Place
    secret: Secret
    origin: str
    wrong: tuple[Secret, ...]
    full: tuple[int, bytes, dict[str, str]]
    part_mark: str
    links_checked: bool = True

    def open(self, *, through: Front | None = None, secret: Secret | None = None, **changes: str) -> ObjectStorage:
        place = replace(self.place, **changes)
        if through is not None:
            place = replace(place, endpoint=place.endpoint.replace(self.origin, through.url))
        return open_bucket(self.http, SystemClock(), place, secret or self.secret)


class Notes:
    """An upload log that outlives its process: here, a list of what it was told."""

    def __init__(self) -> None:
        self.states: list[UploadState | None] = [None]
        self.forgets = True

    async def load(self) -> UploadState | None:
        return self.states[-1]

    async def save(self, state: UploadState | None) -> None:
        if state is not None or self.forgets:
            self.states.append(state)


def opener(
    content: bytes, *, breaks_at: int | None = None, notes: Notes | None = None
) -> Callable[[int], AsyncIterator[bytes]]:
    """Opens ``content``; it breaks at an offset, once a part has been noted."""

    async def read(start: int) -> AsyncIterator[bytes]:
        for offset in range(start, len(content), 300_000):
            if breaks_at is not None and offset >= breaks_at:
                async with asyncio.timeout(60):
                    while notes is not None and not any(state and state.parts for state in notes.states):
                        await asyncio.sleep(0.02)
                raise ConnectionResetError("the source broke")
            yield content[offset : offset + 300_000]
            await asyncio.sleep(0)

    return read


@asynccontextmanager
async def cloud_http() -> AsyncIterator[Http]:
    async with guarded_http() as http:
        yield http


class CloudSuite(StorageSuite):
    """Subclasses provide ``cloud``."""

    @pytest.fixture
    async def storage(self, cloud: Cloud) -> ObjectStorage:
        return cloud.open()

    @pytest.fixture
    async def front(self, cloud: Cloud) -> AsyncIterator[Front]:
        async with fronted(cloud.origin) as front:
            yield front

    @pytest.fixture
    async def full_storage(self, cloud: Cloud, front: Front) -> ObjectStorage:
        front.capacity, front.full = 4000, cloud.full
        return cloud.open(through=front)

    async def test_a_large_object_goes_in_parts_and_comes_back_through_a_link(self, cloud: Cloud) -> None:
        storage, content = cloud.open(), os.urandom(20 * MIB + 5)
        stored = await storage.write("videos/größe & more.mkv", pieces(content, MIB), size=len(content))
        assert stored.size == len(content)
        url = await storage.presign("videos/größe & more.mkv", expires_in=600)
        assert url is not None
        assert cloud.secret.reveal() not in url
        async with aiohttp.ClientSession() as session:
            from yarl import URL

            async with session.get(URL(url, encoded=True)) as answer:
                assert answer.status == 200, await answer.text()
                assert hashlib.sha256(await answer.read()).digest() == hashlib.sha256(content).digest()
            if cloud.links_checked:
                other = url.replace("more.mkv", "less.mkv")
                await storage.write("videos/größe & less.mkv", pieces(b"other"), size=5)
                async with session.get(URL(other, encoded=True)) as answer:
                    assert answer.status == 403
                expired = await storage.presign("videos/größe & more.mkv", expires_in=-3600)
                async with session.get(URL(str(expired), encoded=True)) as answer:
                    assert answer.status in {400, 403}

    async def test_an_unknown_length_goes_in_parts_as_well(self, cloud: Cloud) -> None:
        content = os.urandom(33 * MIB)
        stored = await cloud.open().write("u", pieces(content, MIB), size=None)
        assert stored.size == len(content)
        assert hashlib.sha256(await collect(cloud.open().read("u"))).digest() == hashlib.sha256(content).digest()

    async def test_a_length_of_whole_parts_has_no_empty_end(self, cloud: Cloud) -> None:
        content = os.urandom(16 * MIB)
        assert (await cloud.open().write("w", pieces(content, MIB), size=len(content))).size == len(content)

    async def test_a_broken_upload_goes_on_where_it_was(self, cloud: Cloud, front: Front) -> None:
        content, notes = os.urandom(28 * MIB), Notes()
        with pytest.raises(ConnectionResetError):
            await cloud.open(through=front).send(
                "r", opener(content, breaks_at=26 * MIB, notes=notes), size=len(content), log=notes
            )
        state = await notes.load()
        assert state is not None
        assert state.upload_id
        await front.settled()  # a part that was on its way may still arrive
        with pytest.raises(ObjectMissing):
            await cloud.open().stat("r")
        before = len(front.seen)
        stored = await cloud.open(through=front).send("r", opener(content), size=len(content), log=notes)
        assert stored.size == len(content)
        sent = [path for method, path in front.seen[before:] if method == "PUT" and cloud.part_mark in path]
        questions = 1 if cloud.part_mark == "upload_id" else 0  # Google is asked in the same words how far it is
        numbers = {part.number for part in state.parts}
        whole = -(-len(content) // state.part_size)
        kept = next(number for number in range(whole) if number + 1 not in numbers)  # without a gap from the first
        assert numbers
        assert len([path for path in sent if "blocklist" not in path]) - questions <= whole - kept
        assert await notes.load() is None
        assert hashlib.sha256(await collect(cloud.open().read("r"))).digest() == hashlib.sha256(content).digest()

    async def test_dying_after_the_storage_has_it_whole_is_no_second_upload(self, cloud: Cloud, front: Front) -> None:
        content, notes = os.urandom(10 * MIB), Notes()
        notes.forgets = False
        await cloud.open(through=front).send("d", opener(content), size=len(content), log=notes)
        before = front.taken
        notes.forgets = True
        stored = await cloud.open(through=front).send("d", opener(content), size=len(content), log=notes)
        assert stored.size == len(content)
        assert front.taken - before < MIB
        assert await notes.load() is None

    async def test_abandoning_leaves_nothing(self, cloud: Cloud) -> None:
        content, notes = os.urandom(12 * MIB), Notes()
        with pytest.raises(ConnectionResetError):
            await cloud.open().send("a", opener(content, breaks_at=11 * MIB), size=len(content), log=notes)
        state = await notes.load()
        assert state is not None
        await cloud.open().abandon("a", notes)
        await cloud.open().abandon("a", notes)
        assert await notes.load() is None
        assert await cloud.open()._bucket.unfinished("a") == []
        with pytest.raises(ObjectMissing):
            await cloud.open().stat("a")

    async def test_an_upload_that_began_unnoticed_is_found_and_dropped(self, cloud: Cloud) -> None:
        storage, notes = cloud.open(), Notes()
        await storage._bucket.begin("n/object")
        await notes.save(UploadState(SystemClock().now(), 8 * MIB))
        content = os.urandom(9 * MIB)
        assert (await storage.send("n/object", opener(content), size=len(content), log=notes)).size == len(content)
        assert await storage._bucket.unfinished("n/object") == []

    async def test_an_upload_that_the_storage_forgot_begins_again(self, cloud: Cloud) -> None:
        content, notes = os.urandom(12 * MIB), Notes()
        with pytest.raises(ConnectionResetError):
            await cloud.open().send("f", opener(content, breaks_at=11 * MIB), size=len(content), log=notes)
        state = await notes.load()
        assert state is not None
        await cloud.open()._bucket.abort("f", state.upload_id)
        assert (await cloud.open().send("f", opener(content), size=len(content), log=notes)).size == len(content)

    async def test_bytes_that_change_on_the_way_are_refused(self, cloud: Cloud, front: Front) -> None:
        front.spoil = lambda request, body: (
            body[:-1] + bytes([body[-1] ^ 1]) if len(body) > MIB and cloud.part_mark in request.raw_path else body
        )
        content = os.urandom(10 * MIB)
        with pytest.raises((StorageDenied, StorageUnavailable, SizeMismatch)):
            await cloud.open(through=front).write("s", pieces(content, MIB), size=len(content))
        with pytest.raises(ObjectMissing):
            await cloud.open().stat("s")

    async def test_wrong_secrets_are_told_without_being_shown(self, cloud: Cloud) -> None:
        for secret in cloud.wrong:
            with pytest.raises(StorageDenied) as caught:
                await cloud.open(secret=secret).write("k", pieces(b"abc"), size=3)
            assert caught.value.reason
            assert secret.reveal() not in f"{caught.value!r} {caught.value.detail} {caught.value.action}"

    async def test_a_bucket_that_is_not_there_is_told(self, cloud: Cloud) -> None:
        with pytest.raises(StorageDenied, match=r"no such (bucket|container)|NoSuchBucket|may not"):
            await cloud.open(bucket="not-there-at-all").write("k", pieces(b"abc"), size=3)

    async def test_a_storage_that_vanishes_in_mid_upload_leaves_nothing(self, cloud: Cloud, front: Front) -> None:
        front.vanish_after = 12 * MIB
        with pytest.raises(StorageUnavailable):
            await cloud.open(through=front).write("v", pieces(bytes(30 * MIB), MIB), size=30 * MIB)
        with pytest.raises(ObjectMissing):
            await cloud.open().stat("v")

    async def test_a_storage_that_fills_in_mid_upload_says_so_and_keeps_nothing(
        self, cloud: Cloud, front: Front
    ) -> None:
        front.capacity, front.full = 12 * MIB, cloud.full
        with pytest.raises(StorageFull):
            await cloud.open(through=front).write("v", pieces(bytes(30 * MIB), MIB), size=30 * MIB)
        with pytest.raises(ObjectMissing):
            await cloud.open().stat("v")
        assert await cloud.open()._bucket.unfinished("v") == []
