"""A wrong master key is told at the start, in one clear line (T33)."""

import asyncio
import sys
from pathlib import Path
from uuid import uuid4

import pytest
from tests.launching import COMMAND
from tests.surfaces.people.conftest import MASTER_KEY, Product

from sluicegate.core.errors import InternalError
from sluicegate.settings import Settings
from sluicegate.wiring.installation import open_installation


async def test_another_key_does_not_open_the_installation(product: Product):
    url = product.settings.database_url.get_secret_value()  # type: ignore[union-attr]
    settings = product.settings.model_copy(update={"master_key": type(product.settings.database_url)("cd" * 32)})
    assert settings.database_url.get_secret_value() == url  # type: ignore[union-attr]
    with pytest.raises(InternalError) as caught:
        async with open_installation(settings):
            pass
    assert "another master key" in caught.value.detail
    assert "SLUICEGATE_MASTER_KEY" in caught.value.action
    async with open_installation(product.settings):
        pass


async def test_a_server_with_the_wrong_key_says_so_and_ends(product: Product, tmp_path: Path):
    environment = {
        "PATH": str(Path(sys.executable).parent),
        "SLUICEGATE_MASTER_KEY": "cd" * 32,
        "SLUICEGATE_DATABASE_URL": product.settings.database_url.get_secret_value(),  # type: ignore[union-attr]
    }
    process = await asyncio.create_subprocess_exec(
        COMMAND, "serve", "--port", "0", "--role", "web", "--data-dir", str(tmp_path / uuid4().hex),
        env=environment, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE,
    )  # fmt: skip
    async with asyncio.timeout(90):
        out, err = await process.communicate()
    assert process.returncode not in {0, None}
    assert b"ready" not in out
    assert b"sealed with another master key" in err
    assert b"Traceback" not in err
    assert MASTER_KEY.encode() not in out + err


async def test_settings_hide_it():
    assert MASTER_KEY not in repr(Settings(master_key=MASTER_KEY))  # type: ignore[arg-type]
