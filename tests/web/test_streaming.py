"""HTTP semantics of the byte server, over real sockets, for each way that bytes take to a client."""

import email
import hashlib
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.web.serving import Running, Source, content, read_all, running, serving
from uvicorn.protocols.http.h11_impl import H11Protocol
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from sluicegate.core.errors import UpstreamTimeout

SIZE = 3_000_017

WAYS = {
    "file, kernel, uvloop": ("uvloop", None, True),
    "file, kernel, asyncio": ("asyncio", None, True),
    "file, another server": ("uvloop", HttpToolsProtocol, True),
    "file, h11": ("uvloop", H11Protocol, True),
    "chunks, uvloop": ("uvloop", None, False),
    "chunks, asyncio": ("asyncio", HttpToolsProtocol, False),
}


@pytest.fixture(params=WAYS, scope="module")
def way(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> tuple[str, object, Path | None]:
    loop, http, local = WAYS[request.param]
    path = tmp_path_factory.mktemp("bytes") / "file"
    path.write_bytes(content(0, SIZE))
    return loop, http, path if local else None


@pytest.fixture(scope="module")
def server(way: tuple[str, object, Path | None]) -> Iterator[Running]:
    loop, http, path = way
    with running(serving(Source(SIZE, local_path=path)), loop=loop, http=http) as server:
        yield server


def test_the_whole_file(server: Running) -> None:
    response, body = server.get()
    assert response.status == 200
    assert hashlib.sha256(body).digest() == hashlib.sha256(content(0, SIZE)).digest()
    assert response.headers["Content-Length"] == str(SIZE)
    assert response.headers["Accept-Ranges"] == "bytes"
    assert response.headers["ETag"] == '"v1"'
    assert response.headers["Last-Modified"] == "Thu, 29 Feb 2024 12:30:15 GMT"
    assert response.headers["Content-Type"] == "video/x-matroska"
    assert response.headers["Content-Disposition"] == 'inline; filename="film.mkv"'
    assert response.headers["X-Content-Type-Options"] == "nosniff"
    assert response.headers["Referrer-Policy"] == "no-referrer"
    assert response.headers["Cache-Control"].startswith("private")
    assert "Server" not in response.headers
    assert "Transfer-Encoding" not in response.headers


@pytest.mark.parametrize(
    ("text", "start", "stop"),
    [
        ("bytes=0-0", 0, 1),
        ("bytes=0-65535", 0, 65_536),
        ("bytes=1000000-2999999", 1_000_000, 3_000_000),
        ("bytes=2999999-", 2_999_999, SIZE),
        ("bytes=-1", SIZE - 1, SIZE),
        ("bytes=-70000", SIZE - 70_000, SIZE),
        ("bytes=-9999999", 0, SIZE),
        (f"bytes=5-{SIZE * 10}", 5, SIZE),
    ],
)
def test_one_range(server: Running, text: str, start: int, stop: int) -> None:
    response, body = server.get(headers={"Range": text})
    assert response.status == 206
    assert response.headers["Content-Range"] == f"bytes {start}-{stop - 1}/{SIZE}"
    assert response.headers["Content-Length"] == str(stop - start)
    assert body == content(start, stop)


@pytest.mark.parametrize(
    "text", ["bytes=0-9,100-199", "bytes=2000000-2900000,0-0,-5", "bytes=1000000-1999999,5-500000"]
)
def test_several_ranges(server: Running, text: str) -> None:
    response, body = server.get(headers={"Range": text})
    assert response.status == 206
    assert "Content-Range" not in response.headers
    message = email.message_from_bytes(
        b"Content-Type: " + response.headers["Content-Type"].encode() + b"\r\n\r\n" + body
    )
    assert message.get_content_type() == "multipart/byteranges"
    parts = message.get_payload()
    assert isinstance(parts, list)
    assert len(parts) == text.count(",") + 1
    for part in parts:
        assert part["Content-Type"] == "video/x-matroska"
        unit, _, rest = part["Content-Range"].partition(" ")
        first, last = (int(number) for number in rest.partition("/")[0].split("-"))
        assert (unit, rest.partition("/")[2]) == ("bytes", str(SIZE))
        boundary = message.get_boundary()
        assert boundary is not None
        marker = f"content-range: {part['Content-Range']}\r\n\r\n".encode()
        start = body.index(marker) + len(marker)
        assert body[start : start + last - first + 1] == content(first, last + 1)
        assert body[start + last - first + 1 :].startswith(b"\r\n--" + boundary.encode())


@pytest.mark.parametrize("text", [f"bytes={SIZE}-", "bytes=-0", "bytes=" + ",".join(["0-"] * 1000), "bytes=0-,0-,0-"])
def test_a_range_that_cannot_or_should_not_be_served(server: Running, text: str) -> None:
    response, body = server.get(headers={"Range": text})
    assert (response.status, body) == (416, b"")
    assert response.headers["Content-Range"] == f"bytes */{SIZE}"


@pytest.mark.parametrize("text", ["bytes=9-1", "lines=1-2", "bytes=abc", "nonsense"])
def test_a_range_that_is_not_understood_is_ignored(server: Running, text: str) -> None:
    response, body = server.get(headers={"Range": text})
    assert (response.status, len(body)) == (200, SIZE)


def test_two_range_headers_are_ignored(server: Running) -> None:
    with server.connect() as connection:
        connection.sendall(
            b"GET / HTTP/1.1\r\nHost: x\r\nRange: bytes=0-1\r\nRange: bytes=2-3\r\nConnection: close\r\n\r\n"
        )
        assert read_all(connection).startswith(b"HTTP/1.1 200 ")


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"If-Range": '"v1"'}, 206),
        ({"If-Range": '"v0"'}, 200),
        ({"If-Range": 'W/"v1"'}, 200),
        ({"If-Range": "Thu, 29 Feb 2024 12:30:15 GMT"}, 206),
        ({"If-Range": "Thu, 29 Feb 2024 12:30:16 GMT"}, 200),
        ({"If-Range": "Thu, 29 Feb 2024 12:30:14 GMT"}, 200),
        ({"If-Range": "yesterday"}, 200),
        ({"If-None-Match": '"v1"'}, 304),
        ({"If-None-Match": 'W/"v1"'}, 304),
        ({"If-None-Match": '"a", "v1", "b"'}, 304),
        ({"If-None-Match": "*"}, 304),
        ({"If-None-Match": '"v0"'}, 206),
        ({"If-None-Match": "v1"}, 206),
        ({"If-None-Match": '"v0"', "If-Modified-Since": "Thu, 29 Feb 2024 12:30:15 GMT"}, 206),
        ({"If-Modified-Since": "Thu, 29 Feb 2024 12:30:15 GMT"}, 304),
        ({"If-Modified-Since": "Thu, 29 Feb 2024 12:30:14 GMT"}, 206),
        ({"If-Modified-Since": "nonsense"}, 206),
        ({"If-Match": '"v1"'}, 206),
        ({"If-Match": "*"}, 206),
        ({"If-Match": 'W/"v1"'}, 412),
        ({"If-Match": '"v0"'}, 412),
        ({"If-Unmodified-Since": "Thu, 29 Feb 2024 12:30:14 GMT"}, 412),
        ({"If-Unmodified-Since": "Thu, 29 Feb 2024 12:30:15 GMT"}, 206),
    ],
)
def test_conditions(server: Running, headers: dict[str, str], status: int) -> None:
    response, body = server.get(headers={"Range": "bytes=10-19", **headers})
    assert response.status == status
    expected = {206: content(10, 20), 200: content(0, SIZE)}.get(status, b"")
    assert body == expected
    if status in {304, 206, 200}:
        assert response.headers["ETag"] == '"v1"'


def test_head_has_the_headers_of_get_and_no_body(server: Running) -> None:
    got, _ = server.get()
    head, body = server.get(method="HEAD")
    assert (head.status, body) == (200, b"")
    changing = {"date"}
    assert [pair for pair in head.getheaders() if pair[0] not in changing] == [
        pair for pair in got.getheaders() if pair[0] not in changing
    ]


def test_head_ignores_range_as_http_demands(server: Running) -> None:
    response, _ = server.get(method="HEAD", headers={"Range": "bytes=0-9"})
    assert response.status == 200
    assert response.headers["Content-Length"] == str(SIZE)


def test_keep_alive_and_order_survive_every_kind_of_answer(server: Running) -> None:
    """Requests in one packet: each answer must start exactly where the one before ended."""
    asked = [
        (b"GET", b"Range: bytes=0-99\r\n", 100),
        (b"GET", b"", SIZE),
        (b"HEAD", b"", 0),
        (b"GET", b"Range: bytes=500000-1999999\r\n", 1_500_000),
        (b"GET", b"Range: bytes=99999999-\r\n", 0),
        (b"GET", b"Range: bytes=0-99,1000000-1999999\r\n", None),
        (b"GET", b"Range: bytes=-1\r\n", 1),
    ]
    requests = b"".join(b"%s / HTTP/1.1\r\nHost: x\r\n%s\r\n" % (method, lines) for method, lines, _ in asked)
    requests += b"POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\nConnection: close\r\n\r\nhello"
    with server.connect() as connection:
        connection.sendall(requests)
        received = read_all(connection)
    for method, _, length in asked:
        head, _, received = received.partition(b"\r\n\r\n")
        assert head.startswith(b"HTTP/1.1 "), head[:200]
        lines = dict(line.split(b": ", 1) for line in head.split(b"\r\n")[1:])
        promised = 0 if method == b"HEAD" else int(lines[b"content-length"])
        assert length is None or promised == length
        received = received[promised:]
    head, _, body = received.partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 200 ")
    assert body == b"POST hello"


def test_a_next_request_after_a_large_answer_on_one_connection(server: Running) -> None:
    with server.connect() as connection, connection.makefile("rb") as reader:
        for start in (0, 1_000_000, 7):
            connection.sendall(b"GET / HTTP/1.1\r\nHost: x\r\nRange: bytes=%d-\r\n\r\n" % start)
            assert reader.readline().startswith(b"HTTP/1.1 206")
            while reader.readline() != b"\r\n":
                pass
            assert reader.read(SIZE - start) == content(start, SIZE)


@pytest.mark.parametrize("local", [True, False])
def test_an_empty_file(tmp_path: Path, local: bool) -> None:
    path = tmp_path / "empty"
    path.touch()
    source = Source(0, local_path=path if local else None)
    with running(serving(source)) as server:
        response, body = server.get()
        assert (response.status, body, response.headers["Content-Length"]) == (200, b"", "0")
        response, body = server.get(headers={"Range": "bytes=0-"})
        assert (response.status, response.headers["Content-Range"]) == (416, "bytes */0")
    assert source.opened == []


def test_a_source_of_unknown_size_is_sent_whole() -> None:
    with running(serving(Source(None, length=1_000_000))) as server:
        response, body = server.get(headers={"Range": "bytes=5-9"})
        assert response.status == 200
        assert body == content(0, 1_000_000)
        assert response.headers["Accept-Ranges"] == "none"
        assert response.headers["Transfer-Encoding"] == "chunked"


def test_only_the_asked_bytes_are_fetched_and_the_source_is_closed() -> None:
    source = Source(10**12)
    with running(serving(source)) as server:
        _, body = server.get(headers={"Range": "bytes=900000000000-900000099999"})
        server.get(method="HEAD")
        server.get(headers={"Range": "bytes=9999999999999-"})
        server.get(headers={"If-None-Match": '"v1"'})
    assert body == content(900_000_000_000, 900_000_100_000)
    assert source.opened == [(900_000_000_000, 900_000_100_000)]
    assert (source.read, source.closed) == (100_000, 1)


def test_an_error_before_the_first_byte_can_still_be_told() -> None:
    source = Source(1000, fail_at=0, fail_with=UpstreamTimeout())
    with running(serving(source)) as server:
        response, body = server.get()
    assert (response.status, body) == (502, b"upstream_timeout")
    assert source.closed == 1


@pytest.mark.parametrize("fault", ["fails", "ends early"])
def test_a_source_that_breaks_breaks_the_transfer_and_nothing_else(fault: str) -> None:
    source = Source(2_000_000, fail_at=1_000_000, fail_with=UpstreamTimeout())
    if fault == "ends early":
        source = Short(2_000_000)
    with running(serving(source)) as server:
        with server.connect() as connection:
            connection.sendall(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
            received = read_all(connection)
        head, _, body = received.partition(b"\r\n\r\n")
        assert b"content-length: 2000000" in head
        assert 0 < len(body) < 2_000_000
        assert body == content(0, len(body))
        response, _ = server.get("/echo")
        assert response.status == 200
    assert source.closed == 1


class Short(Source):
    """Promises two megabytes and ends after one."""

    def open(self, start: int, stop: int | None):
        return super().open(start, 1_000_000)


def test_a_source_that_sends_too_much_is_cut_off() -> None:
    class Long(Source):
        def open(self, start: int, stop: int | None):
            return super().open(start, (stop or 0) + 500_000)

    with running(serving(Long(100_000))) as server:
        response, body = server.get()
        assert (response.status, body) == (200, content(0, 100_000))


def test_a_stored_file_that_is_gone_or_another_size_is_told(tmp_path: Path) -> None:
    path = tmp_path / "file"
    with running(serving(Source(1000, local_path=path))) as server:
        assert server.get()[1] == b"object_missing"
        path.write_bytes(bytes(999))
        assert server.get()[1] == b"size_mismatch"
        path.unlink()
        path.symlink_to("/etc/passwd")
        assert server.get()[1] == b"object_missing"


def test_a_large_upload_to_a_download_is_dropped() -> None:
    with running(serving(Source(5_000_000))) as server, server.connect() as connection:
        connection.sendall(b"GET / HTTP/1.1\r\nHost: x\r\nContent-Length: 3000000\r\n\r\n")
        connection.sendall(bytes(3_000_000))
        with connection.makefile("rb") as reader:
            while reader.readline() != b"\r\n":
                pass
            assert reader.read(5_000_000) == content(0, 5_000_000)


def test_an_old_client_gets_its_connection_closed(server: Running) -> None:
    with server.connect() as connection:
        connection.sendall(b"GET / HTTP/1.0\r\nRange: bytes=0-1999999\r\n\r\n")
        head, _, body = read_all(connection).partition(b"\r\n\r\n")
    assert b"connection: close" in head.lower()
    assert body == content(0, 2_000_000)


def test_a_client_that_ends_its_side_after_asking_is_not_served_for_ever(server: Running) -> None:
    with server.connect() as connection:
        connection.sendall(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
        connection.shutdown(socket.SHUT_WR)
        read_all(connection)
