"""The media jobs API: ``/jobs``, ``/batch``, ``/metadata``, ``/usage``, ``/dashboard`` (fact sheet: media jobs)."""
