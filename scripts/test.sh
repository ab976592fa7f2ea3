#!/usr/bin/env bash
# Runs every test. Extra arguments go to pytest: make test ARGS="-k magnets".
set -euo pipefail
cd "$(dirname "$0")/.."
# Two test processes: a file stays in one of them, so session fixtures (database, server) are made twice at most.
exec .venv/bin/python -m pytest -n "${TEST_PROCESSES:-2}" --dist loadfile "$@"
