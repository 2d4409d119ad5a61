#!/usr/bin/env bash
# Re-resolves the lock files from pyproject.toml. Usage: tools/lock.sh UV [extra options of `uv pip compile`]
#
# The locks hold names, versions, markers and hashes only: no address of any registry, so they install from any mirror.
#
# Versions already locked are kept; pass --upgrade (or --upgrade-package NAME) to move them.
set -euo pipefail
uv=$1
shift
cd "$(dirname "$0")/.."

lock() {
  local name=$1
  shift
  "$uv" pip compile "$@" \
    --universal --python-version 3.11 --generate-hashes \
    --no-header --no-annotate --no-emit-index-url --no-emit-find-links --no-emit-package huifang \
    --quiet --output-file "requirements/$name.lock" >/dev/null
  echo "requirements/$name.lock: $(grep -c '==' "requirements/$name.lock") packages"
}

lock build requirements/build.in "$@"
lock demo pyproject.toml --extra demo --constraint requirements/build.lock "$@"
# The demo's versions are the tests' versions: what was tested is what runs.
lock test pyproject.toml --extra test --constraint requirements/demo.lock "$@"
lock voices pyproject.toml --extra voices --constraint requirements/test.lock "$@"
