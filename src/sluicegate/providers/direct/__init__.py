"""Plain HTTP downloads without an account: ranged, resumable, in parallel where the host allows it."""
