"""The reference pages say what the code says."""

import pytest
from scripts.write_docs import DOCS, PAGES, commands

from sluicegate.settings import Settings


@pytest.mark.parametrize("name", PAGES)
def test_the_page_is_current(name: str):
    assert (DOCS / name).read_text() == PAGES[name](), "run: .venv/bin/python scripts/write_docs.py"


def test_every_setting_is_described_and_listed():
    page = (DOCS / "settings.md").read_text()
    for name, field in Settings.model_fields.items():
        assert field.description, name
        assert field.description.endswith("."), name
        assert f"`SLUICEGATE_{name.upper()}`" in page


def test_every_command_and_option_is_described_and_listed():
    page = (DOCS / "cli.md").read_text()
    known = dict(commands())
    assert {"sluicegate serve", "sluicegate keys revoke", "sluicegate jobs watch"} <= set(known)
    for path, command in known.items():
        assert command.help, path
        assert f"## `{path}" in page
        for parameter in command.params:
            assert getattr(parameter, "help", None), f"{path} {parameter.name}"
