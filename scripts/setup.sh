#!/usr/bin/env bash
# Makes .venv in the project root from requirements.lock (every package pinned, every file checked by hash).
set -euo pipefail
cd "$(dirname "$0")/.."
PY=${PY:-python3}
"$PY" -c 'import sys; sys.exit(0 if sys.version_info >= (3, 11) else 1)' 2>/dev/null || {
	echo "setup: Python 3.11 or newer is needed ('$PY' is older or missing); try: make setup PY=python3.12" >&2
	exit 1
}
if [ ! -x .venv/bin/python ]; then
	"$PY" -m venv .venv || {
		echo "setup: '$PY' cannot make virtual environments; on Debian install the package python3-venv" >&2
		exit 1
	}
fi
export PIP_DISABLE_PIP_VERSION_CHECK=1
if [ ! -x .venv/bin/uv ]; then
	# uv installs the rest ten times faster than pip; its own pin and hashes come from the same lock file.
	awk '/^uv==/{p=1} p{print} p && !/\\$/{exit}' requirements.lock >.venv/uv.lock
	.venv/bin/python -m pip install --quiet --require-hashes --no-deps -r .venv/uv.lock
fi
# Compiled once here: where Python may not write its caches, every start would compile everything anew.
.venv/bin/uv pip sync --compile-bytecode --quiet --python .venv/bin/python --require-hashes requirements.lock
.venv/bin/uv pip install --quiet --python .venv/bin/python --no-deps --no-build-isolation -e .
.venv/bin/python -m compileall -q -j 0 src
echo "setup: .venv is ready"
