"""Premiumize.me: torrents, links and Usenet through one queue and a cloud folder."""
