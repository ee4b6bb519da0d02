# Sourced by the scripts beside it: Chromium and the packages are there afterwards.
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
CHROMIUM=$("$here/../harness/chromium.sh")
export CHROMIUM
[ "$here/node_modules/.package-lock.json" -nt "$here/package-lock.json" ] ||
  npm ci --prefix "$here" --ignore-scripts --no-audit --no-fund --loglevel=error
