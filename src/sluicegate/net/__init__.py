"""The one door out: guarded, paced, redacted connections."""
