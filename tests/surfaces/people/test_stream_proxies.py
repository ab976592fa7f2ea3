"""MediaFlow and StremThru as integrations: tried over the wire, kept sealed, used by nobody else."""

import base64
from collections.abc import AsyncIterator
from typing import Any

import pytest
from litestar import Litestar, Request, Response, get
from tests.surfaces.people.conftest import Product
from tests.surfaces.serving import serving

from sluicegate.core.stream_proxies import ProxyKind
from sluicegate.db.connector import Connector

PASSWORD, LOGIN = "mediaflow-password-1234", "ann:stremthru-password-1234"


@get("/proxy/ip")
async def mediaflow(request: Request[Any, Any, Any]) -> Response[Any]:
    if request.query_params.get("api_password") != PASSWORD:
        return Response({"detail": "Invalid API password"}, status_code=403)
    return Response({"ip": "192.0.2.1"})


@get("/v0/health/__debug__")
async def stremthru(request: Request[Any, Any, Any]) -> Response[Any]:
    wanted = "Basic " + base64.b64encode(LOGIN.encode()).decode()
    known = request.headers.get("x-stremthru-authorization") == wanted
    return Response({"data": {"ip": {"machine": "192.0.2.1"}} | ({"user": {"name": "ann"}} if known else {})})


@pytest.fixture(scope="module")
async def proxies() -> AsyncIterator[str]:
    async with serving(Litestar([mediaflow, stremthru], logging_config=None, openapi_config=None)) as url:
        yield url


def body(kind: str, token: str, url: str) -> dict[str, Any]:
    return {"kind": kind, "token": token, "label": "at home", "config": {"base_url": url + "/"}}


@pytest.mark.parametrize(
    ("kind", "token"),
    [
        ("mediaflow", PASSWORD),
        ("stremthru-proxy", LOGIN),
        ("stremthru-proxy", base64.b64encode(LOGIN.encode()).decode()),
    ],
)
async def test_a_proxy_is_connected_used_and_forgotten(product: Product, proxies: str, kind: str, token: str):
    user_id, client = await product.user()
    made = await client.post("/v1/integrations", json=body(kind, token, proxies))
    assert made.status_code == 201, made.text
    assert (made.json()["status"], made.json()["config"], made.json()["label"]) == (
        "ok", {"base_url": proxies}, "at home",
    )  # fmt: skip
    assert token not in made.text
    async with product.installation.database.transactions() as tx:
        credential = await tx.stream_proxies.credential(user_id, ProxyKind(kind))
    assert credential is not None
    assert (credential.base_url, credential.token.reveal()) == (proxies, token)
    assert (await client.post(f"/v1/integrations/{kind}/test")).json() == {"ok": True}
    assert (await client.post("/v1/integrations", json=body(kind, token, proxies))).status_code == 200
    wrong = await client.post("/v1/integrations", json=body(kind, "wrong:password", proxies))
    assert wrong.status_code == 502
    assert (await client.post(f"/v1/integrations/{kind}/test")).json() == {"ok": True}
    assert (await client.delete(f"/v1/integrations/{kind}")).status_code == 204
    assert (await client.post(f"/v1/integrations/{kind}/test")).status_code == 404


async def test_the_secret_belongs_to_its_user_kind_and_address(product: Product, proxies: str):
    """T33: a row that is moved to another user, or pointed at another address, does not open."""
    (ann, client), (ben, _) = await product.user(), await product.user()
    await client.post("/v1/integrations", json=body("mediaflow", PASSWORD, proxies))
    connection = await Connector(url=product.settings.database_url.get_secret_value()).connect()  # type: ignore[union-attr]
    try:
        for change, owner in (("base_url = 'https://evil.example'", ann), (f"user_id = '{ben}'", ben)):
            await connection.execute(f"UPDATE stream_proxies SET {change} WHERE user_id = $1", ann)
            with pytest.raises(Exception, match="belongs to another row"):
                async with product.installation.database.transactions() as tx:
                    await tx.stream_proxies.credential(owner, ProxyKind.MEDIAFLOW)
    finally:
        await connection.close()
