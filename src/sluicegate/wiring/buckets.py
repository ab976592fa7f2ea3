"""How users' buckets are opened: through the one HTTP client, loaded only when there is one."""

from sluicegate.core.destinations import Place
from sluicegate.core.ports import Clock
from sluicegate.core.secrets import Secret
from sluicegate.core.storage import Storage
from sluicegate.net.http import Http
from sluicegate.services.destinations import StorageOpener

__all__ = ["bucket_opener"]


def bucket_opener(http: Http, clock: Clock) -> StorageOpener:
    """Opens buckets with this client."""

    def open_place(place: Place, secret: Secret) -> Storage:
        from sluicegate.storages.object_store import open_bucket

        return open_bucket(http, clock, place, secret)

    return open_place
