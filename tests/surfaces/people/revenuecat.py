"""A fake RevenueCat that speaks its REST API over the wire."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

from litestar import Litestar, Request, Response, get
from litestar.params import FromPath
from tests.surfaces.serving import serving

__all__ = ["FakeRevenueCat", "running_revenuecat"]

KEY = "sk_revenuecat_secret"


@dataclass
class FakeRevenueCat:
    """What it knows about people, and how it behaves."""

    url: str = ""
    people: dict[str, dict[str, Any]] = field(default_factory=dict)
    status: int = 200
    body: bytes | None = None
    asked: list[str] = field(default_factory=list)

    def subscriber(self, user: str) -> dict[str, Any]:
        """As in its reference: entitlements by id, subscriptions by product."""
        entitlements = self.people.get(user, {})
        return {
            "request_date": "2026-11-22T00:00:00Z",
            "subscriber": {
                "entitlements": entitlements,
                "first_seen": "2026-01-01T00:00:00Z",
                "management_url": "https://apps.example/manage" if entitlements else None,
                "original_app_user_id": user,
                "subscriptions": {},
            },
        }


def entitlement(expires: str | None, grace: str | None = None) -> dict[str, Any]:
    return {
        "expires_date": expires,
        "grace_period_expires_date": grace,
        "product_identifier": "monthly",
        "purchase_date": "2026-01-01T00:00:00Z",
    }


@asynccontextmanager
async def running_revenuecat() -> AsyncIterator[FakeRevenueCat]:
    fake = FakeRevenueCat()

    @get("/v1/subscribers/{user:str}")
    async def subscriber(request: Request[Any, Any, Any], user: FromPath[str]) -> Response[Any]:
        fake.asked.append(user)
        if request.headers.get("authorization") != f"Bearer {KEY}":
            return Response({"code": 7225, "message": "Invalid API Key."}, status_code=401)
        if fake.body is not None:
            return Response(fake.body, media_type="application/json", status_code=fake.status)
        if fake.status != 200:
            return Response({"code": 7110, "message": "away"}, status_code=fake.status)
        return Response(fake.subscriber(user), status_code=200 if user in fake.people else 201)

    async with serving(Litestar([subscriber], logging_config=None, openapi_config=None)) as url:
        fake.url = url
        yield fake
