#!/usr/bin/env bash
# Real clients: the OpenTelemetry SDKs for Python and Node.js send to the real binary, and what they sent is found.
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
venv=$("$here/../harness/venv.sh" sdk "$here/requirements.txt")
[ "$here/node/node_modules/.package-lock.json" -nt "$here/node/package-lock.json" ] ||
  npm ci --prefix "$here/node" --ignore-scripts --no-audit --no-fund --loglevel=error
PYTHONPATH="$here/../harness" PYTHONDONTWRITEBYTECODE=1 exec "$venv/bin/python" "$here/run.py"
