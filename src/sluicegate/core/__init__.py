"""The field's values, states, errors and ports; no framework, no SQL, no HTTP."""
