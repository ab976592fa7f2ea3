"""The cascade's rules, read from the settings."""

from sluicegate.core.cascade import CascadeRules, Group
from sluicegate.core.errors import InvalidInput
from sluicegate.settings import Settings

__all__ = ["cascade_rules"]


def cascade_rules(settings: Settings) -> CascadeRules:
    """The rules.

    Raises:
        InvalidInput: the order names a group twice, or one that does not exist.
    """
    return CascadeRules(
        order=_order(settings.cascade_order),
        pool_user=settings.pool_user.strip(),
        pool_order=_words(settings.pool_order),
        stalled=settings.recascade_stalled_seconds,
        queued=settings.recascade_queued_seconds,
        limited=settings.recascade_limited_seconds,
        unreachable=settings.recascade_unreachable_seconds,
        dead=settings.recascade_dead,
        tidy=settings.recascade_tidy,
    )


def _order(text: str) -> tuple[Group, ...]:
    words = _words(text)
    unknown = [word for word in words if word not in set(Group)]
    if unknown or len(set(words)) != len(words):
        raise InvalidInput(
            f"SLUICEGATE_CASCADE_ORDER is a list of different words out of: {', '.join(Group)}.",
            action=f"Leave out or correct: {', '.join(unknown or words)}.",
            field="cascade_order",
        )
    return tuple(Group(word) for word in words)


def _words(text: str) -> tuple[str, ...]:
    return tuple(word for word in (part.strip().lower() for part in text.split(",")) if word)
