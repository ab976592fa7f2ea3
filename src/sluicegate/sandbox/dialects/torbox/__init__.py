"""TorBox's REST API, below ``/torbox``."""

from sluicegate.sandbox.dialects.torbox.dialect import TorBox

__all__ = ["TorBox"]
