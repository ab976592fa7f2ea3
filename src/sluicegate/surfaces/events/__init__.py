"""The change stream (``GET /v1/events``): server-sent events about the caller's own jobs."""
