"""Adapters: one folder per upstream service, the same four files each."""
