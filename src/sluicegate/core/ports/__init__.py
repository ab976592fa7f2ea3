"""What services need from the outside, as protocols: the database, the task queue, events, the clock.

One file for each area; importers name this package only.
"""

from sluicegate.core.ports.accounts import AccountRepository, IntentRepository
from sluicegate.core.ports.changes import Change, Changes
from sluicegate.core.ports.clock import Clock
from sluicegate.core.ports.jobs import FileRepository, JobRepository, TraceRepository
from sluicegate.core.ports.media_jobs import MediaJobRepository
from sluicegate.core.ports.tasks import Task, TaskQueue
from sluicegate.core.ports.transactions import UnitOfWork, UnitOfWorkFactory
from sluicegate.core.ports.upstreams import Providers, Storages
from sluicegate.core.ports.users import KeyRepository, UserRepository
from sluicegate.core.ports.vault import KeyVerifier, MasterKeyMarkRepository, Vault

__all__ = [
    "AccountRepository",
    "Change",
    "Changes",
    "Clock",
    "FileRepository",
    "IntentRepository",
    "JobRepository",
    "KeyRepository",
    "KeyVerifier",
    "MasterKeyMarkRepository",
    "MediaJobRepository",
    "Providers",
    "Storages",
    "Task",
    "TaskQueue",
    "TraceRepository",
    "UnitOfWork",
    "UnitOfWorkFactory",
    "UserRepository",
    "Vault",
]
