"""Kinds of background work, and who may run them.

Transfers of the local providers live in the one worker that holds the data folder's engines, so the tasks that touch
them have kinds of their own: only that worker takes these from the queue.
"""

from typing import Final
from uuid import UUID

from sluicegate.core.accounts import LOCAL_PROVIDERS
from sluicegate.core.ports import Task

__all__ = [
    "DELIVER",
    "DELIVER_SWEEP",
    "ENGINE_CLEANUP",
    "ENGINE_DROP",
    "ENGINE_INTRODUCE",
    "ENGINE_PLACE",
    "ENGINE_RECASCADE",
    "ENGINE_STORE",
    "ENGINE_SYNC",
    "ERASE",
    "FEED",
    "MAIL",
    "MEDIA",
    "MEDIA_ADMIT",
    "PLACE",
    "RECASCADE",
    "SYNC",
    "WEBHOOK",
    "account_subject",
    "parse_account_subject",
    "sync_task",
]

DELIVER: Final = "deliver"
DELIVER_SWEEP: Final = "deliver_sweep"
PLACE: Final = "place"
RECASCADE: Final = "recascade"
SYNC: Final = "sync"
ERASE: Final = "erase"
MEDIA: Final = "media"
MEDIA_ADMIT: Final = "media_admit"
"""Gives the free places at work to the media jobs in line."""
WEBHOOK: Final = "webhook"
FEED: Final = "feed"
MAIL: Final = "mail"
"""Sends the mail of one registration."""
ENGINE_PLACE: Final = "engine_place"
ENGINE_RECASCADE: Final = "engine_recascade"
ENGINE_INTRODUCE: Final = "engine_introduce"
ENGINE_SYNC: Final = "engine_sync"
ENGINE_STORE: Final = "engine_store"
ENGINE_CLEANUP: Final = "engine_cleanup"
ENGINE_DROP: Final = "engine_drop"


def account_subject(provider: str, account_id: UUID | None) -> str:
    """Subject of a ``sync`` task: one per account, or per local provider."""
    return f"{provider}:{account_id or ''}"


def parse_account_subject(subject: str) -> tuple[str, UUID | None]:
    """Reads ``account_subject`` back."""
    provider, _, account = subject.partition(":")
    return provider, UUID(account) if account else None


def sync_task(provider: str, account_id: UUID | None, *, delay: float = 0.0) -> Task:
    """The task that brings the jobs of one account up to date."""
    kind = ENGINE_SYNC if provider in LOCAL_PROVIDERS else SYNC
    return Task(kind, account_subject(provider, account_id), delay=delay)
