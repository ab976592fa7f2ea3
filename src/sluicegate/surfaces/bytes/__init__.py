"""The byte server: signed links that yield one file's bytes."""
