# shellcheck shell=bash
# Part of the pipeline benchmark: more clusters, and one transaction with a million rows. Sourced by pipeline.sh.

# The backlog once more, for 1, 2 and 4 clusters that read the one stream: what of it the database notices.
measure_clusters() {
  local clusters cluster slot
  for clusters in 1 2 4; do
    slot=clusters_$clusters
    copy_slot itemize "$slot"
    start_redis stream
    for ((cluster = 1; cluster <= clusters; cluster++)); do
      start_redis "cluster$cluster"
      ITEMIZE_CLUSTER=cluster$cluster start_sidecar "applier$cluster" local --global-redis "unix://$work/run/stream.sock" \
        --local-redis "unix://$work/run/cluster$cluster.sock"
    done
    start_sidecar publisher global --global-redis "unix://$work/run/stream.sock" --slot "$slot" --stream-max-entries 1000000
    for ((cluster = 1; cluster <= clusters; cluster++)); do
      await_applied "cluster$cluster" "$end_lsn"
    done
    ask bench --command "SELECT count(*) FROM pg_stat_activity WHERE usename LIKE 'itemize%'"
    printf 'clusters %d connections %d\nclusters %d cpu_us %s\n' "$clusters" "$answer" "$clusters" \
      "$(cpu_us "$(cpu_ns "$(walsender_pid "$slot")")")" | tee -a "$work/measurements"
    for ((cluster = 1; cluster <= clusters; cluster++)); do
      end_process "applier$cluster"
      stop_redis "cluster$cluster"
    done
    end_process publisher
    stop_redis stream
    await 'the slot is free' "$work/publisher.log" slot_is_free "$slot"
    ask bench --command "SELECT pg_drop_replication_slot('$slot')"
  done
}

# One update of a million rows, of which as many are held as fit the backlog's: memory of the sidecars, how long a step
# keeps the local Redis busy, and whether the stream has it whole.
measure_large_transaction() {
  local longest started ended
  printf 'one transaction of %d changes\n' "$large_rows"
  ask bench --command "INSERT INTO place SELECT $rows + id, 'Place number ' || id, 'A quiet room with a view', 'Gent', 20 + id % 400, NULL, NULL, now(), now(), 0 FROM generate_series(1, $large_rows - $rows) id"
  start_pipeline "$rows" --stream-max-entries 1000000
  in_redis local config set slowlog-log-slower-than 1000 slowlog-max-len 100000 > /dev/null
  in_redis local slowlog reset > /dev/null
  started=$(now_ns)
  ask bench --command "UPDATE place SET reviews = reviews + 1"
  last_change
  await_applied local "$answer"
  ended=$(now_ns)
  longest=$(in_redis local eval "$longest_script" 0)
  printf 'large seconds %s\nlarge publisher_mb %s\nlarge applier_mb %s\nlarge longest_step_ms %s\n' \
    "$(seconds_between "$started" "$ended")" "$(memory_peak_mb publisher)" "$(memory_peak_mb applier)" \
    "$(awk -v us="$longest" 'BEGIN { printf "%.1f", us / 1000 }')" | tee -a "$work/measurements"
  end_pipeline
}

# Microseconds of the longest command but those of this benchmark.
longest_script="
local longest = 0
for _, entry in ipairs(redis.call('SLOWLOG', 'GET', '-1')) do
  if entry[4][1] == 'EVALSHA' and entry[3] > longest then longest = entry[3] end
end
return longest"
