"""Where the blocklist comes from: a URL that is asked conditionally, or a file; a bad answer replaces nothing."""

from datetime import timedelta
from uuid import uuid4

import pytest
from tests.net.wire import answer

from sluicegate.core.errors import ContentBlocked, PolicyDenied
from sluicegate.core.magnets import parse_info_hash
from sluicegate.services.blocklist import BlocklistService
from sluicegate.wiring.document_reader import HttpDocumentReader

FIRST, SECOND = "a1" * 20, "a2" * 20


def blocklist(world, http, source: str, interval: float = 900) -> BlocklistService:
    """One process's view of the list."""
    return BlocklistService(world.transactions, HttpDocumentReader(http), source, interval, world.clock)


async def refuses(rules: BlocklistService, info_hash: str) -> bool:
    try:
        await rules.check_source(parse_info_hash(info_hash))
    except ContentBlocked:
        return True
    return False


async def test_a_url_is_asked_conditionally_and_in_its_interval(world, http):
    path = f"/list-{uuid4().hex}"
    world.remote.scripts[path] = answer(FIRST.encode(), headers='ETag: "one"\r\n')
    rules, other = (blocklist(world, http, world.remote.url(path)) for _ in range(2))
    assert [await refuses(rules, FIRST), await refuses(rules, SECOND), await refuses(other, FIRST)] == [
        True,
        False,
        True,
    ]
    await rules.refresh()
    assert len(world.remote.received) == 1, "one copy for all processes, and its time has not come"
    world.clock.ahead += timedelta(seconds=901)
    world.remote.scripts[path] = answer(b"", status="304 Not Modified")
    await rules.refresh()
    assert world.remote.received[-1].headers["if-none-match"] == '"one"'
    assert await refuses(rules, FIRST)
    world.clock.ahead += timedelta(seconds=901)
    world.remote.scripts[path] = answer(SECOND.encode(), headers='ETag: "two"\r\n')
    await rules.refresh()
    world.clock.ahead += timedelta(seconds=2)
    for view in (rules, other):
        assert [await refuses(view, FIRST), await refuses(view, SECOND)] == [False, True]


@pytest.mark.parametrize(
    "script",
    [
        answer(b"", status="500 Oops"),
        answer(b"<!doctype html><html>signed out</html>"),
        answer(b"", status="302 Found", headers="Location: http://10.0.0.1/\r\n"),
        answer(b"x" * (33 << 20)),
    ],
    ids=["fault", "page", "private", "huge"],
)
async def test_a_list_that_cannot_be_read_leaves_the_last_one_in_force(world, http, script):
    path = f"/list-{uuid4().hex}"
    world.remote.scripts[path] = answer(FIRST.encode())
    rules = blocklist(world, http, world.remote.url(path))
    assert await refuses(rules, FIRST)
    world.remote.scripts[path] = script
    copy = await rules.refresh(force=True)
    assert copy is not None
    assert (bool(copy.error), copy.failures, copy.version) == (True, 1, 1)
    assert await refuses(rules, FIRST)
    asked = len(world.remote.received)
    world.clock.ahead += timedelta(seconds=901)
    await rules.refresh()
    assert len(world.remote.received) == asked, "the pause has doubled"


async def test_a_list_that_was_never_read_lets_nothing_in(world, http):
    rules = blocklist(world, http, world.remote.url(f"/missing-{uuid4().hex}"))
    with pytest.raises(PolicyDenied, match="could not be read yet"):
        await rules.check_source(parse_info_hash(FIRST))
    missing = blocklist(world, http, f"/nowhere/{uuid4().hex}")
    with pytest.raises(PolicyDenied):
        await missing.check_link("https://fine.example/")


async def test_a_file_is_taken_when_it_changes(world, http, tmp_path):
    path = tmp_path / "list.txt"
    path.write_text(FIRST)
    rules = blocklist(world, http, str(path))
    assert await refuses(rules, FIRST)
    path.write_text(SECOND)
    await rules.refresh()
    world.clock.ahead += timedelta(seconds=2)
    assert [await refuses(rules, FIRST), await refuses(rules, SECOND)] == [False, True]
    path.unlink()
    copy = await rules.refresh()
    assert copy is not None
    assert "cannot be read" in copy.error
    assert await refuses(rules, SECOND)


async def test_without_a_list_nothing_is_asked(world, http):
    rules = blocklist(world, http, "")
    assert not await refuses(rules, FIRST)
    assert await rules.refresh() is None
