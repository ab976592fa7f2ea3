"""What a look over an installation finds."""

from dataclasses import dataclass

__all__ = ["Finding"]


@dataclass(frozen=True, slots=True)
class Finding:
    """One line of the report; ``advice`` says what to do and is empty when all is well."""

    subject: str
    state: str
    advice: str = ""
