import asyncio
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any
from uuid import uuid4

import pytest
from litestar import Litestar, Request, Response, get
from tests.web.serving import Running, running

from sluicegate.core.errors import RateLimited, Unauthenticated
from sluicegate.core.keys import Key, KeyKind
from sluicegate.web.auth import Carrier, key_guard, presented_key
from sluicegate.web.limits import FailedAttempts
from sluicegate.web.recent_keys import RecentKeys


class Verifier:
    def __init__(self) -> None:
        self.keys: dict[tuple[str, KeyKind], Key] = {}
        self.asked: list[str] = []
        self.gate: asyncio.Event | None = None

    def add(self, text: str, kind: KeyKind = KeyKind.LIBRARY) -> Key:
        key = Key(uuid4(), uuid4(), kind, "prefix", "", datetime.now(UTC))
        self.keys[text, kind] = key
        return key

    async def verify(self, text: str, kind: KeyKind) -> Key:
        self.asked.append(text)
        key = self.keys.get((text, kind))
        if self.gate is not None:
            await self.gate.wait()
        if key is None:
            raise Unauthenticated
        return key


def scope(*headers: tuple[str, str], query: str = "") -> dict[str, Any]:
    return {
        "headers": [(name.lower().encode(), value.encode("latin-1")) for name, value in headers],
        "query_string": query.encode(),
    }


@pytest.mark.parametrize(
    ("asked", "carriers", "expected"),
    [
        (scope(("Authorization", "Bearer tu_x")), [Carrier.BEARER], "tu_x"),
        (scope(("Authorization", "bearer   tu_x ")), [Carrier.BEARER], "tu_x"),
        (scope(("X-Api-Key", " sk_x ")), [Carrier.API_KEY], "sk_x"),
        (scope(query="a=b&token=tu_x"), [Carrier.QUERY], "tu_x"),
        (scope(("Authorization", "Bearer tu_x"), query="token=tu_y"), [Carrier.BEARER, Carrier.QUERY], "tu_x"),
        (scope(query="token=tu_y"), [Carrier.BEARER, Carrier.QUERY], "tu_y"),
    ],
)
def test_where_a_key_is_found(asked: dict[str, Any], carriers: list[Carrier], expected: str) -> None:
    assert presented_key(asked, *carriers) == expected


@pytest.mark.parametrize(
    "asked",
    [
        scope(),
        scope(("Authorization", "tu_x")),
        scope(("Authorization", "Basic dHVfeA==")),
        scope(("Authorization", "Bearer")),
        scope(("Authorization", "Bearer tu_x"), ("Authorization", "Bearer tu_y")),
        scope(query="token=a&token=b"),
        scope(query="Token=tu_x"),
        scope(query="&".join(["a=b"] * 500) + "&token=tu_x"),
    ],
)
def test_where_no_key_is_found(asked: dict[str, Any]) -> None:
    with pytest.raises(Unauthenticated):
        presented_key(asked, Carrier.BEARER, Carrier.QUERY)


async def test_a_valid_key_is_asked_for_once_in_a_while() -> None:
    verifier = Verifier()
    key = verifier.add("tu_a")
    recent = RecentKeys(verifier, fresh=0.1)
    assert [await recent.verify("tu_a", KeyKind.LIBRARY) for _ in range(5)] == [key] * 5
    assert len(verifier.asked) == 1
    await asyncio.sleep(0.12)
    await recent.verify("tu_a", KeyKind.LIBRARY)
    assert len(verifier.asked) == 2


async def test_a_key_counts_for_its_kind_alone() -> None:
    verifier = Verifier()
    verifier.add("tu_a", KeyKind.LIBRARY)
    recent = RecentKeys(verifier)
    await recent.verify("tu_a", KeyKind.LIBRARY)
    with pytest.raises(Unauthenticated):
        await recent.verify("tu_a", KeyKind.MEDIA)


async def test_a_refusal_is_not_remembered() -> None:
    verifier = Verifier()
    recent = RecentKeys(verifier)
    with pytest.raises(Unauthenticated):
        await recent.verify("tu_new", KeyKind.LIBRARY)
    key = verifier.add("tu_new")
    assert await recent.verify("tu_new", KeyKind.LIBRARY) == key


@pytest.mark.parametrize("by", ["key", "user", "everything"])
async def test_a_revoked_key_is_forgotten_at_once(by: str) -> None:
    verifier = Verifier()
    key, other = verifier.add("tu_a"), verifier.add("tu_b")
    recent = RecentKeys(verifier)
    await recent.verify("tu_a", KeyKind.LIBRARY)
    await recent.verify("tu_b", KeyKind.LIBRARY)
    del verifier.keys["tu_a", KeyKind.LIBRARY]
    assert await recent.verify("tu_a", KeyKind.LIBRARY) == key, "nobody has said so yet"
    recent.forget(**{"key": {"key_id": key.id}, "user": {"user_id": key.user_id}, "everything": {}}[by])
    with pytest.raises(Unauthenticated):
        await recent.verify("tu_a", KeyKind.LIBRARY)
    assert await recent.verify("tu_b", KeyKind.LIBRARY) == other
    assert verifier.asked.count("tu_b") == (2 if by == "everything" else 1)


async def test_a_revocation_while_the_question_is_open_is_not_lost() -> None:
    verifier = Verifier()
    key = verifier.add("tu_a")
    recent = RecentKeys(verifier)
    verifier.gate = asyncio.Event()
    asking = asyncio.create_task(recent.verify("tu_a", KeyKind.LIBRARY))
    await asyncio.sleep(0)
    del verifier.keys["tu_a", KeyKind.LIBRARY]
    recent.forget(key_id=key.id)
    verifier.gate.set()
    await asking
    with pytest.raises(Unauthenticated):
        await recent.verify("tu_a", KeyKind.LIBRARY)


@pytest.mark.parametrize("text", ["x" * 201, "x." * 10**6, "x.y." + "z" * 8200, "tu_é", "tu_\u0430", "tu_\ud800"])
async def test_oversized_and_foreign_texts_are_refused_unseen(text: str) -> None:
    verifier = Verifier()
    with pytest.raises(Unauthenticated):
        await RecentKeys(verifier).verify(text, KeyKind.LIBRARY)
    assert verifier.asked == []


async def test_the_memory_is_bounded_and_holds_no_key(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sluicegate.web.recent_keys._ENTRIES_MAX", 10)
    verifier = Verifier()
    recent = RecentKeys(verifier)
    for number in range(50):
        verifier.add(f"tu_{number}")
        await recent.verify(f"tu_{number}", KeyKind.LIBRARY)
    assert len(recent._entries) == 10
    assert "tu_" not in repr(recent._entries)


@pytest.fixture
def guarded() -> Iterator[tuple[Running, Verifier]]:
    verifier = Verifier()
    guard = key_guard(verifier, KeyKind.LIBRARY, Carrier.BEARER, attempts=FailedAttempts(allowed=3, seconds=60))

    @get("/", guards=[guard])
    async def who(request: Request[Any, Key, Any]) -> str:
        return str(request.auth.user_id)

    app = Litestar(
        [who],
        exception_handlers={
            Unauthenticated: lambda _, __: Response("", status_code=401),
            RateLimited: lambda _, error: Response(
                "", status_code=429, headers={"retry-after": str(error.retry_after)}
            ),
        },
        logging_config=None,
        openapi_config=None,
    )
    with running(app) as server:  # type: ignore[arg-type]
        yield server, verifier


def test_the_guard(guarded: tuple[Running, Verifier]) -> None:
    server, verifier = guarded
    key = verifier.add("tu_good")
    response, body = server.get(headers={"Authorization": "Bearer tu_good"})
    assert (response.status, body.decode()) == (200, str(key.user_id))
    assert server.get()[0].status == 401
    assert server.get(headers={"Authorization": "Bearer tu_bad"})[0].status == 401
    assert server.get(headers={"Authorization": "Bearer tu_worse"})[0].status == 401
    response, _ = server.get(headers={"Authorization": "Bearer tu_worst"})
    assert response.status == 429
    assert 1 <= float(response.headers["Retry-After"]) <= 60
    # Whoever guesses must not lock out the others behind the same address.
    assert server.get(headers={"Authorization": "Bearer tu_good"})[0].status == 200
