"""What the exceptions of yt-dlp mean, by class and field."""

import errno
import io
import sys
import time

import pytest
from yt_dlp.networking.common import Response
from yt_dlp.networking.exceptions import HTTPError, NoSupportingHandlers, TransportError
from yt_dlp.utils import DownloadError, ExtractorError, GeoRestrictedError, UnsupportedError, UserNotLive

from sluicegate.core.errors import (
    ExtractionFailed,
    ForbiddenAddress,
    MediaProtected,
    MediaRestricted,
    NoMedia,
    NotReady,
    SluicegateError,
    StorageFull,
    UnsafeSource,
)
from sluicegate.media.extractor.failures import explain, not_begun
from sluicegate.media.extractor.reader import chosen_formats
from sluicegate.media.extractor.refusal import Refusal


def http_error(status: int, **headers: str) -> HTTPError:
    return HTTPError(Response(io.BytesIO(b""), "http://x/", headers, status=status))


def wrapped(error: BaseException) -> DownloadError:
    """As yt-dlp reports an error: an extractor error around it, a download error around that."""
    try:
        raise ExtractorError("Unable to download webpage", cause=error) from error
    except ExtractorError:
        return DownloadError("ERROR", sys.exc_info())


@pytest.mark.parametrize(
    ("error", "kind"),
    [
        (GeoRestrictedError("not here", countries=["DE"]), MediaRestricted),
        (UnsupportedError("http://x/"), NoMedia),
        (UserNotLive(), NotReady),
        (ExtractorError("Private video. Sign in", expected=True), MediaRestricted),
        (ExtractorError("Unable to extract title"), ExtractionFailed),
        (KeyError("formats"), ExtractionFailed),
        (http_error(404), MediaRestricted),
        (http_error(403), ExtractionFailed),
        (http_error(429), ExtractionFailed),
        (http_error(500), ExtractionFailed),
        (http_error(302), UnsafeSource),
        (http_error(403, **{"X-Sluicegate-Refused": "address"}), ForbiddenAddress),
        (http_error(403, **{"X-Sluicegate-Refused": "limit"}), UnsafeSource),
        (TransportError(cause=TimeoutError()), ExtractionFailed),
        (OSError(errno.ENOSPC, "No space"), StorageFull),
        (OSError(errno.EDQUOT, "Quota"), StorageFull),
        (OSError(errno.EFBIG, "Too large"), UnsafeSource),
        (MemoryError(), UnsafeSource),
        (RecursionError(), UnsafeSource),
        (Refusal(MediaProtected()), MediaProtected),
        (NoSupportingHandlers([], [Refusal(UnsafeSource("x"))]), UnsafeSource),
    ],
    ids=repr,
)
def test_meaning(error: Exception, kind: type[SluicegateError]) -> None:
    assert type(explain(error)) is kind
    assert type(explain(wrapped(error))) is kind
    with pytest.raises(DownloadError) as outer:
        raise DownloadError("while handling") from error
    assert type(explain(outer.value)) is kind


def test_wait_of_the_server() -> None:
    assert explain(http_error(429, **{"Retry-After": "31"})).retry_after == 31
    assert explain(http_error(503, **{"Retry-After": "Wed, 21 Oct 2015 07:28:00 GMT"})).retry_after is None


def test_text_of_the_site_is_quoted_without_addresses() -> None:
    error = ExtractorError("Ask at\nhttps://x.example/?token=secret \x1b[31mnow" + "y" * 1000, expected=True)

    detail = explain(error).detail

    assert "secret" not in detail
    assert "Ask at (address)" in detail
    assert detail.isprintable()
    assert len(detail) < 400


def test_endless_causes_end() -> None:
    first, second = ValueError("a"), ValueError("b")
    first.__cause__, second.__cause__ = second, first

    assert isinstance(explain(first), ExtractionFailed)


def test_broadcast_to_come() -> None:
    soon = not_begun(time.time() + 3600).retry_after
    assert soon is not None
    assert 3500 < soon <= 3600
    assert not_begun(time.time() - 50).retry_after == 10
    assert not_begun(None).retry_after == 60


@pytest.mark.parametrize(
    ("info", "kind"),
    [
        ({"live_status": "is_upcoming", "release_timestamp": 4_000_000_000}, NotReady),
        ({"_has_drm": True, "formats": []}, MediaProtected),
        ({"formats": [{"vcodec": "none"}]}, MediaProtected),
        ({"formats": []}, NoMedia),
        ({"url": "rtmp://x/y", "protocol": "rtmp"}, NoMedia),
        ({"url": "wss://x/y", "protocol": "websocket_frag"}, NoMedia),
    ],
)
def test_nothing_to_fetch(info: dict[str, object], kind: type[SluicegateError]) -> None:
    with pytest.raises(Refusal) as caught:
        chosen_formats(info)
    assert type(caught.value.error) is kind
