"""Background work: each task carries ids only and may run twice."""
