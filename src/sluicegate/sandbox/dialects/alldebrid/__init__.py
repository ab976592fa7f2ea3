"""AllDebrid, API v4 and v4.1."""

from sluicegate.sandbox.dialects.alldebrid.dialect import AllDebrid

__all__ = ["AllDebrid"]
