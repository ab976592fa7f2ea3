from collections.abc import AsyncIterator

import pytest
from tests.storages.suite import StorageSuite

from sluicegate.storages.memory import MemoryStorage


class TestMemoryStorage(StorageSuite):
    @pytest.fixture
    async def storage(self) -> AsyncIterator[MemoryStorage]:
        storage = MemoryStorage()
        yield storage
        await storage.aclose()

    @pytest.fixture
    async def full_storage(self) -> AsyncIterator[MemoryStorage]:
        storage = MemoryStorage(capacity=1000)
        yield storage
        await storage.aclose()
