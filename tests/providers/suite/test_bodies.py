"""Bodies that are not what was promised: nothing but core errors comes out, and no nonsense either."""

import itertools
import random
from collections.abc import Iterable

import pytest
from tests.providers.suite.interposer import Reply, Sent
from tests.providers.suite.invariants import check_result
from tests.providers.suite.mutations import mutated
from tests.providers.suite.stage import Stage

from sluicegate.core.errors import ProtocolError, SluicegateError, UpstreamError
from sluicegate.core.provider import Capability

ROUNDS = 60
BROKEN = {
    "empty": b"",
    "space": b" \r\n",
    "page": b"<!DOCTYPE html><html><body>Just a moment...</body></html>",
    "number": b"7",
    "text": b'"ok"',
    "null": b"null",
    "true": b"true",
    "words": b"OK",
    "cut": b'{"success": true, "data": {"id": 1',
    "not utf-8": b'{"a": "\xff\xfe"}',
    "deep": b"[" * 100_000,
    "infinite": b'{"id": 1e999}',
    "two": b"{}{}",
}


def replay(stage: Stage, replies: Iterable[Reply]) -> None:
    """Answers with recorded replies in order, the last one again and again."""
    waiting = list(replies)

    def script(_: Sent) -> Reply:
        return waiting.pop(0) if len(waiting) > 1 else waiting[0]

    stage.interposer.script = script


async def recorded(stage: Stage, claimed: Capability) -> tuple[object, list[Reply]]:
    """An operation through the interposer, and the answers it got."""
    call = await stage.prepared(claimed, stage.through())
    stage.interposer.replies.clear()
    await call()
    return call, list(stage.interposer.replies)


async def test_broken_body(stage: Stage, claimed: Capability) -> None:
    """HTML, empty, cut, doubled and re-shaped bodies are protocol errors, whatever the status says."""
    call = await stage.prepared(claimed, stage.through())
    if claimed in stage.case.empty_answers:
        return
    bodies = [name for name, body in BROKEN.items() if (body, claimed) not in stage.case.rightly_empty]
    for name, status in itertools.product(bodies, (200, 201)):
        replay(stage, [Reply(status, BROKEN[name])])
        try:
            result = await call()
        except ProtocolError as error:
            blamed = error.provider
        else:
            pytest.fail(f"the body '{name}' with status {status} is taken for {result}")
        assert blamed == stage.name


async def test_emptied_body(stage: Stage, claimed: Capability) -> None:
    """An empty object or list where something was promised is no success."""
    call, replies = await recorded(stage, claimed)
    if claimed in stage.case.empty_answers:
        return
    for body in (b"{}", b"[]"):
        if (body, claimed) in stage.case.rightly_empty:
            continue
        replay(stage, [Reply(200, body)])
        with pytest.raises(UpstreamError):
            await call()  # type: ignore[operator]
    assert replies


async def test_doubled_error(stage: Stage) -> None:
    """An error whose body comes twice is still that error or a protocol error."""
    call = await stage.prepared(Capability.ACCOUNT, stage.through())
    await stage.fault("bad_token", times=1)
    stage.interposer.alter = lambda _, reply: reply.with_body(reply.body * 2)
    with pytest.raises(UpstreamError):
        await call()


async def test_success_with_error(stage: Stage, claimed: Capability) -> None:
    """A success status with an error body is an error."""
    call = await stage.prepared(claimed, stage.through())
    if claimed in stage.case.empty_answers:
        return
    await stage.fault("server_error", times=9)
    stage.interposer.alter = lambda _, reply: reply.with_body(reply.body, status=200)
    with pytest.raises(UpstreamError):
        await call()


async def test_mutated_answers(stage: Stage, claimed: Capability) -> None:
    """Real answers with members lost, retyped or absurd never escape as anything but a core error or a sound value."""
    call, replies = await recorded(stage, claimed)
    chance = random.Random(f"{stage.name}-{claimed}")
    for _ in range(ROUNDS):
        at = chance.randrange(len(replies))
        broken = [*replies[:at], mutated(replies[at], chance), *replies[at + 1 :]]
        replay(stage, broken)
        try:
            result = await call()  # type: ignore[operator]
        except SluicegateError:
            continue
        check_result(result, stage.name)
