#!/bin/bash
# Decoding time of this plugin beside others: tests/bench/decoding.sh
#
# Rows are inserted in one transaction, then updated twice, each time in a transaction of its own. All plugins decode the
# same WAL through pg_logical_slot_peek_*, one after another and in another order in each round. BENCH_ROWS and
# BENCH_ROUNDS make it smaller for a try. The result is build/bench/decoding.json.
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
# shellcheck source=tests/bench/bench.sh
. "$here/bench.sh"

rows=${BENCH_ROWS:-200000}
rounds=${BENCH_ROUNDS:-7}
passes=2
plugins=(itemize pgoutput pgoutput_text wal2json test_decoding empty)
empty_library=itemize_bench_empty

peek() { # PLUGIN: the statement that decodes everything
  case $1 in
    pgoutput)
      echo "SELECT count(*) FROM pg_logical_slot_peek_binary_changes('pgoutput', NULL, NULL,
        'proto_version', '1', 'publication_names', 'bench', 'binary', 'true')" ;;
    pgoutput_text)
      echo "SELECT count(*) FROM pg_logical_slot_peek_binary_changes('pgoutput', NULL, NULL,
        'proto_version', '1', 'publication_names', 'bench')" ;;
    wal2json)
      echo "SELECT count(*) FROM pg_logical_slot_peek_changes('wal2json', NULL, NULL, 'format-version', '2')" ;;
    itemize)
      echo "SELECT count(*) FROM pg_logical_slot_peek_changes('itemize', NULL, NULL, 'version', '1')" ;;
    *)
      echo "SELECT count(*) FROM pg_logical_slot_peek_changes('$1', NULL, NULL)" ;;
  esac
}

build_empty_plugin() {
  local compile
  read -r -a compile <<< "$("$pg_config" --cc) $("$pg_config" --cflags) $("$pg_config" --cflags_sl) $("$pg_config" --ldflags)"
  "${compile[@]}" -shared -isystem "$("$pg_config" --includedir-server)" -o "$bench_results/$empty_library.so" \
    "$here/empty_plugin.c"
  install -m 755 "$bench_results/$empty_library.so" "$work/stage$("$pg_config" --pkglibdir)/"
}

load() {
  ask bench --file "$work/src/tests/bench/decoding.sql"
  local plugin library
  for plugin in "${plugins[@]/pgoutput_text/}"; do # the same slot, with other options
    if [ -z "$plugin" ]; then continue; fi
    library=${plugin/#empty/$empty_library}
    ask bench --command "SELECT pg_create_logical_replication_slot('$plugin', '$library')"
  done
  ask bench --command "CALL load_places($rows)"
  # Two sessions, as transactions of one alone would never meet another's. They are ended with the workspace.
  local session pids=()
  for session in 1 2; do
    "${psql_to[@]}" --dbname bench --command "CALL update_places($rows, $passes, $session, 2)" > /dev/null &
    pids+=($!)
  done
  for session in "${pids[@]}"; do
    wait "$session" || fail_bench "the updates failed"
  done
  # Decoding reads what is flushed, and a transaction still in progress would hold its horizon back.
  ask bench --command 'CHECKPOINT'
  ask bench --command "SELECT count(*) FROM pg_stat_activity
    WHERE backend_type IN ('client backend', 'autovacuum worker') AND pid <> pg_backend_pid() AND state <> 'idle'"
  [ "$answer" = 0 ] || fail_bench "$answer transactions are still going on"
}

# Also brings the WAL into memory, before the first round.
check_that_all_is_decoded() {
  ask bench --command "WITH piece AS MATERIALIZED (SELECT data FROM pg_logical_slot_peek_changes('itemize', NULL, NULL))
    SELECT sum((length(data) - length(replace(data, E'\nI\t', ''))) / 3),
           sum((length(data) - length(replace(data, E'\nU\t', ''))) / 3) FROM piece"
  [ "$answer" = "$rows|$((rows * passes))" ] || fail_bench "the plugin gave $answer inserts and updates"
  ask bench --command "$(peek empty)"
  [ "$answer" = 0 ] || fail_bench "the empty plugin is not empty"
}

measure() { # ROUND PLUGIN
  ask bench --command '\timing on' --command "$(peek "$2")"
  awk -v round="$1" -v plugin="$2" '/^Time:/ { print round, plugin, $2 / 1000; found = 1 } END { exit !found }' \
    "$work/answer" >> "$work/measurements" || fail_bench "psql did not say how long $2 took"
}

print_row() { # LABEL CELL...
  printf '%-14s' "$1"
  shift
  printf ' %12s' "$@"
  printf '\n'
}

begin_bench
build_empty_plugin
start_bench_server "wal2json,$empty_library" checkpoint_timeout=1h max_wal_size=16GB autovacuum=off synchronous_commit=off
ask postgres --command 'CREATE DATABASE bench'
printf 'loading: %d inserts in one transaction, %d updates in one each\n' "$rows" $((rows * passes))
load
check_that_all_is_decoded

print_row 'seconds' "${plugins[@]}"
for ((round = 1; round <= rounds; round++)); do
  for ((at = 0; at < ${#plugins[@]}; at++)); do
    measure "$round" "${plugins[((at + round) % ${#plugins[@]})]}"
  done
  cells=()
  for plugin in "${plugins[@]}"; do
    cells+=("$(awk -v round="$round" -v plugin="$plugin" '$1 == round && $2 == plugin { printf "%.3f", $3 }' "$work/measurements")")
  done
  print_row "round $round" "${cells[@]}"
done

result=$(jq -nR -f "$here/decoding.jq" "$work/measurements" --args "${plugins[@]}")
for kind in '' min_ max_; do
  mapfile -t cells < <(jq -r --arg kind "$kind" '.figures[$ARGS.positional[] + "_" + $kind + "s"]' \
    --args "${plugins[@]}" <<< "$result" | xargs printf '%.3f\n')
  label=${kind%_}
  print_row "${label:-median}" "${cells[@]}"
done
jq -r '.ratios | to_entries[] | "\(.key): \(.value)"' <<< "$result"

ask bench --command "SELECT current_setting('logical_decoding_work_mem'), current_setting('work_mem'),
  current_setting('shared_buffers')"
IFS='|' read -r logical_decoding_work_mem work_mem shared_buffers <<< "$answer"
setup=$(describe_setup --argjson rows "$rows" --argjson inserts_in_one_transaction "$rows" \
  --argjson single_row_updates $((rows * passes)) --argjson columns 10 --argjson rounds "$rounds" \
  --arg ratios 'median of the rounds, each with itemize and the other measured in that round' \
  --arg figures 'seconds; median, min and max of the rounds' \
  --arg pgoutput 'proto_version 1, binary values (its faster way)' \
  --arg pgoutput_text 'proto_version 1, text values (its default)' --arg wal2json 'format-version 2' \
  --arg logical_decoding_work_mem "$logical_decoding_work_mem" --arg work_mem "$work_mem" --arg shared_buffers "$shared_buffers")
write_result decoding "$(jq .figures <<< "$result")" "$(jq .ratios <<< "$result")" "$setup"
