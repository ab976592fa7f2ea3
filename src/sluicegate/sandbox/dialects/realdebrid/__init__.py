"""Real-Debrid's REST API and device login, below ``/realdebrid``."""

from sluicegate.sandbox.dialects.realdebrid.dialect import RealDebrid

__all__ = ["RealDebrid"]
