"""Lists of supported hosters."""

import re
from collections.abc import Iterable

from sluicegate.sandbox.dialect import Call, Dialect, Route
from sluicegate.sandbox.dialects.realdebrid.answers import shown, stamp
from sluicegate.sandbox.wire import Answer

__all__ = ["HosterCalls"]


class HosterCalls:
    """``/hosts/*``."""

    def __init__(self, dialect: Dialect) -> None:
        self._world = dialect.world

    def routes(self) -> Iterable[Route]:
        """Paths of this part."""
        root = "/rest/1.0/hosts"
        return (
            Route("GET", root, self.hosts, open=True),
            Route("GET", f"{root}/status", self.status),
            Route("GET", f"{root}/regex", self.patterns, open=True),
            Route("GET", f"{root}/regexFolder", self.folder_patterns, open=True),
            Route("GET", f"{root}/domains", self.domains, open=True),
        )

    def hosts(self, call: Call) -> Answer:
        """Hosters by main domain."""
        images = "https://fcdn.real-debrid.com/images/hosters"
        return shown(
            {
                host.domains[0]: {
                    "id": host.id[:2],
                    "name": host.name,
                    "image": f"{images}/{host.id}.png",
                    "image_big": f"{images}/{host.id}_b.png",
                }
                for host in self._world.hosts()
            }
        )

    def status(self, call: Call) -> Answer:
        """Hosters with their state."""
        now = stamp(self._world.clock.now())
        return shown(
            {
                host.domains[0]: {
                    "id": host.id[:2],
                    "name": host.name,
                    "image": f"https://fcdn.real-debrid.com/images/hosters/{host.id}.png",
                    "supported": 1,
                    "status": "up",
                    "check_time": now,
                    "competitors_status": {"alldebrid.com": {"status": "up", "check_time": now}},
                }
                for host in self._world.hosts()
            }
        )

    def patterns(self, call: Call) -> Answer:
        """PHP-style patterns of file links."""
        return shown([_pattern(domain, r"\/.+") for domain in self._domains()])

    def folder_patterns(self, call: Call) -> Answer:
        """PHP-style patterns of folder links."""
        return shown([_pattern(domain, r"\/(dir|folder)\/.+") for domain in self._domains()])

    def domains(self, call: Call) -> Answer:
        """Every domain."""
        return shown(self._domains())

    def _domains(self) -> list[str]:
        return [domain for host in self._world.hosts() for domain in host.domains]


def _pattern(domain: str, tail: str) -> str:
    return rf"/(http|https):\/\/(\w+\.)?{re.escape(domain)}{tail}/"
