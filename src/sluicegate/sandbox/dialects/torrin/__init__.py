"""Torrin: its native API and the StremThru store surface, over one table of jobs."""

from sluicegate.sandbox.dialects.torrin.dialect import Torrin

__all__ = ["Torrin"]
