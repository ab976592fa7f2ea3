"""Playback put together: who holds a file, who makes its links, and who reads or wraps them."""

from sluicegate.core.blocklist import OPEN_GATE, ContentGate
from sluicegate.core.cascade import CascadeRules
from sluicegate.core.ports import Clock, Providers, Storages, UnitOfWorkFactory
from sluicegate.net.http import Http
from sluicegate.services.holders import Holders
from sluicegate.services.link_cache import LinkCache
from sluicegate.services.playback import LinkSigner, PlaybackService
from sluicegate.services.resolver import Resolver
from sluicegate.settings import Settings
from sluicegate.wiring.link_reader import HttpLinkReader
from sluicegate.wiring.link_wrapper import HttpLinkWrapper

__all__ = ["playback_service"]


def playback_service(
    settings: Settings,
    transactions: UnitOfWorkFactory,
    providers: Providers,
    storages: Storages,
    http: Http,
    links: LinkSigner,
    clock: Clock,
    *,
    rules: CascadeRules | None = None,
    gate: ContentGate = OPEN_GATE,
) -> PlaybackService:
    """The service of one process; its link cache is its own. ``rules`` name the operator's shared pool.

    ``gate`` refuses content.
    """
    holders = Holders(transactions, providers, clock, rules=rules, adopt=settings.playback_adopts)
    resolver = Resolver(transactions, providers, LinkCache(clock), holders, clock)
    reader, wrapper = HttpLinkReader(http), HttpLinkWrapper(http, clock)
    return PlaybackService(transactions, storages, holders, resolver, reader, links, wrapper, clock, gate=gate)
