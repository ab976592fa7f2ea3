#!/usr/bin/env bash
# Builds wheel, sdist and bill of materials into dist/, and tries the wheel in a clean environment: the lock's packages
# by their hashes, nothing of the source tree.
set -euo pipefail
cd "$(dirname "$0")/.."
BIN=$PWD/.venv/bin
rm -rf dist
"$BIN/hatchling" build -t sdist -t wheel
"$BIN/python" scripts/runtime_lock.py --sbom >dist/sluicegate.cdx.json
"$BIN/python" scripts/runtime_lock.py >dist/runtime.lock
TRIAL=$(mktemp -d "${TMPDIR:-/tmp}/sluicegate-package-XXXXXX")
trap 'rm -rf "$TRIAL"' EXIT
chmod 711 "$TRIAL"
"$BIN/uv" venv --quiet --python "$BIN/python" "$TRIAL/venv"
"$BIN/uv" pip install --quiet --python "$TRIAL/venv/bin/python" --require-hashes -r dist/runtime.lock
"$BIN/uv" pip install --quiet --python "$TRIAL/venv/bin/python" --no-deps dist/*.whl
(cd "$TRIAL" && env -u PYTHONPATH venv/bin/python "$OLDPWD/scripts/package_trial.py" "$TRIAL/venv/bin/sluicegate" "$TRIAL/data")
echo "package: $(cd dist && echo *)"
