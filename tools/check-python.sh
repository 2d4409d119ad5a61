#!/usr/bin/env bash
# Says in one sentence why Huifang cannot be installed with this Python, and what to do. Usage: tools/check-python.sh PYTHON
set -euo pipefail
python=$1

stop() {
  echo "$*" >&2
  exit 1
}

command -v "$python" >/dev/null ||
  stop "Python 3.11 or newer is needed and '$python' is not there. Install it, or name yours: make PYTHON=/path/to/python3.11 ..."
"$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))' ||
  stop "Python 3.11 or newer is needed; '$python' is $("$python" --version 2>&1). Name a newer one: make PYTHON=/path/to/python3.11 ..."
"$python" -c 'import ensurepip, venv' 2>/dev/null ||
  stop "'$python' cannot make virtual environments. On Debian and Ubuntu: apt-get install python3-venv"
