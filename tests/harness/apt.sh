#!/usr/bin/env bash
# Installs Debian packages: apt.sh PACKAGE... As root directly, else with sudo.
set -euo pipefail
sudo=()
[ "$(id -u)" -eq 0 ] || sudo=(sudo)
export DEBIAN_FRONTEND=noninteractive
"${sudo[@]}" apt-get update -q
"${sudo[@]}" apt-get install -q -y --no-install-recommends "$@"
