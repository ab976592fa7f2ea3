"""The canonical gateway, ``/api/v0.6-beta``: one header names the providers, one envelope answers for each."""
