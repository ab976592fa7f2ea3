"""Structure-aware damage: one member of a real JSON answer is lost, retyped, exaggerated or moved."""

import copy
import random
from typing import Any

from tests.providers.suite.interposer import Reply

ODDITIES: tuple[Any, ...] = (
    None,
    True,
    False,
    0,
    -1,
    1.5,
    10**40,
    -(10**19),
    1e308,
    "",
    "0",
    "text",
    "-1",
    "1e3",
    "\u202e\0../..",
    "é" * 5_000,
    "2026-13-45T99:99:99Z",
    "https://",
    "javascript:alert(1)",
    [],
    {},
    [None],
    [[[[]]]],
    {"": None},
    [{}],
)


def mutated(reply: Reply, chance: random.Random) -> Reply:
    """A copy of the reply with one to three changes; a reply without JSON gets a body instead."""
    if not reply.body:
        return reply.with_body(chance.choice([b"{}", b"[]", b"null", b"\0", b"<p>"]), status=200)
    try:
        document = reply.document
    except ValueError:
        return reply.with_body(reply.body[: len(reply.body) // 2])
    for _ in range(chance.choice([1, 1, 2, 3])):
        document = _change(document, chance)
    return reply.with_json(document)


def _change(document: Any, chance: random.Random) -> Any:
    document = copy.deepcopy(document)
    places = list(_places(document))
    if not places:
        return chance.choice(ODDITIES)
    holder, key = chance.choice(places)
    match chance.randrange(6):
        case 0:
            del holder[key]
        case 1 | 2 | 3:
            holder[key] = copy.deepcopy(chance.choice(ODDITIES))
        case 4:
            holder[key] = str(holder[key]) if not isinstance(holder[key], str) else [holder[key]]
        case _:
            _double(holder, key)
    return document


def _double(holder: Any, key: Any) -> None:
    if isinstance(holder, list):
        holder.insert(key, copy.deepcopy(holder[key]))
    else:
        holder[f"{key}_"] = holder.pop(key)


def _places(value: Any) -> Any:
    keys = range(len(value)) if isinstance(value, list) else list(value) if isinstance(value, dict) else ()
    for key in keys:
        yield value, key
        yield from _places(value[key])
