# From the measurements of the pipeline benchmark (lines `subject name value`, raw) to figures and ratios. The subject of
# the backlog is a round; a percentile is the nearest rank.
def median: sort | if length % 2 == 1 then .[length / 2 | floor] else (.[length / 2 - 1] + .[length / 2]) / 2 end;
def percentile(rank): sort | .[(length * rank / 100 | ceil) - 1];
def round_to(digits): pow(10; digits) as $scale | . * $scale | round / $scale;

[inputs | split(" ")] as $lines
| def of($subject; $name): [$lines[] | select(.[0] == $subject and .[1] == $name) | .[-1] | tonumber];
  [$lines[] | select(.[0] | test("^[0-9]+$"))] as $backlog
| ($backlog | group_by(.[0]) | map(map({key: .[1], value: .[2] | tonumber}) | from_entries)) as $rounds
| def each(f): $rounds | map(f);
  # Transactions a second of each round, in which a kind ran twice.
  def writer_rounds($kind): of("writers"; $kind) as $tps | [range(0; $tps | length; 2) | ($tps[.] + $tps[. + 1]) / 2];
  def writer_ratios($kind; $other): [writer_rounds($kind), writer_rounds($other)] | transpose | map(.[0] / .[1]);
  def ratio_to($name): $rounds | map(.itemize_s / .[$name]) | median | round_to(3);
  {
    figures: ({
      changes_per_second: each($changes / .itemize_s) | median | round,
      changes_per_second_min: each($changes / .itemize_s) | min | round,
      changes_per_second_max: each($changes / .itemize_s) | max | round,
      sidecar_cpu_us_per_change: each(.publish_cpu + .apply_cpu) | median | round_to(2),
      publish_cpu_us_per_change: each(.publish_cpu) | median | round_to(2),
      apply_cpu_us_per_change: each(.apply_cpu) | median | round_to(2),
      walsender_cpu_us_per_change: each(.decode_cpu) | median | round_to(2),
      global_redis_cpu_us_per_change: each(.global_redis_cpu) | median | round_to(2),
      local_redis_cpu_us_per_change: each(.local_redis_cpu) | median | round_to(2),
      all_cpu_us_per_change: each(.decode_cpu + .publish_cpu + .apply_cpu + .global_redis_cpu + .local_redis_cpu) | median | round_to(2),
      itemize_s: each(.itemize_s) | median | round_to(3),
      wal2json_loop_s: each(.wal2json_loop_s) | median | round_to(3),
      wal2json_loop_cpu_us_per_change: each(.wal2json_loop_cpu) | median | round_to(2),
      decoding_only_s: each(.itemize_decode_s) | median | round_to(3),
      empty_plugin_s: each(.empty_plugin_s) | median | round_to(3),
      redis_set_s: each(.redis_set_s) | median | round_to(3),
      redis_set_cpu_us: each(.redis_set_cpu) | median | round_to(2),
      p50_ms: of("live"; "items") | percentile(50) | round_to(3),
      p99_ms: of("live"; "items") | percentile(99) | round_to(3),
      max_ms: of("live"; "items") | max | round_to(3),
      notify_p50_ms: of("live"; "notify") | percentile(50) | round_to(3),
      notify_p99_ms: of("live"; "notify") | percentile(99) | round_to(3),
      large_transaction_s: of("large"; "seconds")[0],
      large_transaction_publisher_mb: of("large"; "publisher_mb")[0],
      large_transaction_applier_mb: of("large"; "applier_mb")[0],
      large_transaction_server_mb: of("large"; "server_mb")[0],
      large_transaction_longest_step_ms: of("large"; "longest_step_ms")[0],
      large_transaction_p99_step_ms: of("large"; "most_steps_ms")[0]
    }
    + ([("none", "pgoutput", "itemize", "sidecar") as $kind | writer_rounds($kind) as $tps
        | {"writer_tps_\($kind)": $tps | median | round, "writer_tps_\($kind)_min": $tps | min | round,
           "writer_tps_\($kind)_max": $tps | max | round}] | add)
    + ([(1, 2, 4) as $n | {
        "walsender_cpu_us_per_change_clusters_\($n)": [$lines[] | select(.[0] == "clusters" and .[1] == "\($n)" and .[2] == "cpu_us") | .[3] | tonumber][0],
        "database_connections_clusters_\($n)": [$lines[] | select(.[0] == "clusters" and .[1] == "\($n)" and .[2] == "connections") | .[3] | tonumber][0]}] | add)),
    ratios: {
      itemize_over_wal2json_loop: ratio_to("wal2json_loop_s"),
      itemize_over_empty_plugin: ratio_to("empty_plugin_s"),
      itemize_over_redis_set: ratio_to("redis_set_s"),
      p50_over_notify_p50: ((of("live"; "items") | percentile(50)) / (of("live"; "notify") | percentile(50)) | round_to(2)),
      # Each round's own: what else the machine did weighs on both.
      writer_tps_over_pgoutput: writer_ratios("itemize"; "pgoutput") | median | round_to(3),
      writer_tps_with_sidecar_over_pgoutput: writer_ratios("sidecar"; "pgoutput") | median | round_to(3),
      writer_tps_over_none: writer_ratios("itemize"; "none") | median | round_to(3),
      writer_tps_over_pgoutput_rounds: writer_ratios("itemize"; "pgoutput") | map(round_to(3)),
      writer_tps_over_pgoutput_min: writer_ratios("itemize"; "pgoutput") | min | round_to(3),
      writer_tps_over_pgoutput_max: writer_ratios("itemize"; "pgoutput") | max | round_to(3)
    }
  }
