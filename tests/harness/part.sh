#!/usr/bin/env bash
# Runs one part of the proof: part.sh NAME COMMAND...
# With $SPANLAKE_SUMMARY (a directory) set it also keeps the output and notes time, result and number of tests there.
set -uo pipefail
name=$1
shift
if [ -z "${SPANLAKE_SUMMARY:-}" ]; then
  exec "$@"
fi
printf '\n=== %s: %s\n' "$name" "$*"
log=$SPANLAKE_SUMMARY/$name.log
started=$(date +%s)
"$@" 2>&1 | tee "$log"
status=${PIPESTATUS[0]}
seconds=$(($(date +%s) - started))
# What the tools count themselves: cargo ("test result: ok. 3 passed; 0 failed"), vitest ("Tests  1 failed | 12 passed"),
# our own programs ("41 comparisons passed", "9 steps passed"). A part that counts nothing is one test.
counts=$(sed 's/\x1b\[[0-9;]*m//g' "$log" | awk '
  /^test result: /                 { passed += $4; failed += $6 }
  /^ *Tests +[0-9]/                { for (i = 2; i <= NF; i++) { if ($i ~ /^passed/) passed += $(i - 1); if ($i ~ /^failed/) failed += $(i - 1) } }
  /^[0-9]+ (comparisons|steps) passed/ { passed += $1 }
  /^[0-9]+ steps failed/           { failed += $1 }
  END                              { print passed + 0, failed + 0 }')
read -r passed failed <<<"$counts"
if [ "$status" -eq 0 ]; then
  [ "$passed" -gt 0 ] || passed=1
else
  [ "$failed" -gt 0 ] || failed=1
fi
result=ok
[ "$status" -eq 0 ] || result=FAILED
printf '%s %s %s %s %s\n' "$name" "$result" "$seconds" "$passed" "$failed" >>"$SPANLAKE_SUMMARY/parts"
exit "$status"
