"""Imitations of the providers' real protocols, faults included."""
