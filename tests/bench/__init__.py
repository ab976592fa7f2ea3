"""Benchmarks: ``python -m tests.bench``. One module in ``rows`` for each row."""
