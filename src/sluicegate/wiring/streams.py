"""The byte server of an installation: its limits, and what ends its streams."""

from uuid import UUID

from sluicegate.core.usage import Counter
from sluicegate.services.stream_rights import StreamRights
from sluicegate.surfaces.bytes.open_streams import OpenStreams
from sluicegate.surfaces.bytes.routes import application
from sluicegate.surfaces.bytes.stream_watch import StreamWatch
from sluicegate.web.asgi import Application
from sluicegate.wiring.installation import Installation

__all__ = ["byte_server"]


def byte_server(installation: Installation) -> Application:
    """The application below ``/bytes``."""
    rights = StreamRights(installation.database.transactions)
    streams = OpenStreams(per_user=installation.settings.streams_per_user)
    StreamWatch(streams, rights, installation.database.access_changes)
    usage = installation.people.usage

    def sent(user_id: UUID, count: int) -> None:
        usage.count(user_id, Counter.BYTES_STREAMED, count)

    return application(installation.playback, installation.signer, streams=streams, keys=rights, sent=sent)
