#!/usr/bin/env bash
# A reader that knows nothing of Spanlake counts the same rows: Python's deltalake over <data-dir>/lake.
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
venv=$("$here/../harness/venv.sh" foreign "$here/requirements.txt")
PYTHONPATH="$here/../harness" PYTHONDONTWRITEBYTECODE=1 exec "$venv/bin/python" "$here/foreign_reader.py"
