# From the measurements of the live benchmark (lines `name value`, raw) to figures and ratios. A percentile is the
# nearest rank.
def percentile(rank): sort | .[(length * rank / 100 | ceil) - 1];
def round_to(digits): pow(10; digits) as $scale | . * $scale | round / $scale;

[inputs | split(" ") | {name: .[0], value: .[1] | tonumber}] as $measured
| def of($name): $measured | map(select(.name == $name).value);
  {
    figures: {
      connections: of("connected")[0],
      connects_per_second: (of("connected")[0] / of("connecting_ms")[0] * 1000 | round),
      bytes_per_idle_connection: of("bytes")[0],
      bytes_per_connection_after_broadcasts: of("bytes_after_broadcasts")[0],
      broadcast_10k_ms: of("broadcast") | max | round_to(1),
      broadcast_10k_p50_ms: of("broadcast") | percentile(50) | round_to(1),
      bare_send_p50_ms: of("floor") | percentile(50) | round_to(1),
      fanout_p50_ms: of("quiet") | percentile(50) | round_to(2),
      fanout_p99_ms: of("quiet") | percentile(99) | round_to(2),
      fanout_max_ms: of("quiet") | max | round_to(2),
      fanout_p50_beside_slow_ms: of("slow") | percentile(50) | round_to(2),
      fanout_p99_beside_slow_ms: of("slow") | percentile(99) | round_to(2)
    },
    ratios: {
      broadcast_over_bare_send: ((of("broadcast") | percentile(50)) / (of("floor") | percentile(50)) | round_to(2)),
      fanout_p99_beside_slow_over_without: ((of("slow") | percentile(99)) / (of("quiet") | percentile(99)) | round_to(2))
    }
  }
