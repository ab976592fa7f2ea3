"""Direct links: ``requestdl`` of the three twins."""

from collections.abc import Callable, Iterable

from sluicegate.sandbox.dialect import Call, Dialect, Route
from sluicegate.sandbox.dialects.torbox.answers import envelope, need, need_number, refuse
from sluicegate.sandbox.dialects.torbox.families import FAMILIES, Family
from sluicegate.sandbox.dialects.torbox.items import world_id
from sluicegate.sandbox.transfers import Transfer, chosen_size
from sluicegate.sandbox.wire import Answer, Refused

__all__ = ["LinkCalls"]


class LinkCalls:
    """``requestdl``: the key is in the query, so the routes are open and let callers in themselves."""

    def __init__(self, dialect: Dialect) -> None:
        self._dialect = dialect
        self._world = dialect.world

    def routes(self) -> Iterable[Route]:
        """Paths of this part."""
        for family in FAMILIES:
            yield Route("GET", f"/v1/api/{family.group}/requestdl", self._request(family), open=True)

    def _request(self, family: Family) -> Callable[[Call], Answer]:
        def handler(call: Call) -> Answer:
            """The link as text in ``data``, or a 307 to it."""
            query = call.request.query
            token, number = need(query, "token"), need_number(query, family.link_id)
            refused = self._dialect.refusal(call.visitor, token)
            if refused is not None:
                raise Refused(refused)
            file_id = need_number(query, "file_id", 0)
            link = self._link(self._ready(call, family, number), file_id, zipped=query.flag("zip_link"))
            if query.flag("redirect"):
                return Answer.redirect(link)
            return envelope(link, f"{family.noun.capitalize()} download requested successfully.")

        return handler

    def _ready(self, call: Call, family: Family, number: int) -> Transfer:
        code = world_id(family.kind, number)
        found = self._world.transfer(call.account, code)
        if found is None:
            raise refuse("NOT_OWNER" if self._world.taken("torbox", code) else "ITEM_NOT_FOUND")
        if not self._world.progress(found).ready:
            raise refuse("DATABASE_ERROR")
        return found

    def _link(self, transfer: Transfer, file_id: int, *, zipped: bool) -> str:
        content = self._world.content(transfer.source)
        if zipped:
            return self._dialect.packed_link(content, content.name + ".zip", chosen_size(transfer, content))
        if not 0 <= file_id < len(content.files):
            raise refuse("ITEM_NOT_FOUND")
        return self._dialect.file_link(content, file_id)
