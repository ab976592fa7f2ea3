"""The cascade's sentences about what accounts have."""

from sluicegate.services.account_probe import Answer
from sluicegate.services.rungs import Rung

__all__ = ["told"]


def told(rung: Rung, answer: Answer) -> tuple[str, str, str]:
    """Verdict, rule and words for what an account said about a hash, or is known to have."""
    name = rung.label
    if answer.error is not None:
        return "unknown", answer.error.code, f"{name} could not say whether it has it: {answer.error.detail}"
    if answer.origin == "silent":
        return "unknown", "cannot-be-asked", f"{rung.provider} does not tell what it has; it is known only by trying."
    if answer.cached is None:
        return "unknown", "availability", f"{name} does not know whether it has it."
    if answer.origin == "learned":
        return "has-it", "seen-there", f"{name} has it: it was seen at this provider lately."
    when = " It was asked a moment ago." if answer.origin == "remembered" else ""
    if answer.cached:
        return "has-it", "availability", f"{name} has it at once.{when}"
    return "has-not", "availability", f"{name} would have to download it.{when}"
