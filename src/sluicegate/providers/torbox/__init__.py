"""TorBox: torrents, Usenet and web downloads."""
