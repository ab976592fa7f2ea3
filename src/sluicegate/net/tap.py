"""Lets a caller see the answers that its own calls got, whoever made the requests on its behalf."""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

from sluicegate.net.answers import Answer

__all__ = ["note", "tapped_answers"]

_tapped: ContextVar[list[Answer] | None] = ContextVar("tapped_answers", default=None)


@contextmanager
def tapped_answers() -> Iterator[list[Answer]]:
    """Collects every answer to requests made inside the block, in this task and in those it starts."""
    answers: list[Answer] = []
    token = _tapped.set(answers)
    try:
        yield answers
    finally:
        _tapped.reset(token)


def note(answer: Answer) -> Answer:
    """Shows an answer to whoever collects them; gives it back."""
    answers = _tapped.get()
    if answers is not None:
        answers.append(answer)
    return answer
