"""Sluicegate: anything a person can point at becomes files they can stream, mount or keep."""

__version__ = "0.1.0"
