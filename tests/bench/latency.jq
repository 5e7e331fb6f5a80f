# From the measurements (lines `kind milliseconds`, raw) to figures and ratios. A percentile is the nearest rank.
def percentile(rank): sort | .[(length * rank / 100 | ceil) - 1];
def round_to(digits): pow(10; digits) as $scale | . * $scale | round / $scale;

[inputs | split(" ") | {kind: .[0], milliseconds: .[1] | tonumber}] as $measured
| def of($kind): $measured | map(select(.kind == $kind).milliseconds);
  {
    figures: {
      itemize_p50_ms: of("item") | percentile(50) | round_to(3),
      itemize_p99_ms: of("item") | percentile(99) | round_to(3),
      itemize_min_ms: of("item") | min | round_to(3),
      itemize_max_ms: of("item") | max | round_to(3),
      notify_p50_ms: of("notify") | percentile(50) | round_to(3),
      notify_p99_ms: of("notify") | percentile(99) | round_to(3),
      notify_min_ms: of("notify") | min | round_to(3),
      notify_max_ms: of("notify") | max | round_to(3)
    },
    ratios: {
      itemize_p50_over_notify_p50: ((of("item") | percentile(50)) / (of("notify") | percentile(50)) | round_to(2))
    }
  }
