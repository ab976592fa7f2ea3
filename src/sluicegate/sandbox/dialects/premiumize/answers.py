"""Premiumize's envelope: ``status`` beside the fields; errors arrive with HTTP 200."""

from typing import Any, Final

from sluicegate.sandbox.wire import Answer, Refused

__all__ = ["NOT_LOGGED_IN", "NOT_PREMIUM", "NO_CREDENTIALS", "QUOTA", "SLOTS", "problem", "refuse", "success"]

Problem = tuple[str, str]

# Texts that clients match on are the provider's wire format; the codes beside them are this sandbox's choice.
NO_CREDENTIALS: Final[Problem] = ("authentication_failed", "customer_id and pin parameter missing or not logged in")
NOT_LOGGED_IN: Final[Problem] = ("authentication_failed", "Not logged in.")
NOT_PREMIUM: Final[Problem] = ("permission_denied", "Account not premium.")
QUOTA: Final[Problem] = ("account_limit_reached", "Fair use limit reached!")
SLOTS: Final[Problem] = (
    "account_limit_reached",
    "You already have a maximum of 25 active downloads in progress!",
)


def success(**fields: Any) -> Answer:  # noqa: ANN401 - JSON
    """What went well."""
    return Answer.json({"status": "success", **fields})


def problem(code: str, message: str) -> Answer:
    """What did not."""
    return Answer.json({"status": "error", "code": code, "message": message})


def refuse(code: str, message: str) -> Refused:
    """The same, to be raised from a handler."""
    return Refused(problem(code, message))
