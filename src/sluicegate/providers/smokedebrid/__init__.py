"""SmokeDebrid: the built-in test provider, which lives in the sandbox."""
