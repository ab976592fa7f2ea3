"""The web application: every surface on Litestar, each with its own dialect."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final, cast

from litestar import Litestar, Request, Response, Router
from litestar.openapi import OpenAPIConfig
from litestar.openapi.plugins import JsonRenderPlugin
from litestar.openapi.spec import Components, SecurityScheme
from litestar.types import ControllerRouterHandler, Guard

from sluicegate import __version__
from sluicegate.core.errors import SluicegateError
from sluicegate.core.secrets import Secret
from sluicegate.services.plans import BilledPlans
from sluicegate.settings import Role
from sluicegate.surfaces.dashboard.errors import answer_error as dashboard_error
from sluicegate.surfaces.dashboard.routes import PREFIX as DASHBOARD
from sluicegate.surfaces.events import routes as events
from sluicegate.surfaces.feed import routes as feed
from sluicegate.surfaces.gateway import management_routes as management
from sluicegate.surfaces.gateway import workspace_pages
from sluicegate.surfaces.gateway.application import BASE as GATEWAY_BASE
from sluicegate.surfaces.library import availability_routes as library_availability
from sluicegate.surfaces.library import billing_routes as library_billing
from sluicegate.surfaces.library import feed_routes as library_feeds
from sluicegate.surfaces.library import link_key_routes as library_link_keys
from sluicegate.surfaces.library import people_routes as library_people
from sluicegate.surfaces.library import playback_routes as library_playback
from sluicegate.surfaces.library import routes as library
from sluicegate.surfaces.library import store_routes as library_store
from sluicegate.surfaces.library import sync_routes as library_sync
from sluicegate.surfaces.library import trace_routes as library_trace
from sluicegate.surfaces.library.errors import answer_error as library_error
from sluicegate.surfaces.media_jobs import account_routes, batch_routes, storage_routes, webhook_routes
from sluicegate.surfaces.media_jobs import routes as media_jobs
from sluicegate.surfaces.media_jobs.errors import answer_error as media_error
from sluicegate.surfaces.ops import routes as ops
from sluicegate.surfaces.ops.metrics import Metrics
from sluicegate.surfaces.ops.probes import Probe
from sluicegate.surfaces.stremio import routes as stremio
from sluicegate.surfaces.stremio.cors import with_cors
from sluicegate.surfaces.stremio.errors import answer_error as stremio_error
from sluicegate.web.asgi import Application, Receive, Scope, Send
from sluicegate.web.late import LateApplication
from sluicegate.web.limits import BoundedBody
from sluicegate.web.metrics_door import metrics_guard
from sluicegate.web.openapi import SurfaceDocument, docs_router, shortcut
from sluicegate.web.peer import RealPeer, TrustedProxies
from sluicegate.web.security_headers import with_security_headers
from sluicegate.wiring.dashboard import dashboard_router
from sluicegate.wiring.doors import guarded, repeatable_requests
from sluicegate.wiring.engines import engines_run_elsewhere
from sluicegate.wiring.gateway import gateway_application
from sluicegate.wiring.installation import Installation
from sluicegate.wiring.streams import byte_server
from sluicegate.wiring.tls import serves_tls

__all__ = ["make_app"]

_ErrorAnswer = Callable[[Request[Any, Any, Any], Exception], Response[Any]]

_GATEWAY_PATHS: Final = ("/v1/gateway", "/proxy-keys", "/provider-vault")
_MEDIA_PATHS: Final = ("/jobs", "/batch", "/metadata", "/usage", "/dashboard", "/user")
_DIALECTS: Final[Mapping[str, _ErrorAnswer]] = {
    "/v1": library_error,
    "/webhooks": media_error,
    "/stremio": stremio_error,
    DASHBOARD: dashboard_error,
} | dict.fromkeys(_MEDIA_PATHS, media_error)
"""Whose words a path speaks when no route takes it: the framework decides that before it asks a router."""


DOCUMENTS: Final = (
    SurfaceDocument("library", "Torrent library", ("/v1",), "Magnets, torrents and links become files you can stream."),
    SurfaceDocument("gateway", "Gateway management", _GATEWAY_PATHS, "Vault, keys, policies, add-ons, history."),
    SurfaceDocument("media-jobs", "Media jobs", _MEDIA_PATHS, "Pages and playlists become media files."),
    SurfaceDocument("webhooks", "Webhooks", ("/webhooks",), "Who is told about jobs, and what became of each message."),
    SurfaceDocument("stremio", "Stremio add-on", ("/stremio",), "The library as a catalog, and streams for titles."),
    SurfaceDocument("operations", "Operations", ("/healthz", "/readyz", "/metrics"), "For whoever runs this server."),
)
"""The API pages below ``/docs``."""

_BODY_MAX: Final = 64 * 1024 * 1024
"""Whatever a surface allows, no request body is larger."""

_OPENAPI: Final = OpenAPIConfig(
    title="Sluicegate",
    version=__version__,
    path="/openapi",
    render_plugins=[JsonRenderPlugin(path="/openapi.json")],
    components=Components(
        security_schemes={
            "library_key": SecurityScheme(type="http", scheme="bearer", description="A key tu_…"),
            "media_key": SecurityScheme(
                type="apiKey", name="x-api-key", security_scheme_in="header", description="A key sk_…"
            ),
        }
    ),
)


def make_app(installation: Installation) -> Application:
    """The application of one process."""
    metrics = Metrics()
    apis = _framework(
        [
            *guarded(installation, _surfaces(installation, metrics)),
            docs_router(DOCUMENTS),
            shortcut("/swagger", "media-jobs"),
        ],
        _OPENAPI,
    )
    # Half of all routes are the dashboard's, and many a server is never looked at.
    dashboard = LateApplication(lambda: _framework(guarded(installation, [dashboard_router(installation)])))
    gateway = gateway_application(installation)
    framework = _by_path(with_cors(apis), dashboard)
    served = repeatable_requests(installation, _past_framework(byte_server(installation), gateway, framework), gateway)
    whole = BoundedBody(served, limit=_BODY_MAX)
    proxies = TrustedProxies.parse(installation.settings.trusted_proxies)
    tls = serves_tls(installation.settings)
    return RealPeer(metrics.measuring(with_security_headers(whole, tls=tls)), proxies)


def _framework(handlers: Sequence[ControllerRouterHandler], openapi: OpenAPIConfig | None = None) -> Application:
    app = Litestar(
        handlers, exception_handlers={Exception: _answer_by_path}, openapi_config=openapi, logging_config=None
    )
    return cast("Application", app)


def _by_path(apis: Application, dashboard: Application) -> Application:
    async def dispatch(scope: Scope, receive: Receive, send: Send) -> None:
        path = scope["path"] if scope["type"] == "http" else ""
        pages = path == DASHBOARD or path.startswith(DASHBOARD + "/")
        await (dashboard if pages else apis)(scope, receive, send)

    return dispatch


def _past_framework(file_bytes: Application, gateway: Application, app: Application) -> Application:
    """Sends the hottest requests past the framework, whose routing would cost more than the answer."""

    async def dispatch(scope: Scope, receive: Receive, send: Send) -> None:
        path = scope["path"] if scope["type"] == "http" else ""
        if path.startswith("/bytes/"):
            scope["path_template"] = "/bytes/{token}"
            await file_bytes(scope, receive, send)
        elif path.startswith(GATEWAY_BASE + "/"):
            await gateway(scope, receive, send)
        else:
            await app(scope, receive, send)

    return dispatch


def _surfaces(installation: Installation, metrics: Metrics) -> list[Router]:
    keys = installation.people.callers
    return [
        library.router(
            library.LibraryServices(
                submit=installation.submit,
                library=installation.library,
                patience=installation.settings.submit_patience,
            )
        ),
        *_feeds(installation),
        library_trace.router(library_trace.TraceServices(installation.library, installation.simulate)),
        library_playback.router(library_playback.PlaybackServices(installation.playback, installation.people.usage)),
        library_availability.router(
            library_availability.AvailabilityServices(installation.availability, installation.clock)
        ),
        library_sync.router(library_sync.SyncServices(installation.sync, installation.looks, installation.tombstones)),
        management.router(management.ManagementServices(installation.gateway, installation.accounts)),
        workspace_pages.router(),
        *_media_surface(installation),
        storage_routes.router(storage_routes.StorageServices(installation.destinations)),
        library_store.router(library_store.StoreServices(installation.store, installation.destinations)),
        webhook_routes.router(webhook_routes.WebhookServices(installation.webhooks)),
        library_people.router(_people(installation)),
        library_billing.router(_billing(installation)),
        events.router(installation.changes, keys, watch=keys.watch),
        ops.router(_probes(installation), metrics, metrics_guards=[_metrics_door(installation)]),
    ]


def _people(installation: Installation) -> library_people.PeopleServices:
    people = installation.people
    return library_people.PeopleServices(
        users=installation.users,
        keys=installation.keys,
        integrations=people.integrations,
        preferences=people.preferences,
        plans=people.plans,
        usage=people.usage,
    )


def _billing(installation: Installation) -> library_billing.BillingServices:
    plans, secret = installation.people.plans, installation.settings.revenuecat_webhook
    return library_billing.BillingServices(
        plans if isinstance(plans, BilledPlans) else None, Secret(secret.get_secret_value()) if secret else None
    )


def _metrics_door(installation: Installation) -> Guard:
    token = installation.settings.metrics_token
    return metrics_guard(installation.settings.metrics_from, Secret(token.get_secret_value()) if token else None)


def _media_surface(installation: Installation) -> list[Router]:
    parts = installation.media
    services = media_jobs.MediaServices(
        jobs=parts.jobs,
        batches=parts.batches,
        usage=parts.usage,
        pages=parts.pages,
        changes=installation.changes,
    )
    return [media_jobs.router(services), batch_routes.router(services), *account_routes.routers(services)]


def _feeds(installation: Installation) -> list[Router]:
    parts, keys, base_url = installation.feeds, installation.people.callers, installation.base_url
    attempts = installation.people.attempts
    return [
        library_feeds.router(library_feeds.FeedServices(parts.feeds, parts.poller)),
        library_link_keys.router(library_link_keys.LinkKeyServices(parts.link_keys)),
        feed.router(feed.OutboundServices(parts.outbound, keys, base_url, attempts)),
        stremio.router(stremio.StremioServices(parts.stremio, keys, parts.link_keys, base_url, attempts)),
    ]


def _probes(installation: Installation) -> dict[str, Probe]:
    async def database() -> str:
        health = await installation.database.health()
        return "" if health.ready else health.detail

    async def worker() -> str:
        if installation.settings.role is not Role.ALL or engines_run_elsewhere(installation.settings):
            return ""
        return "The worker of this process does not hold the data folder's engines."

    return {"database": database, "worker": worker}


def _answer_by_path(request: Request[Any, Any, Any], error: Exception) -> Response[Any]:
    path = request.scope["path"]
    for prefix, answer in _DIALECTS.items():
        if path == prefix or path.startswith(prefix + "/"):
            return answer(request, error)
    return _plain(error)


def _plain(error: Exception) -> Response[Any]:
    """For paths of no dialect."""
    status = getattr(error, "status_code", 500)
    if isinstance(error, SluicegateError):
        words = error.detail
    elif status == 404:
        words = "There is no such path."
    else:
        words = "The request cannot be answered."
    return Response({"error": words}, status_code=status)
