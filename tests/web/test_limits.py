import json
import time
from typing import Any

import pytest
from litestar import Litestar, Response, post
from litestar.params import JSONBody
from tests.web.serving import read_all, running

from sluicegate.core.errors import InvalidInput, RateLimited, SluicegateError
from sluicegate.web.asgi import Application
from sluicegate.web.limits import JSON_DEPTH_MAX, BodyTooLarge, BoundedBody, FailedAttempts, JsonDepth
from sluicegate.web.security_headers import with_security_headers


def feed(text: bytes, step: int, limit: int = 3) -> None:
    depth = JsonDepth(limit)
    for start in range(0, len(text), step):
        depth.feed(text[start : start + step])


@pytest.mark.parametrize("step", [1, 2, 3, 7, 1000])
@pytest.mark.parametrize(
    ("text", "fits"),
    [
        (b"", True),
        (b"[[[]]]", True),
        (b"[[[[]]]]", False),
        (b'{"a":{"b":{"c":1}}}', True),
        (b'{"a":{"b":[{}]}}', False),
        (b"[]" * 1000, True),
        (b'["[[[[[[[["]', True),
        (b'["\\"[[[[[[[["]', True),
        (b'["\\\\",[[[]]]]', False),
        (b'["\\\\\\"[[[["]', True),
        (b'["{", "}", {"]": ["["]}]', True),
        (b"[[]" + b'"[[[["' * 50 + b"]", True),
        (b"]]]]]]]" + b"[" * 10, True),
        (b"[" * 100_000, False),
    ],
)
def test_depth_is_followed_over_pieces(text: bytes, fits: bool, step: int) -> None:
    if fits:
        feed(text, step)
    else:
        with pytest.raises(InvalidInput):
            feed(text, step)


def test_a_large_flat_body_is_cheap() -> None:
    text = json.dumps([{"name": "x" * 20, "values": [1, 2]} for _ in range(50_000)]).encode()
    began = time.process_time()
    feed(text, 65_536)
    assert time.process_time() - began < 10


def bounded() -> Application:
    @post("/", status_code=200)
    async def take(data: JSONBody[Any]) -> str:
        return type(data).__name__

    def answer(_: object, error: SluicegateError) -> Response[str]:
        return Response(error.code, status_code=400)

    app = Litestar([take], exception_handlers={SluicegateError: answer}, logging_config=None, openapi_config=None)
    return BoundedBody(app, limit=100_000, seconds=0.5)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("body", "kind", "expected"),
    [
        (b'{"a": 1}', b"application/json", (200, b"dict")),
        (b"[" * 50_000 + b"]" * 50_000, b"application/json", (400, b"invalid_input")),
        (b"[" * 50_000, b"application/vnd.x+json; charset=utf-8", (400, b"invalid_input")),
        (b"[" * JSON_DEPTH_MAX + b"]" * JSON_DEPTH_MAX, b"application/json", (200, b"list")),
        (b'"' + b"x" * 150_000 + b'"', b"application/json", (400, b"body_too_large")),
    ],
)
@pytest.mark.parametrize("chunked", [True, False])
def test_bodies_are_bounded(body: bytes, kind: bytes, expected: tuple[int, bytes], chunked: bool) -> None:
    head = b"POST / HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Type: %s\r\n" % kind
    if chunked:
        payload = b"Transfer-Encoding: chunked\r\n\r\n%x\r\n%s\r\n0\r\n\r\n" % (len(body), body)
    else:
        payload = b"Content-Length: %d\r\n\r\n%s" % (len(body), body)
    with running(bounded()) as server, server.connect() as connection:
        connection.sendall(head + payload)
        answer = read_all(connection)
    status, text = expected
    assert answer.startswith(b"HTTP/1.1 %d " % status)
    assert answer.endswith(text)


def test_a_body_that_does_not_come_is_given_up() -> None:
    with running(bounded()) as server, server.connect() as connection:
        connection.sendall(b"POST / HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: 10\r\n\r\n[1")
        began = time.monotonic()
        assert read_all(connection).startswith(b"HTTP/1.1 400 ")
        assert time.monotonic() - began < 5


def test_body_too_large_is_an_invalid_input() -> None:
    assert BodyTooLarge().code == "body_too_large"
    assert isinstance(BodyTooLarge(), InvalidInput)


def test_wrong_keys_are_counted_by_peer() -> None:
    attempts = FailedAttempts(allowed=2, seconds=0.3)
    attempts.check("203.0.113.1")
    attempts.failed("203.0.113.1")
    attempts.check("203.0.113.1")
    attempts.failed("203.0.113.1")
    with pytest.raises(RateLimited) as caught:
        attempts.check("::ffff:203.0.113.1")
    assert caught.value.retry_after is not None
    attempts.check("203.0.113.2")
    time.sleep(0.35)
    attempts.check("203.0.113.1")


def test_one_ipv6_network_is_one_peer() -> None:
    attempts = FailedAttempts(allowed=1)
    attempts.failed("2001:db8:1:2::5")
    with pytest.raises(RateLimited):
        attempts.check("2001:db8:1:2:aaaa::1%eth0")
    attempts.check("2001:db8:1:3::5")


def test_the_count_of_peers_is_bounded() -> None:
    attempts = FailedAttempts(allowed=1, peers=10)
    for number in range(50):
        attempts.failed(f"203.0.113.{number}")
    assert len(attempts._failures) == 10


def test_security_headers_are_added_and_not_doubled() -> None:
    async def app(scope: Any, receive: Any, send: Any) -> None:
        own = [(b"Content-Security-Policy", b"default-src 'self'")] if scope["path"] == "/page" else []
        await send({"type": "http.response.start", "status": 200, "headers": own})
        await send({"type": "http.response.body", "body": b""})

    with running(with_security_headers(app)) as server:
        response, _ = server.get("/")
        assert response.headers["X-Content-Type-Options"] == "nosniff"
        assert response.headers["Referrer-Policy"] == "no-referrer"
        assert response.headers["X-Frame-Options"] == "DENY"
        assert response.headers["Content-Security-Policy"].startswith("default-src 'none'")
        response, _ = server.get("/page")
        assert response.headers.get_all("Content-Security-Policy") == ["default-src 'self'"]
        assert not [name for name in response.headers if name.lower().startswith("access-control")]
