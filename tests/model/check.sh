#!/bin/bash
# Checks the model of freshness.pml: exhaustively that it holds, and that it fails with any one remedy away.
# tests/model/check.sh [NAME...]; a line for each check, and the memory is bounded. Ends with status 0 only when all is so.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")"
export LC_ALL=C.UTF-8

model=$PWD/freshness.pml
megabytes=3500 # of two searches at a time
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
trap 'exit 130' INT
trap 'exit 143' TERM

plain='-DCRASHES=0 -DRESTARTS=0 -DROLLBACKS=0'
standby="$plain -DREADS=1 -DSTANDBY"
restarts='-DCRASHES=0 -DROLLBACKS=0'
crashes='-DRESTARTS=0 -DROLLBACKS=0 -DREADS=1'
reissued='-DRESTARTS=0 -DTRANSACTIONS=1 -DREADS=1'

# What must come of it, name, definitions. The large ones come first, so that the two processors end together.
checks() {
  cat << END
holds|with a standby, and word of what has passed|$standby -DPASSED
holds|with that, and changes of other tables|$standby -DPASSED -DTRANSACTIONS=1 -DOTHERS=1
holds|with truncations and definitions|$plain -DREDEFINE
holds|with restarts of the sidecars|$restarts
holds|with crashes of PostgreSQL|$crashes
holds|with crashes that have ids issued anew|$reissued
holds|with a Redis that went back|$plain -DREDIS_RESTART
holds|with reads of one's own writes and shared markers|$plain -DREADS=1 -DFORCED -DSHARED
holds|with a shared marker and a standby|$standby -DTRANSACTIONS=1 -DFORCED -DSHARED
fails|without the plugin's wait|$plain -DNO_PLUGIN_WAIT
fails|without a marker|$plain -DNO_MARKER
fails|with the marker after the question|$plain -DMARKER_LATE
fails|with an LSN horizon for a snapshot|$plain -DNO_CONTAINMENT
fails|with a marker that any fill may use|$plain -DNO_TOKEN
fails|with a token answered by a standby|$standby -DFORCED -DFORCED_STANDBY
fails|with an own write ahead of the stream and no snapshot kept|$plain -DREADS=1 -DFORCED -DNO_SNAPSHOT_KEPT
fails|without the snapshot of what is held|$plain -DNO_SNAPSHOT_KEPT
fails|with unstored answers that forget nothing|$plain -DNO_FORGET
fails|without ids in the stream|$restarts -DNO_STREAM_IDS
fails|without a guard against what is applied|$restarts -DNO_APPLIED_GUARD
fails|without a flush before the answer|$crashes -DNO_FLUSH
fails|without a flush, synchronous commits only|$reissued -DNO_FLUSH -DSYNCHRONOUS
fails|without the generation in a fill|$plain -DREDEFINE -DNO_GENERATION
fails|with a definition newer than the snapshot|$plain -DREDEFINE -DLATE_DEFINITION
fails|with a standby's answer whatever it replayed|$standby -DNO_REPLAY_CHECK
fails|with a standby's answer behind the primary's|$standby -DNO_AHEAD_CHECK
fails|with a standby's snapshot at any LSN|$standby -DNO_AGREEMENT
fails|with a record half replayed|$standby -DREPLAYED_ONLY
fails|with a standby ahead of the stream|$standby -DNO_STANDBY_WAIT
fails|with the word of what is flushed, not passed|$standby -DTRANSACTIONS=1 -DPASSED -DPASSED_FLUSHED
fails|with what has passed, and entries before it not applied|$standby -DPASSED -DPASSED_AT_ONCE
fails|with a Redis that went back and was awaited|$plain -DREDIS_RESTART -DTIP_IS_ENOUGH
END
}

# Builds and runs one search in a directory of its own; leaves the outcome in its file `outcome`.
search() { # DIRECTORY EXPECTED DEFINITIONS...
  local directory=$1 expected=$2 optimize=-O1
  shift 2
  cd "$directory"
  # Most searches that fail end sooner than a better compilation would.
  if [ "$expected" = holds ]; then optimize=-O2; fi
  spin "$@" -a "$model" > spin.log
  # -w: the warnings are about what spin writes.
  cc "$optimize" -w -DSAFETY -DNOCLAIM "-DMEMLIM=$((megabytes / 2))" -o pan pan.c
  # c1: the first error ends it. Never a bit state or a hash instead of the state: all states are told apart.
  ./pan -m100000 -w22 -c1 > pan.log || true
  local errors states
  errors=$(sed -n 's/.*, errors: \([0-9]*\)$/\1/p' pan.log)
  states=$(sed -n 's/^ *\([0-9.e+]*\) states, stored.*/\1/p' pan.log)
  if grep -qE 'max search depth too small|out of memory|reached -DMEMLIM' pan.log || [ -z "$errors" ]; then
    outcome='was truncated'
  elif [ "$errors" -eq 0 ] && ! grep -q 'Search not completed' pan.log; then
    outcome=holds
  elif grep -q '^pan:.*assertion violated' pan.log; then
    outcome=fails
  else
    outcome='ended otherwise'
  fi
  if [ "$outcome" = "$expected" ]; then mark=ok; else mark=FAILED; fi
  echo "$mark|$outcome|${states:-0}" > outcome
  rm -f pan pan.c
}

run_one() { # NUMBER EXPECTED NAME DEFINITIONS
  local directory=$work/$1 started=$SECONDS mark outcome states
  mkdir "$directory"
  # shellcheck disable=SC2086 # a list of definitions
  (search "$directory" "$2" $4) > "$directory/log" 2>&1 || true
  IFS='|' read -r mark outcome states < "$directory/outcome" || {
    mark=FAILED outcome='did not run' states=0
    cat "$directory/log"
  }
  # One write a line, as two run at a time.
  printf '%-6s  %s %s (%s states, %d s)\n' "$mark" "$outcome" "$3" "$states" $((SECONDS - started))
  if [ "$mark" != ok ]; then
    if [ -s "$directory/pan.log" ]; then head -n 20 "$directory/pan.log"; fi
    echo "$3" >> "$work/failed"
  fi
  rm -rf "$directory"
}

number=0 ran=0
while IFS='|' read -r expected name definitions; do
  if [ $# -gt 0 ] && [[ " $* " != *" $name "* ]]; then continue; fi
  number=$((number + 1))
  if [ "$(jobs -rp | wc -l)" -ge 2 ]; then wait -n; fi
  run_one "$number" "$expected" "$name" "$definitions" < /dev/null &
  ran=$((ran + 1))
done < <(checks)
wait

if [ "$ran" -eq 0 ] || [ -e "$work/failed" ]; then exit 1; fi
