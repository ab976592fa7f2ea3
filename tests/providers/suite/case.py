"""What the suite must be told about a provider; everything else it finds out through the adapter and the sandbox.

To add a provider write ``cases/<name>.py`` with a ``CASE``; it is found by its file name, no list is edited:

    CASE = Case(adapter=TorBox, base_path="/torbox/v1/api", states={"downloading": TransferState.DOWNLOADING, …})

Where a provider has a story of its own, subclass ``Case`` and override ``with_state``, ``spellings`` or
``unready_locator``.

How content is made to behave is the same for every provider, because the sandbox has one world (see ``stage.py``):
``stage.magnet(cached_on=[name])`` is cached, ``dies=True`` is dead, ``seconds_to_ready=1e9`` never ends.

Conventions that the suite relies on:

* an adapter whose listing has pages keeps their size in the class attribute ``page_size``; the suite makes it small;
* ``hashes_per_check`` likewise;
* for hostile file names ``files`` raises ``UnsafeSource`` or gives safe paths, while ``list_page`` and ``get`` go on;
* a magnet, hash or link that is none raises ``InvalidInput`` before any request.
"""

import importlib
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

from sluicegate.core.errors import (
    CredentialsRejected,
    FileGone,
    LinkExpired,
    NotSupported,
    SlotsFull,
    SluicegateError,
    TransferMissing,
    UpstreamQuota,
    UpstreamRateLimited,
    UpstreamServerError,
)
from sluicegate.core.files import Locator
from sluicegate.core.provider import Capability, Provider
from sluicegate.core.transfers import TransferState

Errors = type[SluicegateError] | tuple[type[SluicegateError], ...]

FAULT_ERRORS: Mapping[str, Errors] = {
    "rate_limited": UpstreamRateLimited,
    "server_error": UpstreamServerError,
    "quota": UpstreamQuota,
    "slots_full": SlotsFull,
    "bad_token": CredentialsRejected,
    "gone": NotSupported,
    "expired_link": (LinkExpired, FileGone, TransferMissing),
}
"""What the sandbox's provider-worded faults mean, unless ``Case.faults`` says otherwise."""

FAULT_CALLS: Mapping[str, Capability] = {
    "slots_full": Capability.MAGNET,
    "quota": Capability.MAGNET,
    "expired_link": Capability.LINK,
}
"""The operation that meets a fault which makes sense for one only; all others strike every operation."""


@dataclass(kw_only=True)
class Case:
    """One provider in the suite.

    Attributes:
        adapter: the adapter class.
        base_path: path of its API at the sandbox.
        states: every upstream state word with what it means.
        state_field: JSON member that holds the state word in answers about transfers; empty when it is none of them.
        requests: requests of a single call where it is documented to be more than one.
        faults: fault name -> error, where it differs from ``FAULT_ERRORS``; ``"fault@capability"`` is more specific.
        wrong_token: a token that the sandbox does not know; None where every token is an account.
        uncached: what ``availability`` says about content that is not cached.
        tells_hash: False when transfers do not name their info hash (Premiumize).
        tells_progress: False when transfers have none between 0 and 1 (StremThru).
        rate_wait: False when the provider has no way of telling a wait.
        default_wait: the wait in an error that tells none, where the adapter knows one by the sheet.
        open_calls: operations that the provider answers without a valid token.
        empty_answers: operations whose body means nothing whatever it is; a page instead of it goes unnoticed.
        bodiless: operations that are answered with a 204, which cannot come doubled; all other damage must be noticed.
        rightly_empty: ``{}``, ``[]`` or ``null`` with the operations whose true answer it can be.
        lacking_faults: faults that the provider has no words for.
        dead_link: what ``link`` raises for a file whose transfer was removed.
        web_errors: hoster state -> error of ``submit_web``, where it differs from ``unlock``.
        takes_any_link: True when ``submit_web`` takes every link and trouble shows in the transfer later.
        small_page: the smallest page that the provider gives, where it presses smaller ones up to it.
        link_days: days after which the sandbox's links of this provider are certainly dead.
        dialect: the provider's name at the sandbox, where it is not the house name (StremThru is Torrin's store).
        page_errors: status of a proxy's page -> error, where that status has a documented meaning of its own.
        refuses_late: True when refused content is accepted first and then becomes a failed transfer.
    """

    adapter: type[Provider]
    base_path: str
    states: Mapping[str, TransferState] = field(default_factory=dict)
    state_field: str = ""
    requests: Mapping[Capability, int] = field(default_factory=dict)
    faults: Mapping[str, Errors] = field(default_factory=dict)
    wrong_token: str | None = "wrong-0123456789-key-that-nobody-has"
    uncached: bool | None = False
    tells_hash: bool = True
    tells_progress: bool = True
    rate_wait: bool = True
    default_wait: float | None = None
    open_calls: frozenset[Capability] = frozenset()
    empty_answers: frozenset[Capability] = frozenset()
    bodiless: frozenset[Capability] = frozenset()
    rightly_empty: frozenset[tuple[bytes, Capability]] = frozenset()
    lacking_faults: frozenset[str] = frozenset()
    dead_link: Errors = (TransferMissing, FileGone)
    web_errors: Mapping[str, Errors] = field(default_factory=dict)
    takes_any_link: bool = False
    small_page: int = 4
    link_days: int = 5
    dialect: str = ""
    page_errors: Mapping[int, Errors] = field(default_factory=dict)
    refuses_late: bool = False

    @property
    def name(self) -> str:
        return self.adapter.name

    @property
    def sandbox_name(self) -> str:
        """What the sandbox calls the provider."""
        return self.dialect or self.name

    @property
    def page_size(self) -> int | None:
        """The adapter's own page size, None when its listing has no pages."""
        return getattr(self.adapter, "page_size", None)

    def error_of(self, fault: str, capability: Capability) -> Errors:
        """What a fault in an operation must become."""
        return self.faults.get(f"{fault}@{capability}") or self.faults.get(fault) or FAULT_ERRORS[fault]

    def with_state(self, document: Any, word: str) -> Any:
        """The same answer with another state word in every transfer; override where the state is more than a word."""
        if isinstance(document, list):
            return [self.with_state(item, word) for item in document]
        if isinstance(document, dict):
            return {
                key: word if key == self.state_field else self.with_state(value, word)
                for key, value in document.items()
            }
        return document

    def shown_paths(self, paths: Sequence[str]) -> list[str]:
        """What ``files`` makes of these paths; override where the provider tells bare names only."""
        return list(paths)

    def spellings(self, word: str) -> tuple[str, ...]:
        """The ways in which the upstream writes a state word; override where the case or a suffix varies."""
        return (word,)

    def unready_locator(self, ready_locator: str, ready_id: str, unready_id: str) -> str | None:
        """A locator of a file that is not there yet, made from one that is; None if it cannot be made.

        By default the part that is the transfer's id is exchanged.
        """
        head, *parts = ready_locator.split(":")
        if str(Locator.of(head, ready_id)).partition(":")[2] not in parts:
            return None
        swap = {str(Locator.of(head, ready_id)).partition(":")[2]: str(Locator.of(head, unready_id)).partition(":")[2]}
        return ":".join([head, *(swap.get(part, part) for part in parts)])

    def __str__(self) -> str:
        return self.name


@cache
def all_cases() -> tuple[Case, ...]:
    """Every case in ``cases/``, by name.

    The mutation run sets the environment variable ``PROVIDER_SUITE`` to the names that it is about, to save time.
    """
    wanted = os.environ.get("PROVIDER_SUITE", "").split()
    folder = Path(__file__).parent / "cases"
    names = [file.stem for file in sorted(folder.glob("*.py")) if not wanted or file.stem in wanted]
    return tuple(importlib.import_module(f"tests.providers.suite.cases.{name}").CASE for name in names)
