"""Use cases; policy lives here and nowhere else."""
