"""What yt-dlp is given: one handler, fixed options, nothing of the user's but enumerated choices."""

import pytest

from sluicegate.core.errors import UnsafeSource
from sluicegate.media.confine import Confinement
from sluicegate.media.extractor.network import MAX_DOCUMENT, SluicegateRH
from sluicegate.media.extractor.reader import PageReader
from sluicegate.media.extractor.refusal import Refusal
from sluicegate.media.wire import Order

CONFINEMENT = Confinement(parent=0, folder="/nonexistent", cpu_seconds=1, memory=1, file_size=1)
DANGEROUS = {
    "exec_cmd", "external_downloader", "external_downloader_args", "postprocessors", "postprocessor_args",
    "cookiefile", "cookiesfrombrowser", "usenetrc", "netrc_cmd", "netrc_location", "username", "password",
    "config_locations", "plugin_dirs", "load_info_filename", "download_archive", "outtmpl_na_placeholder",
    "writeinfojson", "writelink", "writeurllink", "writedesktoplink", "writethumbnail", "nocheckcertificate",
    "source_address", "client_certificate", "impersonate", "allow_unplayable_formats", "match_filter",
}  # fmt: skip


def order(**more: object) -> Order:
    return Order(url="http://127.0.0.1:1/?token=secret", confinement=CONFINEMENT, **more)  # type: ignore[arg-type]


@pytest.fixture
def reader() -> PageReader:
    return PageReader(order(proxy="http://child:word@127.0.0.1:1", subtitles=True, thumbnail=True))


def test_only_our_handler_through_only_our_proxy(reader: PageReader) -> None:
    handlers = reader._request_director.handlers

    assert list(handlers) == ["Sluicegate"]
    assert isinstance(handlers["Sluicegate"], SluicegateRH)
    assert handlers["Sluicegate"]._get_proxies(None) == {"all": "http://child:word@127.0.0.1:1"}


def test_no_dangerous_option_is_set(reader: PageReader) -> None:
    """T19: the options are a fixed set."""
    assert {name for name in DANGEROUS if reader.params.get(name)} == set()
    assert reader.params["enable_file_urls"] is False
    assert reader.params["js_runtimes"] == {}
    assert reader.params["cachedir"] is False


def test_orders_differ_in_three_options_only() -> None:
    """The resolution, the container's preferences and whether a list is read: all enumerated."""
    plain = PageReader(order()).params
    other = PageReader(order(fetch=False, max_height=480, container="webm", clip_start=1.0, max_bytes=5)).params
    changed = {name for name in plain.keys() | other.keys() if plain.get(name) != other.get(name)}

    assert changed - {"logger", "format", "retry_sleep_functions", "http_headers"} == {
        "format_sort", "noplaylist", "playlist_items", "extract_flat", "playlistend"
    }  # fmt: skip


@pytest.mark.parametrize("url", ["file:///etc/passwd", "data:,x", "ftp://x/y", "gopher://x/", "ws://x/", "x"])
def test_handler_refuses_foreign_addresses(reader: PageReader, url: str) -> None:
    with pytest.raises(Refusal) as caught:
        reader.urlopen(url)
    assert isinstance(caught.value.error, UnsafeSource)


def test_order_shows_no_secret() -> None:
    text = repr(order(proxy="http://child:word@127.0.0.1:1"))

    assert "secret" not in text
    assert "word" not in text


def test_bound_of_documents_is_far_below_the_memory_limit() -> None:
    assert MAX_DOCUMENT * 8 < 2 << 30
