"""RevenueCat as a billing service, over its REST API, version 1.

Sources: https://www.revenuecat.com/docs/api-v1 (``GET /subscribers/{app_user_id}``) and
https://www.revenuecat.com/docs/integrations/webhooks. The app user id is the user's id here.
"""

import json
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, Final
from urllib.parse import quote
from uuid import UUID

from sluicegate.core.errors import CredentialsRejected, ProtocolError, UpstreamRateLimited, UpstreamServerError
from sluicegate.core.secrets import Secret
from sluicegate.net.http import Answer, Http

__all__ = ["RevenueCat", "webhook_users"]

_NAME: Final = "revenuecat"
_BODY_MAX: Final = 1024 * 1024
_SECONDS: Final = 10.0
_EVENT_USERS: Final = ("app_user_id", "original_app_user_id")
_EVENT_LISTS: Final = ("aliases", "transferred_from", "transferred_to")
_USERS_MAX: Final = 100


class RevenueCat:
    """Implements ``services.plans.Billing``.

    Args:
        http: the shared client.
        key: a secret API key.
        base_url: the service's address; another one for tests.
    """

    def __init__(self, http: Http, key: Secret, base_url: str = "https://api.revenuecat.com") -> None:
        self._http = http
        self._key = key
        self._base_url = base_url.rstrip("/")

    async def subscriber(self, user_id: UUID) -> Mapping[str, Any]:
        """See the port; a user it has never seen has no entitlements."""
        answer = await self._http.request(
            "GET",
            f"{self._base_url}/v1/subscribers/{quote(str(user_id), safe='')}",
            headers={"Authorization": f"Bearer {self._key.reveal()}", "Accept": "application/json"},
            timeout=_SECONDS, max_body=_BODY_MAX, trusted=True, provider=_NAME,
        )  # fmt: skip
        _check(answer)
        return _facts(answer.body)


def webhook_users(raw: bytes) -> list[UUID]:
    """The users that a webhook's event is about; ids that are none of ours are left out.

    Raises:
        ProtocolError: this is no event.
    """
    try:
        event = json.loads(raw)["event"]
        named = [event.get(name) for name in _EVENT_USERS]
        named += [one for name in _EVENT_LISTS for one in (event.get(name) or ())[:_USERS_MAX]]
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise ProtocolError("This is no event of RevenueCat.", provider=_NAME) from error
    return list(dict.fromkeys(user for one in named if (user := _uuid(one)) is not None))


def _check(answer: Answer) -> None:
    if answer.status in {200, 201}:  # 201: it has made a record for a user it had never seen
        return
    if answer.status in {401, 403}:
        raise CredentialsRejected("RevenueCat refuses the API key.", provider=_NAME, upstream_code=str(answer.status))
    if answer.status == 429:
        raise UpstreamRateLimited("RevenueCat asks for fewer calls.", provider=_NAME, upstream_code="429")
    raise UpstreamServerError(f"RevenueCat answered {answer.status}.", provider=_NAME, upstream_code=str(answer.status))


def _facts(raw: bytes) -> Mapping[str, Any]:
    try:
        subscriber = json.loads(raw)["subscriber"]
        found = {str(name): {"expires_at": _end(one)} for name, one in subscriber["entitlements"].items()}
        url = subscriber.get("management_url")
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise ProtocolError("RevenueCat's answer cannot be understood.", provider=_NAME) from error
    return {"entitlements": found, "management_url": url if isinstance(url, str) else None}


def _end(entitlement: Mapping[str, Any]) -> str | None:
    """When it ends, grace time included; None for one that does not."""
    ends = [entitlement.get("expires_date"), entitlement.get("grace_period_expires_date")]
    moments = [_moment(end) for end in ends if end is not None]
    return max(moments).isoformat() if entitlement.get("expires_date") is not None else None


def _moment(text: str) -> datetime:
    moment = datetime.fromisoformat(text)
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def _uuid(value: object) -> UUID | None:
    try:
        return UUID(value) if isinstance(value, str) else None
    except ValueError:
        return None
