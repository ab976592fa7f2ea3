"""The library API (``/v1/torrents``): submit, list, get, cancel, sync, stream."""
