#!/usr/bin/env bash
# Runs every test. Extra arguments go to pytest: make test ARGS="-k magnets".
set -euo pipefail
cd "$(dirname "$0")/.."
# The dashboard is tested in a real browser; whoever may install it gets it, everybody else is told by the tests.
if [ -z "$(command -v chromium chromium-browser google-chrome | head -n 1)" ] && [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null; then
  export DEBIAN_FRONTEND=noninteractive
  { timeout 120 apt-get update -qq && timeout 480 apt-get install -y -qq --no-install-recommends chromium; } >/dev/null ||
    echo "chromium could not be installed; the tests of the dashboard will fail" >&2
fi
# Most tests wait for something, so twice as many processes as a small machine has cores end sooner than half of them.
# A file stays in one of them: session fixtures (database, server) are made once for each process. Files come in the
# order of tests/conftest.py, long ones first, and not by how many tests they have.
exec .venv/bin/python -m pytest -n "${TEST_PROCESSES:-4}" --dist loadfile --no-loadscope-reorder "$@"
