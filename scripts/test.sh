#!/usr/bin/env bash
# Runs every test. Extra arguments go to pytest: make test ARGS="-k magnets".
set -euo pipefail
cd "$(dirname "$0")/.."
# The dashboard is tested in a real browser; whoever may install it gets it, everybody else is told by the tests. The
# same browser without windows, where there is a package of it, takes a third of the time.
if ! command -v chromium-headless-shell >/dev/null && [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null; then
  export DEBIAN_FRONTEND=noninteractive
  install() { timeout 480 apt-get install -y -qq --no-install-recommends "$1" >/dev/null 2>&1; }
  install chromium-headless-shell ||
    [ -n "$(command -v chromium chromium-browser google-chrome | head -n 1)" ] ||
    { timeout 120 apt-get update -qq >/dev/null && { install chromium-headless-shell || install chromium; }; } ||
    echo "chromium could not be installed; the tests of the dashboard will fail" >&2
fi
# What tests write is thrown away: kept in memory where there is room for it, it costs a tenth of the time.
room=${TMPDIR:-/tmp}
if [ -z "${TMPDIR:-}" ] && [ -w /dev/shm ] && grep -qE '^\S+ /dev/shm tmpfs' /proc/mounts &&
  ! grep -qE '^\S+ /dev/shm \S+ \S*noexec' /proc/mounts &&
  [ "$(df --output=avail -k /dev/shm | tail -n 1)" -gt $((4 << 20)) ] &&
  [ "$(awk '/^MemAvailable/ {print $2}' /proc/meminfo)" -gt $((8 << 20)) ]; then
  room=/dev/shm
fi
TMPDIR=$(mktemp -d "$room/sg.XXXXXX") # a short name: sockets lie in it
chmod 711 "$TMPDIR"                   # the database's own user goes through it
export TMPDIR
unset PYTHONDONTWRITEBYTECODE # what is compiled once serves all processes after it
trap 'rm -rf "$TMPDIR"' EXIT
# Most tests wait for something, so more processes than a small machine has cores end sooner than as many.
# A file stays in one of them: session fixtures (database, server) are made once for each process. Files come in the
# order of tests/conftest.py, long ones first, and not by how many tests they have.
.venv/bin/python -m pytest -n "${TEST_PROCESSES:-5}" --dist loadfile --no-loadscope-reorder "$@"
