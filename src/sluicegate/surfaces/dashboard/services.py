"""What the dashboard calls: the same services as every other surface, and nothing past them."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from litestar.response.base import ASGIResponse

from sluicegate.core.entitlements import Entitlements
from sluicegate.core.findings import Finding
from sluicegate.core.media_jobs import MediaOptions
from sluicegate.core.ports import Providers, Storages
from sluicegate.core.secrets import Secret
from sluicegate.services.account_calls import AccountCallService
from sluicegate.services.account_looks import AccountLooks
from sluicegate.services.accounts import AccountService
from sluicegate.services.blocklist import BlocklistService
from sluicegate.services.cascade_preferences import CascadePreferenceService
from sluicegate.services.destinations import DestinationService
from sluicegate.services.feed_poll import FeedPoller
from sluicegate.services.feeds import FeedService
from sluicegate.services.gateway import Gateway
from sluicegate.services.integrations import IntegrationService
from sluicegate.services.keys import KeyService
from sluicegate.services.library import LibraryService
from sluicegate.services.link_keys import LinkKeyService
from sluicegate.services.media_batches import MediaBatchService
from sluicegate.services.media_jobs import MediaJobService
from sluicegate.services.media_pages import MediaPageService
from sluicegate.services.media_usage import MediaUsageService
from sluicegate.services.passkeys import PasskeyService
from sluicegate.services.playback import PlaybackService
from sluicegate.services.preferences import PreferenceService
from sluicegate.services.preview_pictures import PreviewPictures
from sluicegate.services.registration import RegistrationService
from sluicegate.services.sign_in import SignInService
from sluicegate.services.store import StoreService
from sluicegate.services.submit import SubmitService
from sluicegate.services.sync import SyncService
from sluicegate.services.task_overview import TaskOverviewService
from sluicegate.services.tombstones import TombstoneService
from sluicegate.services.usage import UsageService
from sluicegate.services.usage_history import UsageHistoryService
from sluicegate.services.users import UserService
from sluicegate.services.webhooks import WebhookService
from sluicegate.web.limits import FailedAttempts

__all__ = ["DashboardServices", "IssueToken", "OpenStream", "OperatorServices", "ReadMediaOptions"]

OpenStream = Callable[[UUID, Callable[[], Awaitable[object]]], ASGIResponse]
"""Opens the change stream of a user; the second argument raises AccessDenied once the session has ended."""

ReadMediaOptions = Callable[[Mapping[str, Any]], MediaOptions]
"""Checks the fields of a media job as its API does; raises InvalidInput that names the field."""


IssueToken = Callable[[UUID, str], Secret]
"""Makes a token for the API that ends with a session: user and id of the session."""


@dataclass(frozen=True, slots=True)
class OperatorServices:
    """What only the operator's pages use.

    Attributes:
        invite: makes a link for a user (or for somebody new) with or without the operator's rights.
        findings: looks over the installation.
        storages: where files of removed users are deleted.
        engines: whether a process of this data folder runs the engines for torrents and downloads.
    """

    invite: Callable[[UUID | None, bool], Awaitable[str]]
    findings: Callable[[], Awaitable[Sequence[Finding]]]
    storages: Storages
    engines: Callable[[], bool]
    tasks: TaskOverviewService
    blocklist: BlocklistService


@dataclass(frozen=True, slots=True)
class DashboardServices:
    """Everything that pages use.

    Attributes:
        public_url: how browsers reach this installation, if that was configured.
        registering: counts who asks for mails, however often rightly.
    """

    sign_in: SignInService
    passkeys: PasskeyService
    public_url: str | None
    users: UserService
    attempts: FailedAttempts
    registration: RegistrationService
    registering: FailedAttempts
    changes: OpenStream
    submit: SubmitService
    library: LibraryService
    sync: SyncService
    tombstones: TombstoneService
    playback: PlaybackService
    store: StoreService
    destinations: DestinationService
    accounts: AccountService
    looks: AccountLooks
    providers: Providers
    webhooks: WebhookService
    media_jobs: MediaJobService
    media_batches: MediaBatchService
    media_pages: MediaPageService
    media_options: ReadMediaOptions
    previews: PreviewPictures
    gateway: Gateway
    feeds: FeedService
    poller: FeedPoller
    link_keys: LinkKeyService
    keys: KeyService
    integrations: IntegrationService
    preferences: PreferenceService
    cascade_preferences: CascadePreferenceService
    usage: UsageService
    usage_history: UsageHistoryService
    account_calls: AccountCallService
    media_usage: MediaUsageService
    plans: Entitlements
    issue_token: IssueToken
    operator: OperatorServices
