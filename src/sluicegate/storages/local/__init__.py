"""Finished files in a folder of this machine: whole or not at all, and never outside the folder."""

from sluicegate.storages.local.adapter import LocalStorage

__all__ = ["LocalStorage"]
