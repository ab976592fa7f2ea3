"""Premiumize.me, as its page documents it today."""

from sluicegate.sandbox.dialects.premiumize.dialect import Premiumize

__all__ = ["Premiumize"]
