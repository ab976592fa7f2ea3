"""Debrid-Link, API v2."""

from sluicegate.sandbox.dialects.debridlink.dialect import DebridLink

__all__ = ["DebridLink"]
