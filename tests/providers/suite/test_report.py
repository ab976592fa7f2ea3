"""The documentation says what the adapters can."""

from tests.providers.suite.report import PAGE, WORDS, capability_table, limit_table

from sluicegate.core.provider import Capability


def test_every_capability_has_a_word() -> None:
    assert set(WORDS) == set(Capability)


def test_page_is_up_to_date() -> None:
    """Fails when a provider or capability is new: run ``python -m tests.providers.suite.report``."""
    text = PAGE.read_text("utf-8")
    assert capability_table() in text
    assert limit_table() in text
