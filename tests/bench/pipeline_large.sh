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
# keeps the local Redis busy, and whether the stream has it whole. Not all of a step's time is Redis' own: where others
# run on the machine, some steps are interrupted. So the bar is for 99 of 100 steps that took a millisecond and more.
measure_large_transaction() {
  local begin longest most part started ended whole
  printf 'one transaction of %d changes\n' "$large_rows"
  ask bench --command "INSERT INTO place SELECT $rows + id, 'Place number ' || id, 'A quiet room with a view', 'Gent', 20 + id % 400, NULL, NULL, now(), now(), 0 FROM generate_series(1, $large_rows - $rows) id"
  start_pipeline "$rows" --stream-max-entries 1000000
  in_redis local config set slowlog-log-slower-than 1000 slowlog-max-len 100000 > /dev/null
  in_redis local slowlog reset > /dev/null
  ask bench --command "SELECT pg_current_wal_insert_lsn() - '0/0'::pg_lsn"
  begin=$answer
  started=$(now_ns)
  ask bench --command "UPDATE place SET reviews = reviews + 1"
  last_change
  await_applied local "$answer"
  ended=$(now_ns)
  read -r longest most <<< "$(in_redis local eval "$longest_script" 0)"
  whole=$(in_redis global eval "$whole_script" 1 "itemize:{$(in_redis global get itemize:epoch)}:stream" "$begin")
  printf 'large seconds %s\nlarge publisher_mb %s\nlarge applier_mb %s\nlarge server_mb %s\nlarge longest_step_ms %s\nlarge most_steps_ms %s\n' \
    "$(seconds_between "$started" "$ended")" "$(memory_peak_mb publisher)" "$(memory_peak_mb applier)" \
    "$(memory_peak_mb server)" "$longest" "$most" | tee -a "$work/measurements"
  [ "$whole" = "$large_rows" ] || fail_bench "the stream has $whole changes of the large transaction, each once and in order, not $large_rows"
  for part in publisher applier server; do
    within "$(memory_peak_mb "$part")" 200 || fail_bench "the $part took more than 200 MB"
  done
  within "$most" 20 || fail_bench "steps keep the local Redis busy for more than 20 ms"
  end_pipeline
}

within() { # FIGURE BAR
  awk -v figure="$1" -v bar="$2" 'BEGIN { exit !(figure < bar) }'
}

# Milliseconds of the longest command but those of this benchmark, and of the 99th percentile.
longest_script="
local steps = {0}
for _, entry in ipairs(redis.call('SLOWLOG', 'GET', '-1')) do
  if entry[4][1] == 'EVALSHA' then steps[#steps + 1] = entry[3] end
end
table.sort(steps)
return string.format('%.1f %.1f', steps[#steps] / 1000, steps[math.ceil(#steps * 0.99)] / 1000)"

# How many updates the first transaction after an LSN has in the stream; 0 when they are not numbered from 1 on.
whole_script="
local from, lsn, expected = '(' .. ARGV[1] .. '-0', nil, 0
while true do
  local entries = redis.call('XRANGE', KEYS[1], from, '+', 'COUNT', 16)
  if not entries[1] then return expected end
  for _, entry in ipairs(entries) do
    local piece = entry[2][2]
    for ordinal in string.gmatch(piece, '\\nU\\t(%d+)\\t') do
      lsn = lsn or string.match(entry[1], '^%d+')
      if lsn ~= string.match(entry[1], '^%d+') then return expected end
      expected = expected + 1
      if tonumber(ordinal) ~= expected then return 0 end
    end
    from = '(' .. entry[1]
  end
end"
