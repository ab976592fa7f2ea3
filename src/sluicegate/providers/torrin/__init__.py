"""Torrin: torrents, Usenet and web downloads, over its native API."""
