"""Feeds, the blocklist and the Stremio add-on of an installation, put together."""

from collections.abc import Callable
from dataclasses import dataclass

from sluicegate.core.entitlements import Entitlements
from sluicegate.core.ports import Clock, UnitOfWorkFactory
from sluicegate.net.http import Http
from sluicegate.services.blocked_jobs import BlockedJobs
from sluicegate.services.blocklist import BlocklistService
from sluicegate.services.feed_poll import FeedPoller
from sluicegate.services.feeds import FeedService
from sluicegate.services.keys import KeyService
from sluicegate.services.link_keys import LinkKeyService
from sluicegate.services.outbound_feed import OutboundFeed
from sluicegate.services.playback import PlaybackService
from sluicegate.services.stremio import StremioService
from sluicegate.services.stremio_titles import TitleService
from sluicegate.services.submit import SubmitService
from sluicegate.settings import Settings
from sluicegate.wiring.address_check import AddressCheck
from sluicegate.wiring.document_reader import HttpDocumentReader

__all__ = ["FeedParts", "blocklist_service", "feed_parts"]


@dataclass(frozen=True, slots=True)
class FeedParts:
    """What follows other people's lists, and what others follow here."""

    blocked_jobs: BlockedJobs
    feeds: FeedService
    poller: FeedPoller
    outbound: OutboundFeed
    stremio: StremioService
    link_keys: LinkKeyService


def blocklist_service(
    settings: Settings, transactions: UnitOfWorkFactory, http: Http, clock: Clock
) -> BlocklistService:
    """The operator's blocklist; it refuses nothing while none is set."""
    reader = HttpDocumentReader(http)
    return BlocklistService(transactions, reader, settings.blocklist, settings.blocklist_interval, clock)


def feed_parts(
    settings: Settings,
    transactions: UnitOfWorkFactory,
    http: Http,
    blocklist: BlocklistService,
    submit: SubmitService,
    playback: PlaybackService,
    keys: KeyService,
    base_url: Callable[[], str],
    clock: Clock,
    plans: Entitlements,
) -> FeedParts:
    """The services of one process."""
    reader = HttpDocumentReader(http)
    source = "" if settings.title_source.lower() == "none" else settings.title_source
    titles = TitleService(transactions, reader, source, clock)
    return FeedParts(
        blocked_jobs=BlockedJobs(transactions, blocklist, clock),
        feeds=FeedService(transactions, AddressCheck(http.egress), clock, plans),
        poller=FeedPoller(transactions, reader, submit, clock, blocklist),
        outbound=OutboundFeed(transactions),
        stremio=StremioService(transactions, titles, playback),
        link_keys=LinkKeyService(keys, base_url),
    )
