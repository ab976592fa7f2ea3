"""The media jobs API: ``/jobs`` (fact sheet: media jobs)."""
