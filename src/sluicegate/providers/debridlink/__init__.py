"""Debrid-Link: torrents and hoster links."""
