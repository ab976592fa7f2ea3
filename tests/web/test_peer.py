import pytest
from tests.web.serving import running

from sluicegate.core.errors import InvalidInput
from sluicegate.web.asgi import Receive, Scope, Send
from sluicegate.web.peer import RealPeer, TrustedProxies

PROXIES = "10.0.0.0/8, 192.0.2.7, 2001:db8:ffff::/48"


@pytest.mark.parametrize(
    ("peer", "forwarded", "client"),
    [
        ("203.0.113.5", [], "203.0.113.5"),
        ("203.0.113.5", ["198.51.100.1"], "203.0.113.5"),
        ("127.0.0.1", ["198.51.100.1"], "127.0.0.1"),
        ("10.1.2.3", [], "10.1.2.3"),
        ("10.1.2.3", ["198.51.100.1"], "198.51.100.1"),
        ("10.1.2.3", ["127.0.0.1, 198.51.100.1"], "198.51.100.1"),
        ("10.1.2.3", ["127.0.0.1", "198.51.100.1"], "198.51.100.1"),
        ("10.1.2.3", ["198.51.100.1, 192.0.2.7"], "198.51.100.1"),
        ("10.1.2.3", ["198.51.100.1, 192.0.2.8"], "192.0.2.8"),
        ("10.1.2.3", ["198.51.100.1, 10.9.9.9, 10.8.8.8"], "198.51.100.1"),
        ("10.1.2.3", ["10.9.9.9"], "10.9.9.9"),
        ("10.1.2.3", ["198.51.100.1:4711"], "198.51.100.1"),
        ("10.1.2.3", ["[2001:db8::1]:4711"], "2001:db8::1"),
        ("10.1.2.3", ["2001:db8::1"], "2001:db8::1"),
        ("10.1.2.3", ["::ffff:198.51.100.1"], "198.51.100.1"),
        ("10.1.2.3", ["198.51.100.1, unknown"], "10.1.2.3"),
        ("10.1.2.3", ["198.51.100.1,"], "10.1.2.3"),
        ("10.1.2.3", ["_hidden, <script>"], "10.1.2.3"),
        ("::ffff:10.1.2.3", ["198.51.100.1"], "198.51.100.1"),
        ("2001:db8:ffff:1::9", ["2001:db8::77"], "2001:db8::77"),
        ("10.1.2.3", [",".join(["1.1.1.1"] * 5000)], "1.1.1.1"),
    ],
)
def test_only_configured_proxies_are_believed(peer: str, forwarded: list[str], client: str) -> None:
    assert TrustedProxies.parse(PROXIES).client_of(peer, forwarded) == client


@pytest.mark.parametrize(
    ("peer", "forwarded", "told"),
    [
        ("203.0.113.5", [], True),
        ("203.0.113.5", ["unknown"], True),
        ("10.1.2.3", ["198.51.100.1"], True),
        ("10.1.2.3", ["unknown, 198.51.100.1"], True),
        ("10.1.2.3", ["10.9.9.9"], True),
        ("10.1.2.3", [], False),
        ("10.1.2.3", [""], False),
        ("10.1.2.3", ["198.51.100.1, unknown"], False),
        ("10.1.2.3", ["unknown, 10.9.9.9"], False),
    ],
)
def test_a_proxy_that_does_not_say_whom_it_speaks_for_is_nobodys_address(
    peer: str, forwarded: list[str], told: bool
) -> None:
    assert TrustedProxies.parse(PROXIES).tells_client_of(peer, forwarded) is told


def test_nobody_is_trusted_by_default() -> None:
    assert not TrustedProxies.parse("")
    assert TrustedProxies.parse(" , ").client_of("127.0.0.1", ["1.2.3.4"]) == "127.0.0.1"


@pytest.mark.parametrize("text", ["proxy.example", "10.0.0.0/64", "10.0.0.1, x", "*"])
def test_a_list_that_cannot_be_read_is_refused(text: str) -> None:
    with pytest.raises(InvalidInput):
        TrustedProxies.parse(text)


@pytest.mark.parametrize(
    ("trusted", "expected"),
    [("", "127.0.0.1 http"), ("127.0.0.1", "198.51.100.1 https"), ("192.0.2.7", "127.0.0.1 http")],
)
def test_the_application_sees_the_real_client(trusted: str, expected: str) -> None:
    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": f"{scope['client'][0]} {scope['scheme']}".encode()})

    with running(RealPeer(app, TrustedProxies.parse(trusted))) as server:
        _, body = server.get(headers={"X-Forwarded-For": "6.6.6.6, 198.51.100.1", "X-Forwarded-Proto": "https"})
    assert body.decode() == expected
