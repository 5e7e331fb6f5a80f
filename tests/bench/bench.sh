# shellcheck shell=bash
# What the benchmarks share: the workspace of the tests, a private server, and the form of a result. Sourced.

# shellcheck source=tests/check/workspace.sh
. "$(dirname "${BASH_SOURCE[0]}")/../check/workspace.sh"
bench_results=$root/build/bench
export LC_ALL=C.UTF-8

begin_bench() {
  umask 022
  cd "$root" || exit 1
  trap end_workspace EXIT
  trap 'exit 130' INT
  trap 'exit 143' TERM HUP PIPE
  mkdir -p "$bench_results"
  make_workspace
  fill_workspace
  psql_to=("${as_test_user[@]}" psql --no-psqlrc --quiet --no-align --tuples-only --set ON_ERROR_STOP=1
    --host "$work/run/pg" --port 5432 --username postgres)
}

fail_bench() { # REASON
  printf 'bench: %s\n' "$1" >&2
  exit 1
}

# Runs psql; what it prints is in $answer. Not a command substitution, so that Ctrl-C ends the wait.
ask() { # DATABASE ARGUMENTS...
  local database=$1
  shift
  run_child "${psql_to[@]}" --dbname "$database" "$@" > "$work/answer" || fail_bench "psql failed: $*"
  answer=$(< "$work/answer")
}

# A server on a socket in the workspace, with further settings (name=value) and output plugins beside its own.
start_bench_server() { # PLUGINS SETTING...
  local plugins=$1 setting
  shift
  run_child "${as_test_user[@]}" bash "$work/src/tests/check/regress_server.sh" start "$work/run/pg" ||
    fail_bench "the server does not start"
  for setting in "$@"; do
    ask postgres --command "ALTER SYSTEM SET ${setting%%=*} = '${setting#*=}'"
  done
  ask postgres --command "SELECT current_setting('output_plugin_libraries', true)"
  if [ -n "$answer" ] && [ -n "$plugins" ]; then
    ask postgres --command "SELECT string_agg(quote_literal(trim(name)), ', ')
      FROM unnest(string_to_array('$answer,$plugins', ',')) name"
    ask postgres --command "ALTER SYSTEM SET output_plugin_libraries = $answer"
  fi
  run_child "${as_test_user[@]}" pg_ctl --pgdata "$work/run/pg/data" --log "$work/run/pg/postgres.log" --wait --silent restart ||
    fail_bench "the server does not start with the benchmark's settings"
}

# A JSON object that tells the machine and the server; jq's own arguments (--arg, --argjson) add to it by their names.
describe_setup() { # JQ ARGUMENTS...
  local cpu
  cpu=$(sed -n 's/^model name[[:space:]]*: //p' /proc/cpuinfo | head -n 1)
  ask postgres --command 'SHOW server_version'
  jq -n "$@" --arg cpu "${cpu:-$(uname -m)}" --argjson cores "$(nproc)" --arg postgresql "$answer" \
    --arg load "$(cut -d ' ' -f 1 /proc/loadavg)" \
    '{cpu: $cpu, cores: $cores, postgresql: $postgresql, load_average_at_end: ($load | tonumber)} + $ARGS.named
     | del(.load)'
}

# Figures and ratios, a line each.
print_result() { # RESULT
  jq -r '.figures, .ratios | to_entries[] | "\(.key): \(.value | tostring)"' <<< "$1"
}

# build/bench/NAME.json, whole or not at all.
write_result() { # NAME FIGURES RATIOS SETUP
  jq -n --arg bench "$1" --argjson figures "$2" --argjson ratios "$3" --argjson setup "$4" \
    '{bench: $bench, figures: $figures, ratios: $ratios, setup: $setup}' > "$work/result.json"
  mv "$work/result.json" "$bench_results/$1.json"
  printf '\n%s\n' "build/bench/$1.json"
}
