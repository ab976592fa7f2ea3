import base64
import os
from datetime import UTC, datetime, timedelta
from urllib.parse import unquote, urlsplit
from uuid import UUID, uuid4

import pytest

from sluicegate.core.errors import Unauthenticated
from sluicegate.web.signing import TOKEN_LENGTH_MAX, ByteLinks, Grant, TokenSigner

KEY, OTHER = os.urandom(32), os.urandom(32)
NOW = datetime(2026, 1, 1, tzinfo=UTC)


class Clock:
    def __init__(self) -> None:
        self.time = NOW

    def now(self) -> datetime:
        return self.time

    def monotonic(self) -> float:
        return self.time.timestamp()


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def signer(clock: Clock) -> TokenSigner:
    return TokenSigner([KEY], clock)


def grant(**changes: object) -> Grant:
    facts = {
        "user_id": uuid4(),
        "job_kind": "job",
        "job_id": uuid4(),
        "file_id": str(uuid4()),
        "expires_at": int(NOW.timestamp()) + 900,
        **changes,
    }
    return Grant(**facts)  # type: ignore[arg-type]


@pytest.mark.parametrize("method", ["GET", "HEAD"])
@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"key_id": uuid4()},
        {"job_kind": "media", "file_id": "media"},
        {"job_kind": "media", "file_id": "thumbnail", "key_id": uuid4()},
        {"file_id": "A" * 8 + "-0000-0000-0000-000000000000"},
        {"user_id": UUID(int=0), "job_id": UUID(int=2**128 - 1)},
    ],
)
def test_a_token_tells_what_was_granted(signer: TokenSigner, method: str, changes: dict[str, object]) -> None:
    given = grant(**changes)
    token = signer.sign(given)
    assert signer.read(token, method=method, address="203.0.113.9") == given
    assert len(token) <= 128
    assert set(token) <= set("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_")


def test_no_altered_token_is_read(signer: TokenSigner) -> None:
    token = signer.sign(grant(key_id=uuid4()), address="203.0.113.9")
    raw = base64.urlsafe_b64decode(token + "=" * (-len(token) % 4))
    altered = {token[:i] + chr(ord(token[i]) ^ 1) + token[i + 1 :] for i in range(len(token))}
    altered |= {token[:i] + token[i + 1 :] for i in range(len(token))}
    altered |= {token[:i] + extra + token[i:] for i in range(len(token) + 1) for extra in "A=.\n /"}
    for bit in range(len(raw) * 8):
        changed = bytearray(raw)
        changed[bit // 8] ^= 1 << bit % 8
        altered.add(base64.urlsafe_b64encode(bytes(changed)).rstrip(b"=").decode())
    altered.discard(token)
    altered |= {token + "=", token + "==", token.lower(), token[::-1]}
    for text in altered:
        with pytest.raises(Unauthenticated):
            signer.read(text, method="GET", address="203.0.113.9")
    assert signer.read(token, method="GET", address="203.0.113.9")


@pytest.mark.parametrize("length", range(4))
def test_spare_bits_at_the_end_are_no_second_spelling(signer: TokenSigner, length: int) -> None:
    token = signer.sign(grant(job_kind="media", file_id="x" * (length + 1)))
    accepted = []
    for last in "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_":
        try:
            signer.read(token[:-1] + last, method="GET", address=None)
            accepted.append(last)
        except Unauthenticated:
            pass
    assert accepted == [token[-1]]


@pytest.mark.parametrize(
    "text", ["", "A", "AAAA", "%00", "é" * 50, "A" * 96, "A" * (TOKEN_LENGTH_MAX + 1), "A" * 10**6, "\ud800"]
)
def test_nonsense_is_refused(signer: TokenSigner, text: str) -> None:
    with pytest.raises(Unauthenticated):
        signer.read(text, method="GET", address=None)


def test_expiry(signer: TokenSigner, clock: Clock) -> None:
    token = signer.sign(grant())
    clock.time = NOW + timedelta(seconds=899)
    signer.read(token, method="GET", address=None)
    clock.time = NOW + timedelta(seconds=900)
    with pytest.raises(Unauthenticated):
        signer.read(token, method="GET", address=None)


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "PATCH", "OPTIONS", "get", ""])
def test_other_methods_are_refused(signer: TokenSigner, method: str) -> None:
    with pytest.raises(Unauthenticated):
        signer.read(signer.sign(grant()), method=method, address=None)


@pytest.mark.parametrize(
    ("bound", "other", "same_client"),
    [
        ("203.0.113.9", "203.0.113.9", True),
        ("203.0.113.9", "::ffff:203.0.113.9", True),
        ("203.0.113.9", "203.0.113.10", False),
        ("2001:db8:1:2::5", "2001:db8:1:2:ffff::7", True),
        ("2001:db8:1:2::5", "2001:db8:1:3::5", False),
        ("fe80::1%eth0", "fe80::1%eth1", True),
        ("203.0.113.9", None, False),
        ("203.0.113.9", "", False),
        ("203.0.113.9", "unix", False),
    ],
)
def test_a_bound_token_works_for_its_address_alone(
    signer: TokenSigner, bound: str, other: str | None, same_client: bool
) -> None:
    token = signer.sign(grant(), address=bound)
    if same_client:
        signer.read(token, method="GET", address=other)
    else:
        with pytest.raises(Unauthenticated):
            signer.read(token, method="GET", address=other)


def test_rotation(clock: Clock) -> None:
    old = TokenSigner([KEY], clock).sign(grant())
    rotated = TokenSigner([OTHER, KEY], clock)
    new = rotated.sign(grant())
    for token in (old, new):
        rotated.read(token, method="GET", address=None)
    finished = TokenSigner([OTHER], clock)
    finished.read(new, method="GET", address=None)
    with pytest.raises(Unauthenticated):
        finished.read(old, method="GET", address=None)


def test_weak_keys_are_refused(clock: Clock) -> None:
    for keys in ([], [b"short"], [KEY, bytes(31)]):
        with pytest.raises(ValueError):
            TokenSigner(keys, clock)


def test_every_refusal_reads_the_same(signer: TokenSigner, clock: Clock) -> None:
    expired = signer.sign(grant(expires_at=1))
    foreign = TokenSigner([OTHER], clock).sign(grant())
    good = signer.sign(grant())
    details = set()
    for token, method in ((expired, "GET"), (foreign, "GET"), (good, "POST"), ("nonsense", "GET"), (good[:-1], "GET")):
        with pytest.raises(Unauthenticated) as caught:
            signer.read(token, method=method, address=None)
        details.add((caught.value.detail, caught.value.action))
    assert len(details) == 1


@pytest.mark.parametrize(
    "name",
    [
        "film.mkv",
        "../../etc/passwd",
        "a/b\\c",
        "x\r\nSet-Cookie: a=b",
        "https://evil.example/",
        "%2e%2e",
        "日本.mkv",
        "?q#f",
        "",
    ],
)
def test_a_whole_url_ends_in_a_harmless_name(signer: TokenSigner, clock: Clock, name: str) -> None:
    links = ByteLinks(signer, lambda: "http://127.0.0.1:8787/", clock)
    user, job, file = uuid4(), uuid4(), uuid4()
    url = links.sign(user_id=user, job_kind="job", job_id=job, file_id=str(file), name=name, expires_in=60)
    parts = urlsplit(url)
    assert (parts.scheme, parts.netloc, parts.query, parts.fragment) == ("http", "127.0.0.1:8787", "", "")
    root, route, token, shown = parts.path.split("/")
    assert (root, route) == ("", "bytes")
    assert not set(unquote(shown)) & set("/\\\r\n\0")
    assert unquote(shown) not in {"", ".", ".."}
    assert signer.read(token, method="GET", address=None) == Grant(
        user, "job", job, str(file), int(NOW.timestamp()) + 60
    )
    assert str(user) not in url
