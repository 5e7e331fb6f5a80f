#!/bin/bash
# The container images and the compose file, built and run with a real engine: containers.sh RESULTS [NAME...]
#
# Called by tests/check/run.sh in a directory of its own, where it leaves nothing. NAMEs limit the tests to the named
# functions. Each line of RESULTS is what run.sh counts: pass, fail or skip, a number, a name or a reason.
set -uo pipefail
export LC_ALL=C.UTF-8 PATH=/usr/sbin:/usr/bin:/sbin:/bin

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
root=$(cd "$here/../.." && pwd)
results=$1
shift
names=("$@")
cache=$root/build/containers
work=$PWD/engine
# shellcheck source=tests/containers/engine.sh
. "$here/engine.sh"
# shellcheck source=tests/containers/checks.sh
. "$here/checks.sh"

report() { # pass|fail|skip TEXT
  printf '%s\t1\tcontainers: %s\n' "$1" "$2" >> "$results"
  printf '%-8s%s\n' "$(sed 's/pass/ok/; s/fail/FAILED/; s/skip/skipped/' <<< "$1")" "$2"
}

# Polls a command; fails at the deadline, or at once when the command ends with status 2.
await() { # SECONDS COMMAND...
  local deadline=$((SECONDS + $1)) status
  shift
  while :; do
    status=0
    "$@" || status=$?
    if [ "$status" -eq 0 ]; then return 0; fi
    if [ "$status" -eq 2 ] || [ "$SECONDS" -ge "$deadline" ]; then return 1; fi
    sleep 0.1
  done
}

# Runs one function as a test; what it writes explains a failure.
it() { # NAME FUNCTION [ARGUMENTS]
  local name=$1 started=$SECONDS
  shift
  if [ ${#names[@]} -gt 0 ] && [[ " ${names[*]} " != *" $1 "* ]]; then return 0; fi
  if "$@" > "$work/output" 2>&1; then
    report pass "$name ($((SECONDS - started)) s)"
    sed -n 's/^note: /        /p' "$work/output"
  else
    report fail "$name"
    tail -n 60 "$work/output"
    return 1
  fi
}

# What explains a failure goes where run.sh looks for logs.
# shellcheck disable=SC2317 # called by the trap
finish() {
  trap '' INT TERM HUP
  if [ "$engine_patience" -gt 2 ] && [ -n "$engine_pid" ] && grep -qs '^fail' "$results"; then
    timeout 20 docker-compose -f "$root/docker/compose.yaml" logs --no-color > "$PWD/compose.log" 2>&1
    timeout 5 docker ps --all > "$PWD/ps.log" 2>&1
    cp "$work"/*.log "$PWD/" 2> /dev/null
  fi
  stop_engine
  rm -rf "$work"
}

rm -f "$results"
mkdir -p "$work"
trap finish EXIT
# Who interrupts does not wait long: run.sh kills after 8 seconds.
trap 'engine_patience=2; exit 130' INT
trap 'engine_patience=2; exit 143' TERM HUP

it 'Dockerfiles keep to the rules of the house' dockerfiles_keep_the_rules

obstacle=$(engine_obstacle)
if [ -n "$obstacle" ]; then
  report skip "no container engine can be started: $obstacle"
  exit 0
fi
if ! start_engine "$work" "$cache"; then
  tail -n 20 "$work/engine.log"
  report skip "no container engine can be started: $(grep -v 'level=\(info\|warning\)' "$work/engine.log" | tail -n 1)"
  exit 0
fi
if ! base_image "$work" "$cache"; then
  tail -n 20 "$work/base.log"
  report skip 'no base image: the registry does not answer, and mmdebstrap could not make one'
  exit 0
fi

# A free port, and a project that only this engine knows.
export COMPOSE_PROJECT_NAME=itemize ITEMIZE_PORT=0
names_of_tests=("${names[@]}")
names=() # what everything else needs runs always
it 'the images are built' build_images || exit 1
it 'one command starts the absolute mode, which answers on the printed port' start_all || exit 1
names=("${names_of_tests[@]}")

it 'the images are as large as the documentation says' sizes_fit_the_documentation
it 'images say what they are, and hold no compiler' images_are_labelled_and_lean
it 'the demo catalogue is served, and the doctor finds nothing missing' catalogue_is_served
it 'a row written with psql in one container is read, and its event heard, through the other' row_reaches_client 4711
it 'no container runs as root, writes to its root file system or has a capability' containers_are_confined
it 'no password is seen in inspect, logs, process lists or layers' passwords_are_not_seen
it 'without its password nobody gets in' doors_are_closed
for service in sidecar redis database; do
  it "the $service container heals after kill -9, with its data" heals_after_kill "$service"
done
it 'a restart keeps the data' restart_keeps_data
it 'the modes that serve no HTTP are healthy while their servers are' other_modes_are_healthy
it 'the plain database image: password by file, init scripts, CREATE EXTENSION in any database' plain_database
it 'a first start that was killed begins anew; data of another version is refused' first_start_is_safe
it 'down -v leaves no container, volume or network' down_leaves_nothing
keep_build_cache
