"""Accounts: connecting providers, whether they are well, and what is left of their limits."""

from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Any, Final
from uuid import UUID

from litestar import Request, Response, get, post
from litestar.di import NamedDependency
from litestar.params import FromPath, QueryParameter, SkipValidation
from litestar.response import Redirect
from markupsafe import Markup

from sluicegate.core.account_calls import CallDay, CallOutcome
from sluicegate.core.accounts import Account, AccountState
from sluicegate.core.errors import NotFound, SluicegateError
from sluicegate.core.looks import Look
from sluicegate.core.manifest import Manifest
from sluicegate.core.pacing import Outlook
from sluicegate.core.secrets import Secret
from sluicegate.services.account_calls import by_class
from sluicegate.services.accounts import NewAccount
from sluicegate.surfaces.dashboard.chart_tables import calls_by_day
from sluicegate.surfaces.dashboard.charts import strip
from sluicegate.surfaces.dashboard.forms import Form, sentence
from sluicegate.surfaces.dashboard.frame import Frame, go
from sluicegate.surfaces.dashboard.services import DashboardServices
from sluicegate.surfaces.dashboard.sessions import session_of

__all__ = ["HANDLERS"]

_Request = Request[Any, Any, Any]
_Services = NamedDependency[SkipValidation[DashboardServices]]
_PATH: Final = "/app/accounts"
_FRAME: Final = Frame(
    "accounts",
    {
        "added": "The account is connected.",
        "checked": "The provider was asked just now.",
        "renewed": "The new token works.",
        "off": "The account is switched off: nothing is asked of it.",
        "on": "The account is switched on.",
        "removed": "The account is removed; what it holds stays at the provider.",
        "confirmed": "What vanished is marked as missing.",
    },
)
_PAGE: Final = 15
_SPANS: Final = (7, 30, 90)
_HEALTH_DAYS: Final = 30
_OUTCOMES: Final = (
    (CallOutcome.ANSWERED, "Answered"),
    (CallOutcome.LIMITED, "At limit"),
    (CallOutcome.REFUSED, "Refused"),
    (CallOutcome.FAILED, "Failed"),
    (CallOutcome.HELD, "Kept back"),
)
TONES: Final = {AccountState.OK: "good", AccountState.PAUSED: "bad", AccountState.UNTESTED: "warn"}


@dataclass(frozen=True, slots=True)
class _Shown:
    """One account on the page."""

    account: Account
    title: str
    outlook: Outlook
    look: Look | None
    plan_ends: datetime | None
    health: "_Health"


@dataclass(frozen=True, slots=True)
class _Health:
    """How an account's calls have gone, in words and as a picture."""

    made: int
    unwell: int
    held: int
    picture: Markup | None

    @classmethod
    def of(cls, days: list[CallDay]) -> "_Health":
        """Of the last days."""
        made, unwell = sum(day.made for day in days), sum(day.unwell for day in days)
        picture = strip([(day.answered, day.unwell) for day in days]) if made else None
        return cls(made, unwell, sum(day.held for day in days), picture)


@get("/accounts")
async def page(
    request: _Request, services: _Services, offset: Annotated[int, QueryParameter(ge=0, le=10_000)] = 0
) -> Response[str]:
    """All accounts, and the form for one more."""
    return await _page(request, services, Form(), offset)


@get("/accounts/{account_id:uuid}")
async def history(
    request: _Request,
    services: _Services,
    account_id: FromPath[UUID],
    days: Annotated[int, QueryParameter(ge=1, le=90)] = 30,
) -> Response[str]:
    """How the calls of one account have gone, day by day."""
    account = await _own(request, services, account_id)
    span = min(_SPANS, key=lambda one: abs(one - days))
    found, sums = await services.account_calls.of_account(account.user_id, account.id, days=span)
    return _FRAME.page(
        request,
        "account.html",
        account=account,
        title=f"{services.providers.manifest(account.provider).title} ({account.label})",
        tones=TONES,
        span=span,
        spans=_SPANS,
        calls=calls_by_day("calls", "Calls a day", found),
        classes=list(by_class(sums).items()),
        outcomes=_OUTCOMES,
    )


@post("/accounts")
async def add(request: _Request, services: _Services) -> Response[str] | Redirect:
    """Connects an account, after its token was tried."""
    form = await Form.of(request)
    token, proxy = form.secret("token", most=4000), form.secret("proxy", most=1000).strip()
    new = NewAccount(
        provider=form.needed("provider", most=40),
        token=Secret(token.strip()),
        label=form.text("label", most=60) or "main",
        base_url=form.text("base_url", most=500) or None,
        proxy=Secret(proxy) if proxy else None,
    )
    if not token.strip():
        form.errors.setdefault("token", "Please paste the token.")
    if not form.errors:
        try:
            await services.accounts.add(session_of(request).user_id, new)
        except SluicegateError as error:
            form.errors[error.field if error.field in _FIELDS else ""] = sentence(error)
        else:
            return go(_PATH, "added")
    return await _page(request, services, form)


_FIELDS: Final = frozenset({"provider", "token", "label", "base_url", "proxy"})


@post("/accounts/{account_id:uuid}/check")
async def check(request: _Request, services: _Services, account_id: FromPath[UUID]) -> Response[str] | Redirect:
    """Asks the provider about the account."""
    await _own(request, services, account_id)
    try:
        await services.accounts.check(account_id)
    except SluicegateError as error:
        return await _page(request, services, Form(errors={"": sentence(error)}))
    return go(_PATH, "checked")


@post("/accounts/{account_id:uuid}/token")
async def renew(request: _Request, services: _Services, account_id: FromPath[UUID]) -> Response[str] | Redirect:
    """Replaces the token."""
    account = await _own(request, services, account_id)
    form = await Form.of(request)
    token = Secret(form.secret("new_token", most=4000).strip())
    wrong = form.errors.pop("new_token", "") if token else "Please paste the new token."
    if not wrong:
        try:
            await services.accounts.rotate(account_id, token)
            return go(_PATH, "renewed")
        except SluicegateError as error:
            wrong = sentence(error)
    # The page has a field like this for every account: the sentence says whose it is.
    form.errors[""] = f"{account.provider} ({account.label}): {wrong}"
    return await _page(request, services, form)


@post("/accounts/{account_id:uuid}/switch")
async def switch(request: _Request, services: _Services, account_id: FromPath[UUID]) -> Redirect:
    """Switches it on or off."""
    account = await _own(request, services, account_id)
    if account.state is AccountState.DISABLED:
        await services.accounts.enable(account_id)
        return go(_PATH, "on")
    await services.accounts.disable(account_id)
    return go(_PATH, "off")


@post("/accounts/{account_id:uuid}/remove")
async def remove(request: _Request, services: _Services, account_id: FromPath[UUID]) -> Redirect:
    """Removes it here."""
    await _own(request, services, account_id)
    await services.accounts.remove(account_id)
    return go(_PATH, "removed")


@post("/accounts/{account_id:uuid}/confirm")
async def confirm(request: _Request, services: _Services, account_id: FromPath[UUID]) -> Redirect:
    """Lets the brake on mass removal go."""
    await services.looks.confirm(session_of(request).user_id, account_id)
    return go(_PATH, "confirmed")


async def _own(request: _Request, services: DashboardServices, account_id: UUID) -> Account:
    """An account of the person who asks. Raises NotFound, also for a foreign one."""
    account = await services.accounts.get(account_id)
    if account.user_id != session_of(request).user_id:
        raise NotFound("There is no such account.")
    return account


async def _page(request: _Request, services: DashboardServices, form: Form, offset: int = 0) -> Response[str]:
    user_id = session_of(request).user_id
    local = services.providers.local_names()
    remote = {name: services.providers.manifest(name) for name in services.providers.names() if name not in local}
    known = await services.accounts.page(user_id)
    accounts = known[offset : offset + _PAGE]
    looks = {one.account.id: one.look for one in await services.looks.page(user_id)}
    outlooks = await services.accounts.outlooks(accounts)
    calls = await services.account_calls.of_user(user_id, days=_HEALTH_DAYS)
    shown = [
        _Shown(
            account,
            remote[account.provider].title if account.provider in remote else account.provider,
            outlook,
            looks.get(account.id),
            account.facts.expires_at if account.facts else None,
            _Health.of(calls.get(account.id, [])),
        )
        for account, outlook in zip(accounts, outlooks, strict=True)
    ]
    return _FRAME.page(
        request,
        "accounts.html",
        form=form,
        shown=shown,
        tones=TONES,
        providers=_choices(remote),
        help=remote.values(),
        offset=offset,
        limit=_PAGE,
        more=len(known) > offset + _PAGE,
    )


def _choices(manifests: dict[str, Manifest]) -> list[tuple[str, str]]:
    return [(name, manifest.title) for name, manifest in manifests.items()]


HANDLERS: Final = (page, history, add, check, renew, switch, remove, confirm)
