"""No secret gets into a log, whatever path it took (T34)."""

# ruff: noqa: E501, G004

import base64
import io
import json
import logging
import subprocess
import sys
import time
from collections.abc import Iterator
from urllib.parse import quote, quote_plus, urlencode

import pytest

from sluicegate.core.errors import ConnectionFailed
from sluicegate.core.keys import KeyKind, mint
from sluicegate.core.secrets import Secret
from sluicegate.net.redact import MASK, RedactingFilter, Redactor

CANARY = "cAn4ry/+&=x ü\"'\\-9f8e7d6c5b4a"
"""Has everything in it that an encoding changes."""


@pytest.fixture
def redactor() -> Iterator[Redactor]:
    redactor = Redactor()
    stop = redactor.watch()
    Secret(CANARY).reveal()
    yield redactor
    stop()


def traces(text: str) -> bool:
    """True when a recognisable part of the canary is left."""
    return "cAn4ry" in text or "9f8e7d6c5b4a" in text or base64.b64encode(b"9f8e7d6c5b4a").decode()[:8] in text


@pytest.mark.parametrize(
    "text",
    [
        CANARY,
        f"GET https://h.example/api?x={quote(CANARY)}&y=1",
        f"https://h.example/{quote(CANARY, safe='')}/file",
        f"body {quote_plus(CANARY)} end",
        urlencode({"q": CANARY}),
        json.dumps({"q": CANARY}),
        json.dumps({"q": CANARY}, ensure_ascii=False),
        repr({"q": CANARY}),
        repr(CANARY.encode()),
        f"'{CANARY}'{CANARY}{CANARY}",
    ],
)
def test_a_revealed_secret_is_replaced_in_every_form(redactor: Redactor, text: str) -> None:
    assert traces(text)
    assert not traces(redactor.clean(text))
    assert MASK in redactor.clean(text)


@pytest.mark.parametrize("user", ["", "u:", "us:", "user:", "a longer user:"])
def test_a_secret_inside_base64_is_replaced_wherever_it_starts(redactor: Redactor, user: str) -> None:
    for encode in (base64.b64encode, base64.urlsafe_b64encode):
        encoded = encode(f"{user}{CANARY}:tail".encode()).decode()
        cleaned = redactor.clean(f"sent {encoded} there")
        left = cleaned.replace(MASK, "").removeprefix("sent ").removesuffix(" there")
        neighbours = (len(user) + 2) // 3 * 4 + (len(":tail") + 2) // 3 * 4
        assert len(left) <= neighbours + 4, "only groups that hold neighbours may be left, and one at the seam"


def test_an_unrevealed_secret_is_not_known_and_cannot_be_printed(redactor: Redactor) -> None:
    secret = Secret("never-revealed-value-1234")
    assert redactor.clean("never-revealed-value-1234") == "never-revealed-value-1234"
    assert "revealed" not in f"{secret} {secret!r}"


@pytest.mark.parametrize("kind", list(KeyKind))
def test_our_own_keys_are_masked_even_when_unknown(kind: KeyKind) -> None:
    _, key = mint(kind)
    for text in (f"key {key.reveal()}", f"/stremio/{key.reveal()}/manifest.json", f'{{"k":"{key.reveal()}"}}'):
        assert key.reveal()[6:] not in Redactor().clean(text)


@pytest.mark.parametrize(
    "text",
    [
        "https://h.example/?apikey=s3cr3tvalue&b=1", "https://h.example/?a=1&api_key=s3cr3tvalue", "access_token=s3cr3tvalue",
        "refresh-token: s3cr3tvalue", "TOKEN=s3cr3tvalue", '{"token": "s3cr3tvalue"}', "{'password': 's3cr3tvalue'}",
        "Authorization: Bearer s3cr3tvalue", "authorization: Basic s3cr3tvalue==", '{"Authorization": "Bearer s3cr3tvalue"}',
        "(b'authorization', b'Bearer s3cr3tvalue')", "('Authorization', 'Token s3cr3tvalue')", "Proxy-Authorization: Basic s3cr3tvalue",
        "Cookie: SID=s3cr3tvalue; a=b", "Set-Cookie: session=s3cr3tvalue", "X-Api-Key: s3cr3tvalue", "x-auth-token: s3cr3tvalue",
        "Bearer s3cr3tvalue", "http://me:s3cr3tvalue@proxy.example:8080/", "whsec_s3cr3tvalue", "X-Amz-Signature=s3cr3tvalue",
        "auth_key=s3cr3tvalue", "client_secret=s3cr3tvalue",
    ],
)  # fmt: skip
def test_what_looks_like_a_credential_is_masked(text: str) -> None:
    cleaned = Redactor().clean(text)
    assert "s3cr3tvalue" not in cleaned
    assert MASK in cleaned


@pytest.mark.parametrize(
    "text",
    [
        "place 3 files of job 0f8e",
        "GET /v1/torrents?limit=5 200",
        "https://h.example/a:b/c@d",
        "the tokens ran out",
        "",
        "short",
    ],
)
def test_harmless_texts_stay_as_they_are(redactor: Redactor, text: str) -> None:
    assert redactor.clean(text) == text


def test_values_too_short_to_be_secrets_do_not_tear_words(redactor: Redactor) -> None:
    redactor.learn("the")
    assert redactor.clean("the other") == "the other"


def test_memory_is_bounded_and_the_least_used_value_goes_first() -> None:
    redactor = Redactor(capacity=100)
    redactor.learn("precious-value-0000")
    for number in range(1000):
        redactor.learn(f"passing-value-{number:06}")
        redactor.learn("precious-value-0000")
    assert redactor.clean("precious-value-0000") == MASK
    assert redactor.clean("passing-value-000999") == MASK
    assert redactor.clean("passing-value-000001") == "passing-value-000001"
    assert len(redactor._values) == 100
    assert sum(len(forms) for forms in redactor._by_window.values()) < 100 * 16


def failing() -> None:
    try:
        raise ValueError(f"https://h.example/?k={quote(CANARY)}")
    except ValueError as error:
        raise ConnectionFailed(f"while calling with {CANARY}") from error


@pytest.fixture
def written(redactor: Redactor) -> Iterator[tuple[logging.Logger, io.StringIO]]:
    out = io.StringIO()
    handler = logging.StreamHandler(out)
    handler.addFilter(RedactingFilter(redactor))
    logger = logging.getLogger("test.redact")
    logger.addHandler(handler)
    logger.setLevel(logging.DEBUG)
    logger.propagate = False
    yield logger, out
    logger.removeHandler(handler)


def test_standard_log_records_are_clean(written: tuple[logging.Logger, io.StringIO]) -> None:
    logger, out = written
    logger.info("message %s", CANARY)
    logger.info("mapping %(k)s", {"k": CANARY})
    logger.info(f"ready made {CANARY}", stack_info=True)
    logger.info("wrong arguments %d", CANARY)
    logger.debug("object %r", {"headers": [("x", CANARY)]})
    try:
        failing()
    except ConnectionFailed:
        logger.exception("it failed")
    assert not traces(out.getvalue())
    assert out.getvalue().count(MASK) >= 7
    assert "The above exception was the direct cause" in out.getvalue()
    assert "ConnectionFailed" in out.getvalue()


def test_the_fields_of_an_event_are_clean(redactor: Redactor) -> None:
    events = [
        {"event": f"event {CANARY}", "url": f"https://h.example/?q={quote(CANARY)}", "count": 3},
        {"request": {"headers": [("x", CANARY), {CANARY: {"y": (CANARY, {CANARY})}}]}, "raw": CANARY.encode()},
        {"token": "short", "password": "p", "secret": Secret(CANARY), "error": ValueError(CANARY)},
    ]
    try:
        failing()
    except ConnectionFailed:
        events.append({"event": "it failed", "exc_info": sys.exc_info()})
    clean = [redactor.process(event) for event in events]
    assert not traces(json.dumps(clean, default=str))
    assert not traces(repr(clean))
    assert clean[0]["count"] == 3
    assert clean[2]["token"] == MASK
    assert "direct cause" in clean[3]["exception"]


@pytest.mark.parametrize("form", ["json", "text"])
def test_the_lines_of_the_log_are_clean(form: str) -> None:
    program = f"""
import logging
from sluicegate.core.secrets import Secret
from sluicegate.wiring.log import configure_logging
configure_logging("info", {form!r})
Secret({CANARY!r}).reveal()
log = logging.getLogger("a.b")
log.debug("too fine")
log.warning("titled %s", "a\\n2026-01-01T00:00:00Z error    forged\\x1b[2J")
log.warning("it holds %s", {CANARY!r})
try:
    raise ValueError({CANARY!r})
except ValueError:
    log.exception("it failed")
"""
    said = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True, timeout=60
    ).stderr
    assert not traces(said)
    assert "too fine" not in said
    assert "ValueError" in said
    assert said.count(MASK) >= 2
    if form == "json":
        _, first, second = (json.loads(line) for line in said.splitlines())
        assert (first["level"], first["logger"], first["event"]) == ("warning", "a.b", f"it holds {MASK}")
        assert second["exception"].startswith("Traceback")
    else:
        titled, first, *_ = said.splitlines()
        assert titled.endswith(r" warning  titled a\n2026-01-01T00:00:00Z error    forged\x1b[2J [a.b]")
        assert first.endswith(f" warning  it holds {MASK} [a.b]")
        assert "\n  ValueError" in said


def test_hostile_texts_cost_little() -> None:
    """Quadratic patterns would need minutes here; the generous bound only tells the two apart."""
    redactor = Redactor()
    redactor.learn("a" * 40)
    started = time.process_time()
    for piece in ("a", "-", "x-", "token", "://", "://a:", "authorization", " ", "=", "'", "Bearer ", "sk_"):
        redactor.clean(piece * (200_000 // len(piece)))
    assert time.process_time() - started < 30
