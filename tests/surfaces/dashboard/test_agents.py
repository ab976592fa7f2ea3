"""Browsers under the names that people know."""

import pytest

from sluicegate.surfaces.dashboard.agents import browser_name

_WEBKIT = "AppleWebKit/537.36 (KHTML, like Gecko)"


@pytest.mark.parametrize(
    ("agent", "name"),
    [
        (f"Mozilla/5.0 (X11; Linux x86_64) {_WEBKIT} Chrome/140.0.0.0 Safari/537.36", "Chrome on Linux"),
        (f"Mozilla/5.0 (Windows NT 10.0; Win64) {_WEBKIT} Chrome/140.0.0.0 Safari/537.36 Edg/140.0", "Edge on Windows"),
        ("Mozilla/5.0 (Android 15; Mobile; rv:140.0) Gecko/140.0 Firefox/140.0", "Firefox on Android"),
        (
            "Mozilla/5.0 (iPhone; CPU iPhone OS 18_0 like Mac OS X) AppleWebKit/605.1 Version/18.0 Safari/604.1",
            "Safari on iPhone",
        ),
        ("curl/8.5.0", "curl/8.5.0"),
        ("<b>Firefox/1</b> Linux", "<b>Firefox/1</b> Linux"),
        ("Mozilla/5.0 (Unheard Of) Browser/1", "Mozilla/5.0 (Unheard Of) Browser/1"),
        ("", ""),
    ],
)
def test_well_known_browsers_have_names(agent: str, name: str):
    assert browser_name(agent) == name
