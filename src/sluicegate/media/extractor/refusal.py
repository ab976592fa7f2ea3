"""The child's own stop signs."""

from yt_dlp.networking.exceptions import RequestError

from sluicegate.core.errors import SluicegateError

__all__ = ["Refusal"]


class Refusal(RequestError):  # type: ignore[misc]  # yt-dlp has no types
    """Ends the work with an error of the core.

    It is a request error, because that is the one family that yt-dlp passes on from its network layer unchanged, and
    not a transport error, because those are tried again.

    Attributes:
        error: what to tell the server.
    """

    def __init__(self, error: SluicegateError) -> None:
        self.error = error
        super().__init__(error.detail)
