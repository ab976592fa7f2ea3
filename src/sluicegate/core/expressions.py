"""Regular expressions that people hand in: RE2, whose time grows with the text alone and cannot explode.

RE2 has no look-around and no back-references; everything else is as usual. Matching is unanchored and minds case unless
the expression begins with ``(?i)``.
"""

from typing import TYPE_CHECKING, Final

from sluicegate.core.errors import InvalidInput

if TYPE_CHECKING:
    import re2

__all__ = ["EXPRESSION_LENGTH_MAX", "Expression"]

EXPRESSION_LENGTH_MAX: Final = 1_000
_MEMORY: Final = 8 << 20
"""Bytes that one compiled expression may take; nested repetitions multiply."""

_TEXT_MAX: Final = 4_096
"""Names are not longer; what is, is matched by its beginning."""


class Expression:
    """One compiled expression.

    Args:
        source: the expression as handed in.
        field: request field that goes into the error.

    Raises:
        InvalidInput: too long, too large, or not an expression that RE2 reads.
    """

    def __init__(self, source: str, *, field: str) -> None:
        if len(source) > EXPRESSION_LENGTH_MAX:
            raise InvalidInput(f"{field}: an expression has at most {EXPRESSION_LENGTH_MAX:,} characters.", field=field)
        import re2  # three megabytes, which an installation without such rules saves

        try:
            self._compiled = re2.compile(source, _options())
        except re2.error as error:
            raise InvalidInput(f"{field}: {_reason(error)}", field=field, action=_ACTION) from None
        except UnicodeEncodeError:
            raise InvalidInput(f"{field}: the expression is not well-formed text.", field=field) from None
        self.source = source

    def matches(self, text: str) -> bool:
        """Whether it is found anywhere in ``text``."""
        return self._compiled.search(text[:_TEXT_MAX].encode("utf-8", "replace").decode()) is not None


_ACTION: Final = "Correct the expression (RE2 syntax: no look-around, no back-references) and send it again."


def _options() -> "re2.Options":
    import re2

    options = re2.Options()
    options.log_errors = False  # the text is a person's; it has no place in our log
    options.max_mem = _MEMORY
    return options


def _reason(error: "re2.error") -> str:
    """RE2's own words, which quote the part that it does not take."""
    words = error.args[0] if error.args else b"it cannot be read"
    text = words.decode("utf-8", "replace") if isinstance(words, bytes) else str(words)
    return f"the expression cannot be used: {text[:200]}."
