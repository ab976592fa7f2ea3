#!/usr/bin/env bash
# Runs every test. Extra arguments go to pytest: make test ARGS="-k magnets".
set -euo pipefail
cd "$(dirname "$0")/.."
exec .venv/bin/python -m pytest "$@"
